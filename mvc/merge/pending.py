"""What is undecided, for people: each tensor with its sides, why it is so, and whose the sides are.

Owns the value that ``mvc conflicts`` shows. Manifests tell it all; no tensor is read and nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from mvc.history import log, revisions
from mvc.history.blame import Scoreboard
from mvc.history.context import Context
from mvc.history.inventory import Inventory
from mvc.history.manifest import Conflict
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import read_stage
from mvc.history.undecided import chosen, undecided
from mvc.history.unfinished import Unfinished, read_unfinished, waiting_tensors
from mvc.ids import CommitId
from mvc.merge.terms import reason
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class UndecidedTensor:
    """``reason`` completes "the tensor …". ``sides`` are the commits that ours, theirs and more come from.

    ``kept`` is the commit that kept it so; None while a merge waits for it. Where its history does not tell,
    there are no sides.
    """

    conflict: Conflict
    reason: str
    kept: CommitId | None
    sides: tuple[CommitId, ...]


@dataclass(frozen=True, slots=True)
class UndecidedFile:
    """``kind`` is ``tensors``, or that of the conflict of a whole file; ``total`` counts the file's tensors."""

    path: str
    kind: str
    tensors: tuple[UndecidedTensor, ...]
    total: int


def pending(
    context: Context, revision: str | None, words: Sequence[tuple[str, str | None]]
) -> list[UndecidedFile]:
    """What ``revision`` holds undecided, or the stage: of an unfinished merge, too; only what ``words`` name.

    Raises:
        UsageError: no such revision, or a word names nothing that is undecided.
    """
    waiting = read_unfinished(context) if revision is None else None
    if revision is None:
        files, ends = read_stage(context), [context.refs.head(), waiting and waiting.theirs]
    else:
        end = revisions.resolve(context, revision)
        files, ends = log.snapshot(context, end), [end]
    tensors = undecided(context, files)
    kinds = {path: one.kind for path, one in waiting.conflicts.items()} if waiting else {}
    names = {path: [c.name for c in tensors.get(path, ())] for path in sorted({*tensors, *kinds})}
    wanted = chosen(names, words) if words else names
    told = _Told(context, files, waiting, [CommitId(end) for end in ends if end])
    return [
        UndecidedFile(
            path,
            kinds.get(path, "tensors"),
            tuple(told.of(path, [c for c in tensors.get(path, ()) if c.name in kept])),
            len(m.values) if path in files and (m := files.manifest(path)) is not None else 0,
        )
        for path, kept in wanted.items()
    ]


class _Told:
    """Looks up where conflicts come from: the merge that waits, else the commit that brought them."""

    def __init__(
        self,
        context: Context,
        files: Snapshot,
        waiting: Unfinished | None,
        ends: Sequence[CommitId],
    ) -> None:
        self._git = context.git
        self._inventory = Inventory(context)
        self._scoreboard = Scoreboard(context, self._inventory)
        self._ends = ends
        self._sides = () if waiting is None else _sides_of(context, waiting)
        self._open = {} if waiting is None else waiting_tensors(context, files, waiting)
        if waiting is not None and waiting.keep:
            kept = {c for end in ends for m in _manifests(context, end) for c in m}
            self._open = {
                path: tuple(c for c in conflicts if c not in kept)
                for path, conflicts in undecided(context, files).items()
            }

    def of(self, path: str, conflicts: Sequence[Conflict]) -> list[UndecidedTensor]:
        """The conflicts of one file, each with its origin."""
        new = set(self._open.get(path, ()))
        kept = self._kept(path, {c.line for c in conflicts if c not in new})
        return [
            UndecidedTensor(c, reason(c.sides), None, self._sides)
            if c in new
            else UndecidedTensor(c, reason(c.sides), *kept.get(c.line, (None, ())))
            for c in conflicts
        ]

    def _kept(
        self, path: str, lines: set[str]
    ) -> dict[str, tuple[CommitId | None, tuple[CommitId, ...]]]:
        found: dict[str, tuple[CommitId | None, tuple[CommitId, ...]]] = {}
        for end in self._ends:
            commit = self._git.commit(end)
            model = self._inventory.model(commit.tree, path)
            here = lines.difference(found)
            here &= self._inventory.tensors(model) if model is not None else frozenset()
            for line, (guilty, _) in self._scoreboard.assign(commit, path, here).items():
                sides = guilty.parents if len(guilty.parents) > 1 else ()
                found[line] = guilty.id, tuple(sides)
        return found


def _sides_of(context: Context, waiting: Unfinished) -> tuple[CommitId, ...]:
    """Whose tensors ours and theirs are; of a revert theirs is what was before the commit."""
    theirs = context.git.commit(waiting.theirs)
    if waiting.kind != "revert":
        return (waiting.onto, waiting.theirs)
    parents = theirs.parents[(waiting.manner.mainline or 1) - 1 :]
    return (waiting.onto, *parents[:1])


def _manifests(context: Context, id_: CommitId) -> list[tuple[Conflict, ...]]:
    side = log.snapshot(context, id_)
    return [m.conflicts for m in map(side.manifest, side) if m is not None]
