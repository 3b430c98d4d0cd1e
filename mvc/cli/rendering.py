"""How a status reads: Git's words."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mvc.cli.output import quoted, some
from mvc.history.refs import is_id
from mvc.history.revisions import shorten

if TYPE_CHECKING:
    from mvc.worktree.status import Delta, Status

_CODES = {"new file": "A", "modified": "M", "deleted": "D", "renamed": "R", "typechange": "T"}
_WIDTH = 12

#: What the kinds of conflicts are called.
CONFLICTS = {
    "tensors": "tensors changed on both sides",
    "text": "both modified",
    "bytes": "both modified",
    "add-add": "both added",
    "delete-modify": "deleted on one side, modified on the other",
    "file-folder": "a file on one side, a folder on the other",
}


def seen_from(status: Status, folder: str) -> Status:
    """``status`` with paths as they are typed in ``folder`` (as tracked; ``""`` is the root), as in Git."""

    def seen(path: str) -> str:
        return posixpath.relpath(path, folder) + ("/" if path.endswith("/") else "")

    def moved(delta: Delta) -> Delta:
        old = delta.old_path
        return replace(delta, path=seen(delta.path), old_path=None if old is None else seen(old))

    if not folder:
        return status
    return replace(
        status,
        staged=tuple(map(moved, status.staged)),
        unstaged=tuple(map(moved, status.unstaged)),
        untracked=tuple(map(seen, status.untracked)),
        conflicts=tuple(replace(one, path=seen(one.path)) for one in status.conflicts),
        skipped=tuple((seen(path), reason) for path, reason in status.skipped),
        undecided=tuple((seen(path), names) for path, names in status.undecided),
    )


def status_lines(status: Status) -> Iterator[str]:
    """The long form."""
    if status.branch is not None:
        yield f"On branch {status.branch}"
    else:
        yield click.style("HEAD detached at ", fg="red") + shorten(status.head or "")
    if status.unborn:
        yield "\nNo commits yet"
    if status.unfinished:
        yield from _unfinished(status)
    if status.bisecting is not None:
        start = shorten(status.bisecting) if is_id(status.bisecting) else quoted(status.bisecting)
        yield f"You are currently bisecting, started from branch '{start}'."
        yield '  (use "mvc bisect reset" to get back to the original branch)'
    if status.staged:
        yield "\nChanges to be committed:"
        yield '  (use "mvc restore --staged <file>..." to unstage)'
        yield from (_change(delta, "green") for delta in status.staged)
    if status.conflicts:
        yield "\nUnmerged paths:"
        yield '  (use "mvc checkout --ours|--theirs <file>...", "mvc resolve" or edit and "mvc add <file>...")'
        for one in status.conflicts:
            text = CONFLICTS.get(one.kind, one.kind)
            yield click.style(f"\t{text}:   {quoted(one.path)}", fg="red")
    if status.undecided:
        yield "\nUndecided tensors, in the files as ours:"
        yield '  (use "mvc conflicts" to see their sides, "mvc resolve" to settle them)'
        for path, names in status.undecided:
            yield click.style(f"\t{quoted(path)}: {some([*map(quoted, names)])}", fg="magenta")
    if status.unstaged:
        yield "\nChanges not staged for commit:"
        yield '  (use "mvc add <file>..." to update what will be committed)'
        yield '  (use "mvc restore <file>..." to discard changes in working directory)'
        yield from (_change(delta, "red") for delta in status.unstaged)
    if status.untracked:
        yield "\nUntracked files:"
        yield '  (use "mvc add <file>..." to include in what will be committed)'
        yield from (click.style(f"\t{quoted(path)}", fg="red") for path in status.untracked)
    if status.skipped:
        yield "\nNot trackable:"
        yield from (f"\t{quoted(path)} ({reason})" for path, reason in status.skipped)
    yield from _verdict(status)


def short_status_lines(status: Status) -> Iterator[str]:
    """``XY path``, as ``git status --short``."""
    marks: dict[str, list[str]] = {}
    origins: dict[str, str] = {}
    for position, deltas in enumerate((status.staged, status.unstaged)):
        for delta in deltas:
            marks.setdefault(delta.path, [" ", " "])[position] = _CODES[delta.kind]
            if delta.old_path:
                origins[delta.path] = f"{delta.old_path} -> "
    for one in status.conflicts:
        marks[one.path] = ["U", "U"]
    for path, (staged, unstaged) in sorted(marks.items(), key=lambda one: one[0]):
        codes = click.style(staged, fg="green") + click.style(unstaged, fg="red")
        yield f"{codes} {quoted(origins.get(path, '') + path)}"
    for path in status.untracked:
        yield click.style("??", fg="red") + f" {quoted(path)}"


def _change(delta: Delta, color: str) -> str:
    path = quoted(delta.path)
    if delta.old_path:
        path = f"{quoted(delta.old_path)} -> {path}"
    return click.style(f"\t{delta.kind + ':':<{_WIDTH}}{path}", fg=color)


def _unfinished(status: Status) -> Iterator[str]:
    kind = status.unfinished
    if kind == "stash":
        yield "A stash was applied, with conflicts; it is kept."
        yield '  (settle them, or use "mvc reset --hard" to give it up)'
        return
    name = (kind or "").capitalize()
    if kind == "rebase":
        state = "fix conflicts and then" if status.conflicts else "all conflicts fixed:"
        yield "You are currently rebasing."
        yield f'  ({state} run "mvc rebase --continue")'
        yield '  (use "mvc rebase --skip" to skip this patch)'
        yield '  (use "mvc rebase --abort" to check out the original branch)'
        return
    if status.between:
        yield f"{name} currently in progress."
        yield f'  (run "mvc {kind} --continue" to continue)'
    elif status.conflicts:
        yield f"You have an unfinished {kind}."
        yield f'  (settle the conflicts and run "mvc {kind} --continue")'
    else:
        yield f"All conflicts fixed but you are still in the middle of a {kind}."
        yield f'  (use "mvc {kind} --continue" to conclude it)'
    if kind == "revert":
        yield '  (use "mvc revert --skip" to leave this commit as it is)'
    elif kind != "merge":
        yield f'  (use "mvc {kind} --skip" to skip this patch)'
    yield f'  (use "mvc {kind} --abort" to give it up)'


def _verdict(status: Status) -> Iterator[str]:
    if status.staged or status.conflicts:
        return
    if status.unstaged:
        yield '\nno changes added to commit (use "mvc add" and/or "mvc commit -a")'
    elif status.untracked:
        yield '\nnothing added to commit but untracked files present (use "mvc add" to track)'
    elif status.unborn:
        yield '\nnothing to commit (create/copy files and use "mvc add" to track)'
    elif not status.unfinished:
        yield "nothing to commit, working tree clean"


def shape(extents: Sequence[int]) -> str:
    """``768×3072``."""
    return "×".join(map(str, extents)) or "scalar"
