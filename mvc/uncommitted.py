"""Blame with the work tree on top of HEAD: what no commit has yet is "Not Committed Yet", as in Git.

Reached as ``repo.blame(path)``. A file that is as HEAD has it is not read, where its times say so. Source:
Git's ``blame.c`` (``fake_working_tree_commit``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mvc.errors import UsageError
from mvc.history.blame import Blamed, blame
from mvc.history.context import Context
from mvc.history.gitforms import Commit
from mvc.history.gitobjects import EMPTY_TREE
from mvc.history.inventory import chosen
from mvc.history.manifest import Entry
from mvc.history.signature import Signature
from mvc.history.transaction import head_snapshot
from mvc.ids import CommitId, ObjectId
from mvc.inspecting import Inspection
from mvc.worktree.compare import Comparison

#: Stands for the commit that there is not.
NONE = CommitId("0" * 40)


def blame_worktree(
    context: Context,
    path: str,
    globs: Sequence[str],
    progress: Callable[[str, int, int], None] | None,
) -> list[Blamed]:
    """The tensors of ``path`` as the work tree has them, by name; only those that a glob names.

    Raises:
        UsageError: HEAD or the work tree has no such model, or a glob matches no tensor.
        FormatError: the file is not what its name says.
    """
    committed = blame(context, path)
    if _is_saved(context, {one.path for one in committed}):
        kept = set(chosen(sorted({one.name for one in committed}), globs, path))
        return [one for one in committed if one.name in kept]
    known = {(o.name, _value(o.entry)): o for o in committed if o.entry is not None}
    found = []
    for tensor in Inspection(context, path, None, progress).tensors(numeric=False):
        entry = Entry(tensor.name, tensor.dtype, tensor.shape, ObjectId(tensor.id))
        same = known.get((entry.name, _value(entry)))
        commit, origin = (same.commit, same.origin) if same else (_nobodys(path), path)
        found.append(Blamed(tensor.name, tensor.path, entry, commit, origin))
    if not found:
        raise UsageError(f"{path} has no tensors", hint=f"mvc blame {path} HEAD")
    kept = set(chosen([one.name for one in found], globs, path))
    return [one for one in found if one.name in kept]


def _is_saved(context: Context, paths: set[str]) -> bool:
    head, comparison = head_snapshot(context), Comparison(context)
    return all(comparison.state(head, path) == "same" for path in paths)


def _value(entry: Entry) -> tuple[object, ...]:
    return entry.dtype, entry.shape, entry.id


def _nobodys(path: str) -> Commit:
    who = Signature.now("Not Committed Yet", "not.committed.yet")
    return Commit(NONE, EMPTY_TREE, (), who, who, f"Version of {path} from {path}\n")
