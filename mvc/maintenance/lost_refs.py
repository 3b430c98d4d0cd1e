"""What a lost or damaged ref was: from its reflog, else from the operation log, else from what is left.

Decides and reads; ``repair`` writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mvc.errors import MvcError
from mvc.history.context import Context
from mvc.history.operation import is_operation
from mvc.history.ref_files import RefFiles
from mvc.history.reflog import NONE
from mvc.history.refs import BRANCHES, STAGE, is_id
from mvc.ids import CommitId
from mvc.maintenance import logged
from mvc.maintenance.housing import read
from mvc.maintenance.logged import Chain
from mvc.maintenance.references import wrong_target

_MOVED = re.compile(r"checkout: moving from \S+ to (\S+)")
_RENAMED = re.compile(r"Branch: renamed \S+ to refs/heads/(\S+)")


def head(context: Context, files: RefFiles, chain: Chain | None = None) -> str:
    """What HEAD followed: by the operation log, its own reflog, or the only branch that there is."""
    expected = chain.expected("HEAD") if chain else None
    if expected is not None:
        return expected
    branches = [name for name in files.values if name.startswith(BRANCHES)]
    branches += [name for name in logged.reflogs(context.folder) if name.startswith(BRANCHES)]
    steps = [line for line, move in logged.lines(context.folder, "HEAD") if move]
    for line in reversed(steps):
        message = line.decode("utf-8", "replace").rpartition("\t")[2].strip()
        found = _MOVED.match(message) or _RENAMED.match(message)
        if found and BRANCHES + found[1] in branches:
            return f"ref: {BRANCHES}{found[1]}"
        if found and is_id(found[1]):
            return found[1]
    for name in branches:
        if steps and steps[-1:] == [line for line, _ in logged.lines(context.folder, name)][-1:]:
            return f"ref: {name}"
    return f"ref: {branches[0] if len(set(branches)) == 1 else BRANCHES + 'main'}"


def value(context: Context, name: str, chain: Chain) -> str | None:
    """The newest value of ``name`` whose object is there; None when no log knows one."""
    for found in _candidates(context, name, chain):
        if found and is_id(found) and wrong_target(context, name, found) is None:
            return found
    return None


def _candidates(context: Context, name: str, chain: Chain) -> Iterator[str | None]:
    for _, move in reversed(logged.lines(context.folder, name)):
        if move is not None and move.new != NONE:
            yield move.new
    yield from chain.values.get(name, ())
    if name == STAGE:
        yield _last_stage(context)


def _last_stage(context: Context) -> str | None:
    """The tree of the newest operation is the stage after it."""
    try:
        newest = newest_operation(context)
        return None if newest is None else context.git.commit(newest).tree
    except MvcError:
        return None


def newest_operation(context: Context) -> str | None:
    """The last operation, found without its ref: the one that ``applied`` has, else among all objects.

    A command that was killed may have left the commit of an operation that never came to be; so of several
    that no other follows, the newest by its date is taken only where ``applied`` is lost too.
    """
    applied = (read(context.folder, "applied") or b"").decode("ascii", "replace").strip()
    if is_id(applied) and _is_operation(context, applied):
        return applied
    found: dict[str, int] = {}
    followed: set[str] = set()
    for id_ in context.git.ids():
        try:
            if context.git.kind(id_) == "commit":
                commit = context.git.commit(id_)
                if is_operation(commit.message):
                    found[id_] = commit.committer.time
                    followed.update(commit.parents[:1])
        except MvcError:
            continue
    ends = found.keys() - followed
    return max(ends, key=lambda id_: (found[id_], id_), default=None)


def _is_operation(context: Context, id_: str) -> bool:
    try:
        context.operations.read(CommitId(id_))
    except MvcError:
        return False
    return True
