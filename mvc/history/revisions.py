"""Revisions as Git spells them (``gitrevisions(7)``): ``HEAD~2``, ``main@{1}``, ``v1^{}``, ``a..b``.

Owns the grammar and its resolution to commits; it reads refs, reflogs and objects, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mvc.errors import UsageError
from mvc.history import reflog
from mvc.history.context import Context
from mvc.history.refs import BRANCHES, TAGS
from mvc.ids import CommitId
from mvc.values import dataclass

_STEP = re.compile(r"~(?P<back>\d*)|\^\{(?P<peel>[a-z]*)\}|\^(?P<parent>\d*)")
_AT = re.compile(r"(?P<name>.*?)@\{(?P<minus>-?)(?P<number>\d+)\}")
_SHORT = re.compile(r"[0-9a-fA-F]{4,40}")
_SWITCH = re.compile(r"checkout: moving from (\S+) to \S+")


@dataclass(frozen=True, slots=True)
class Range:
    """Commits that ``include`` reaches and ``exclude`` does not.

    ``left`` and ``right`` are the two ends as written, for ``diff``; ``symmetric`` is ``A...B``.
    """

    include: tuple[CommitId, ...]
    exclude: tuple[CommitId, ...] = ()
    left: CommitId | None = None
    right: CommitId | None = None
    symmetric: bool = False


def resolve(context: Context, text: str) -> CommitId:
    """The commit that ``text`` names.

    Raises:
        UsageError: it names none, or several.
    """
    id_ = resolve_object(context, text)
    kind = context.git.kind(id_)
    while kind == "tag":
        id_ = context.git.tag_target(id_)
        kind = context.git.kind(id_)
    if kind != "commit":
        raise UsageError(f"'{text}' names a {kind}, not a commit")
    return CommitId(id_)


def try_resolve(context: Context, text: str) -> CommitId | None:
    """The commit that ``text`` names; None when it is no revision at all."""
    try:
        return resolve(context, text)
    except UsageError:
        return None


def resolve_object(context: Context, text: str) -> str:
    """The object that ``text`` names: an annotated tag stays a tag.

    Raises:
        UsageError: it names none, or several.
    """
    match = re.search(r"[~^]", text)
    name, steps = (text[: match.start()], text[match.start() :]) if match else (text, "")
    id_ = _named(context, name)
    if id_ is None:
        raise _unknown(context, text, name)
    position = 0
    while position < len(steps):
        step = _STEP.match(steps, position)
        if step is None:
            raise UsageError(f"'{text}' is not a revision: can't read {steps[position:]!r}")
        id_ = _apply(context, id_, step, text)
        position = step.end()
    return id_


def resolve_ref(context: Context, name: str) -> str | None:
    """The full ref name that ``name`` is short for, by Git's order: as it is, tag, branch."""
    if name in ("HEAD", "@"):
        return "HEAD"
    prefixes = ("", "refs/", TAGS, BRANCHES, "refs/remotes/")
    for prefix in prefixes:
        full = prefix + name
        if full.startswith("refs/") and context.refs.raw(full) is not None:
            return full
    return None


def parse_range(context: Context, texts: Sequence[str]) -> Range:
    """What ``log`` and ``diff`` are given: revisions, ``^A``, ``A..B`` and ``A...B``.

    Raises:
        UsageError: one of them names no commit.
    """
    include: list[CommitId] = []
    exclude: list[CommitId] = []
    left = right = None
    symmetric = False
    for text in texts:
        if "..." in text:
            left, right = _ends(context, text, "...")
            include += [left, right]
            exclude += context.git.merge_bases(left, right)
            symmetric = True
        elif ".." in text:
            left, right = _ends(context, text, "..")
            include.append(right)
            exclude.append(left)
        elif text.startswith("^"):
            exclude.append(resolve(context, text[1:]))
        else:
            include.append(resolve(context, text))
    return Range(tuple(include), tuple(exclude), left, right, symmetric)


def all_ends(context: Context, texts: Sequence[str]) -> Range:
    """Every branch, every tag and HEAD (``log --all``), besides ``texts``."""
    refs = [*context.refs.list(BRANCHES), *context.refs.list(TAGS)]
    given = [text for text in texts if text != "HEAD" or context.refs.head()]
    return parse_range(context, list(dict.fromkeys([*refs, *given])))


def is_range(text: str) -> bool:
    """Whether ``text`` is written as a range or an exclusion."""
    return ".." in text or text.startswith("^")


