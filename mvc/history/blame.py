"""Which commit last changed each tensor of a model: ``git blame``, where a line is a tensor.

Source: Git's ``blame.c`` (``pass_blame``, ``find_origin``, ``find_rename``). A commit hands every tensor that
a parent has with the same dtype, shape and bytes on to that parent; what no parent takes is its own. Of a
merge, the first parent that has all the same takes everything, else each parent takes what it can, in their
order. Files that were renamed are followed, also those of which up to half of the tensors changed on the way.
No tensor is read.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from mvc.errors import UsageError
from mvc.history import revisions
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.inventory import Inventory, Line, Model, chosen, entry_of, name_of
from mvc.history.manifest import Entry
from mvc.history.moved import moved_from
from mvc.ids import CommitId
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Blamed:
    """A tensor, the file it lies in, and the commit that last changed it, where its model was ``origin``.

    ``entry`` is None for an undecided tensor.
    """

    name: str
    path: str
    entry: Entry | None
    commit: Commit
    origin: str


def blame(
    context: Context, path: str, revision: str = "HEAD", globs: Sequence[str] = ()
) -> list[Blamed]:
    """The tensors of the file or sharded model ``path`` at ``revision``, by name; only those that a glob names.

    Raises:
        UsageError: no such revision or model there, or a glob matches no tensor.
    """
    inventory = Inventory(context)
    commit = context.git.commit(revisions.resolve(context, revision))
    model = inventory.model(commit.tree, path)
    lines = inventory.tensors(model) if model is not None else frozenset()
    if model is None or not lines:
        raise no_model(path, revision, there=model is not None)
    names = {line: name_of(line) for line in lines}
    kept = frozenset(chosen(sorted(set(names.values())), globs, path))
    wanted = {line for line, name in names.items() if name in kept}
    found = Scoreboard(context, inventory).assign(commit, path, wanted)
    homes = {line: file for file, blob in reversed(model.files) for line in inventory.of_blob(blob)}
    ordered = sorted(wanted, key=lambda line: (names[line], line))
    return [Blamed(names[line], homes[line], entry_of(line), *found[line]) for line in ordered]


def no_model(path: str, revision: str, *, there: bool) -> UsageError:
    """What to say of a ``path`` that has no tensors at ``revision``."""
    if there:
        return UsageError(f"{path} has no tensors in {revision}", hint=f"mvc log -- {path}")
    return UsageError(f"no such model '{path}' in {revision}", hint=f"mvc ls -l {revision}")


class Scoreboard:
    """Who is suspected of which tensors, newest first; may be asked again and again."""

    def __init__(self, context: Context, inventory: Inventory) -> None:
        self._context = context
        self._git = context.git
        self._inventory = inventory
        self._suspects: dict[tuple[CommitId, str], set[Line]] = {}
        self._waiting: list[tuple[int, int, tuple[CommitId, str]]] = []
        self._commits: dict[CommitId, Commit] = {}
        self._entered = 0

    def assign(
        self, commit: Commit, path: str, tensors: set[Line]
    ) -> dict[Line, tuple[Commit, str]]:
        """Of each tensor the guilty commit, and what the model was called there."""
        self._suspect(commit, path, tensors)
        found: dict[Line, tuple[Commit, str]] = {}
        while self._waiting:
            key = heapq.heappop(self._waiting)[2]
            suspected = self._suspects.pop(key, None)
            if suspected is None:
                continue
            current = self._commits.pop(key[0], None) or self._git.commit(key[0])
            for line in self._kept(current, key[1], suspected):
                found[line] = (current, key[1])
        return found

    def _suspect(self, commit: Commit, path: str, tensors: set[Line]) -> None:
        key = (commit.id, path)
        if key not in self._suspects:
            self._suspects[key] = set()
            self._commits[commit.id] = commit
            # Of two commits of one second, Git looks first at the one that it found first.
            heapq.heappush(self._waiting, (-commit.committer.time, self._entered, key))
            self._entered += 1
        self._suspects[key] |= tensors

    def _kept(self, commit: Commit, path: str, tensors: set[Line]) -> set[Line]:
        """Hand on what a parent has the same; what stays is the commit's own."""
        model = self._inventory.model(commit.tree, path)
        assert model is not None  # it was found when the tensors came here
        origins: dict[int, tuple[Commit, Model]] = {}
        for number, parent, found in self._origins(commit, model):
            if found.blobs == model.blobs or (
                len(commit.parents) > 1
                and self._inventory.tensors(found) == self._inventory.tensors(model)
            ):
                self._suspect(parent, found.name, tensors)
                return set()
            origins[number] = (parent, found)
        for _, (parent, found) in sorted(origins.items(), key=lambda one: one[0]):
            same = tensors & self._inventory.tensors(found)
            if same:
                self._suspect(parent, found.name, same)
                tensors = tensors - same
        return tensors

    def origins(self, commit: Commit, path: str) -> list[tuple[Commit, Model]]:
        """Each parent that has the model which is ``path`` in ``commit``, with what it is there."""
        model = self._inventory.model(commit.tree, path)
        found = [] if model is None else sorted(self._origins(commit, model), key=lambda o: o[0])
        return [(parent, origin) for _, parent, origin in found]

    def _origins(self, commit: Commit, model: Model) -> Iterator[tuple[int, Commit, Model]]:
        """The model in each parent: under its own name in any of them, before under another in any."""
        without = []
        for number, id_ in enumerate(commit.parents):
            parent = self._commits.get(id_) or self._git.commit(id_)
            found = self._inventory.model(parent.tree, model.name)
            if found is None:
                without.append((number, parent))
            else:
                yield number, parent, found
        for number, parent in without:
            found = moved_from(self._context, self._inventory, parent.tree, commit.tree, model)
            if found is not None:
                yield number, parent, found
