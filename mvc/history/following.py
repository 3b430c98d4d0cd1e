"""The history of one file across renames: ``git log --follow``.

Each line of history follows the name that the file has in it. A model that was renamed and changed is still
followed as long as half of its tensors are what they were; any other file while it is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mvc.errors import UsageError
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.inventory import Inventory, Model
from mvc.history.moved import moved_from
from mvc.ids import CommitId


def follow(
    context: Context, include: Sequence[CommitId], exclude: Sequence[CommitId], path: str
) -> Iterator[Commit]:
    """Commits that changed what is ``path`` at each of ``include``, newest first.

    Raises:
        UsageError: there is nothing of that name at any of them.
    """
    inventory, git = Inventory(context), context.git
    names: dict[CommitId, set[str]] = {}
    for id_ in include:
        if inventory.model(git.commit(id_).tree, path) is not None:
            names.setdefault(id_, set()).add(path)
    if not names:
        raise UsageError(f"'{path}' is not tracked there", hint=f"mvc log -- {path}")
    for id_ in git.walk(include, exclude):
        followed = names.pop(id_, None)
        if followed:
            commit = git.commit(id_)
            changed = [_passed_on(context, inventory, commit, name, names) for name in followed]
            if any(changed):
                yield commit


def _passed_on(
    context: Context,
    inventory: Inventory,
    commit: Commit,
    name: str,
    names: dict[CommitId, set[str]],
) -> bool:
    """Follow the file to the parents that have it, to one alone that has the same; whether none has."""
    model = inventory.model(commit.tree, name)
    if model is None:
        return False
    earlier: list[tuple[CommitId, Model]] = []
    for parent in commit.parents:
        tree = context.git.commit(parent).tree
        found = inventory.model(tree, name)
        if found is None:
            found = moved_from(context, inventory, tree, commit.tree, model)
        if found is not None and found.name == name and found.blobs == model.blobs:
            names.setdefault(parent, set()).add(name)
            return False
        if found is not None:
            earlier.append((parent, found))
    for parent, found in earlier:
        names.setdefault(parent, set()).add(found.name)
    return True