def shorten(id_: str) -> str:
    """The usual seven digits, for people."""
    return id_[:7]


def previous_branch(context: Context, number: int = 1) -> str | None:
    """Where HEAD was before the ``number``-th last switch: a branch's short name, or an id."""
    switches = [
        match[1]
        for move in reflog.read(context.folder, "HEAD")
        if (match := _SWITCH.match(move.message))
    ]
    return switches[number - 1] if 0 < number <= len(switches) else None


def spelled_out(context: Context, text: str) -> str:
    """``text`` with the branch that ``-`` or a leading ``@{-1}`` stands for, as Git tells of it afterwards."""
    found = _AT.match("@{-1}" if text == "-" else text)
    if found is None or found["name"] or not found["minus"]:
        return text
    previous = previous_branch(context, int(found["number"]))
    return text if previous is None else previous + text[found.end() :]


def _ends(context: Context, text: str, dots: str) -> tuple[CommitId, CommitId]:
    left, _, right = text.partition(dots)
    return resolve(context, left or "HEAD"), resolve(context, right or "HEAD")


def _named(context: Context, name: str) -> str | None:
    if name == "-":
        name = "@{-1}"
    at = _AT.fullmatch(name)
    if at:
        return _from_reflog(context, at)
    ref = resolve_ref(context, name)
    if ref is not None:
        return context.refs.read(ref)
    if _SHORT.fullmatch(name):
        return context.git.expand(name.lower())
    return None


def _from_reflog(context: Context, at: re.Match[str]) -> str | None:
    number = int(at["number"])
    if at["minus"]:
        previous = previous_branch(context, number)
        return None if previous is None else _named(context, previous)
    # "@{n}" alone is the current branch's own log, "HEAD@{n}" is HEAD's.
    ref = resolve_ref(context, at["name"]) if at["name"] else context.refs.branch() or "HEAD"
    if ref is None:
        return None
    moves = reflog.read(context.folder, ref)
    if number == 0:
        return context.refs.read(ref)
    if number < len(moves):
        return moves[number].new
    if number == len(moves) and moves and moves[-1].old != reflog.NONE:
        return moves[-1].old
    raise UsageError(f"the log of '{at['name'] or ref}' has only {len(moves)} entries")


def _apply(context: Context, id_: str, step: re.Match[str], text: str) -> str:
    if step["peel"] is not None:
        return _peel(context, id_, step["peel"], text)
    commit = CommitId(_peel(context, id_, "commit", text))
    if step["back"] is not None:
        for _ in range(int(step["back"] or 1)):
            commit = _parent(context, commit, 1, text)
        return commit
    number = int(step["parent"] or 1)
    return commit if number == 0 else _parent(context, commit, number, text)


def _peel(context: Context, id_: str, kind: str, text: str) -> str:
    while context.git.kind(id_) == "tag" and kind != "tag":
        id_ = context.git.tag_target(id_)
    found = context.git.kind(id_)
    if kind == "tree" and found == "commit":
        return context.git.commit(id_).tree
    if kind not in ("", found):
        raise UsageError(f"'{text}' names a {found}, not a {kind}")
    return id_


def _parent(context: Context, id_: CommitId, number: int, text: str) -> CommitId:
    parents = context.git.commit(id_).parents
    if number > len(parents):
        raise UsageError(
            f"'{text}' goes past the history: {shorten(id_)} has {len(parents)} parent(s)",
            hint="mvc log --oneline shows how far it goes",
        )
    return parents[number - 1]


def _unknown(context: Context, text: str, name: str) -> UsageError:
    if name in ("HEAD", "@") and context.refs.head() is None:
        branch = (context.refs.branch() or "HEAD").removeprefix(BRANCHES)
        return UsageError(
            f"your current branch '{branch}' does not have any commits yet",
            hint="mvc add FILE, then mvc commit",
        )
    from difflib import get_close_matches  # for errors alone

    known = {"head": "HEAD"}
    for prefix in (BRANCHES, TAGS):
        short = (ref.removeprefix(prefix) for ref in context.refs.list(prefix))
        known.update((ref.lower(), ref) for ref in short)
    close = get_close_matches(name.lower(), known, n=1)
    hint = (
        f"did you mean '{known[close[0]]}'?" if close else "mvc log --all --oneline lists commits"
    )
    return UsageError(f"unknown revision '{text}'", hint=hint)
