"""HEAD, refs and reflogs: can each be read, does it name something that is there, do the logs agree?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mvc.errors import MvcError
from mvc.history import reflog
from mvc.history.bisection import BISECT, read_bisection
from mvc.history.context import Context
from mvc.history.metrics import METRICS, read_all
from mvc.history.ref_files import PACKED, RefFiles
from mvc.history.refs import BRANCHES, OPERATIONS, STAGE, TAGS, is_id
from mvc.history.unfinished import read_unfinished
from mvc.maintenance import logged
from mvc.maintenance.finding import Finding
from mvc.maintenance.housing import read
from mvc.maintenance.logged import Chain

#: What begins a line of a reflog, and no message.
_TWO_IDS = re.compile(r"[0-9a-f]{40} [0-9a-f]{40} ")


def check(context: Context, files: RefFiles) -> Iterator[Finding]:
    """Everything that is wrong with what names commits."""
    chain = logged.read_chain(context, files.values.get(OPERATIONS))
    for name in files.damaged:
        yield Finding(name, "its file says nothing that a ref can say")
    for line in files.packed:
        yield Finding(PACKED, f"the line {line[:60]!r} names no ref")
    for name in files.strange:
        yield Finding(name, "this file's name can't be a ref's; no verb looks at it", True)
    yield from _check_head(files, chain)
    for name, value in files.values.items():
        if is_id(value) and (reason := wrong_target(context, name, value)):
            yield Finding(name, reason, missing=value if "missing" in reason else None)
    yield from _check_operations(context, files, chain)
    yield from _check_logs(context, files)
    for name, read_value in (
        ("refs/mvc/unfinished", read_unfinished),
        (BISECT, read_bisection),
        (METRICS, read_all),
    ):
        try:
            read_value(context)
        except MvcError as error:
            yield Finding(name, error.message)


def wrong_target(context: Context, name: str, id_: str) -> str | None:
    """Why the ref ``name`` can't have the value ``id_``; None when it can."""
    git = context.git
    try:
        kind = git.kind(id_)
        while kind == "tag":
            id_ = git.tag_target(id_)
            kind = git.kind(id_)
    except MvcError:
        return f"names {id_}, which is missing or damaged"
    wanted = "tree" if name == STAGE else "commit"
    if kind != wanted and not name.startswith(TAGS) and not name.startswith("refs/mvc/kept/"):
        return f"names the {kind} {id_}, not a {wanted}"
    return None


def lost(context: Context, files: RefFiles, chain: Chain) -> dict[str, str]:
    """The refs that the operation log has and no file has, with the value that they should have.

    A branch whose reflog is gone too was deleted by Git's own tools, which know nothing of the operation log.
    """
    found = {}
    logs = set(logged.reflogs(context.folder))
    current = files.values.get("HEAD", "").removeprefix("ref: ")
    for name, values in chain.values.items():
        there = name in files.values or name in files.damaged
        value = values[0]
        if there or value is None or name == "HEAD":
            continue
        if name.startswith(BRANCHES) and name not in logs and name != current:
            continue
        found[name] = value
    return found


def wrong_branch(files: RefFiles, chain: Chain) -> str | None:
    """Why HEAD can't follow what it follows; None when it can. A branch without a commit is fine if new."""
    head = files.values.get("HEAD", "")
    branch = head.removeprefix("ref: ")
    if head == branch or branch in files.values or branch in files.damaged:
        return None
    if not branch.startswith(BRANCHES):
        return f"follows {branch}, which is no branch"
    never = branch not in chain.values and chain.expected("HEAD") != head
    if never and any(name.startswith(BRANCHES) for name in chain.values):
        return f"follows {branch}, a branch that never was"
    return None


def _check_head(files: RefFiles, chain: Chain) -> Iterator[Finding]:
    if "HEAD" not in files.values and "HEAD" not in files.damaged:
        yield Finding("HEAD", "is missing")
    if reason := wrong_branch(files, chain):
        yield Finding("HEAD", reason)


def _check_operations(context: Context, files: RefFiles, chain: Chain) -> Iterator[Finding]:
    for name, value in lost(context, files, chain).items():
        yield Finding(name, f"is missing; the operation log has it at {value}")
    for name, values in chain.values.items():
        known = name in files.values or name in files.damaged
        if name.startswith(BRANCHES) and values[0] and not known:
            if name not in lost(context, files, chain):
                short = name.removeprefix(BRANCHES)
                hint = f"mvc branch {short} {values[0]} makes it again"
                yield Finding(name, f"was deleted by another tool; {hint}", True)
    if chain.broken:
        id_, reason = chain.broken
        yield Finding(f"operation {id_}", f"{reason}; {chain.length} newer operations can be read")
    if OPERATIONS in files.values or OPERATIONS in files.damaged:
        return
    if read(context.folder, "applied") is not None or STAGE in files.values:
        yield Finding(
            OPERATIONS, "is missing: the operation log, and with it undo, is out of reach"
        )


def _check_logs(context: Context, files: RefFiles) -> Iterator[Finding]:
    git = context.git
    for ref in logged.reflogs(context.folder):
        last = None
        for number, (_, move) in enumerate(logged.lines(context.folder, ref), start=1):
            where = f"logs/{ref}, line {number}"
            if move is None:
                yield Finding(where, "a crash or damage left it; verbs pass over it", True)
                continue
            for id_ in dict.fromkeys((move.old, move.new)):
                if id_ != reflog.NONE and id_ not in git:
                    yield Finding(where, f"names {id_}, which is missing", missing=id_)
            if _TWO_IDS.search(move.message):
                yield Finding(
                    where, "holds a second line: the newline between them is damaged", True
                )
            if last is not None and move.old != last:
                yield Finding(where, f"begins at {move.old}, the line before ends at {last}", True)
            last = move.new
        if last is not None and ref in files.values and last != files.target(ref):
            yield Finding(f"logs/{ref}", f"ends at {last}, not where {ref} is", True)
