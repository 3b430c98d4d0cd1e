"""A tracked file on three sides, and Git's rule for it as a whole, content unseen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mvc.history.snapshot import Snapshot
from mvc.history.unfinished import FileConflict
from mvc.ids import BlobId

Slot = tuple[int, BlobId]


class Slots(NamedTuple):
    """``(mode, blob)`` on each side; None where there is no such file."""

    base: Slot | None
    ours: Slot | None
    theirs: Slot | None

    @staticmethod
    def of(sides: Sequence[Snapshot], path: str) -> Slots:
        """The file at ``path`` in the snapshots ``(base, ours, theirs)``."""
        return Slots(*(side.get(path) for side in sides))

    def settled(self) -> tuple[Slot | None] | None:
        """What the file becomes, in a tuple; None when both sides changed it and contents must tell."""
        base, ours, theirs = self
        if theirs in (ours, base):
            return (ours,)
        if base == ours:
            return (theirs,)
        if ours is None or theirs is None:
            return None
        blob = _one_sided(None if base is None else base[1], ours[1], theirs[1])
        return None if blob is None else ((self.mode, blob),)

    @property
    def mode(self) -> int:
        """The merged mode; ours where both sides added the file with different ones."""
        found = [slot[0] for slot in (self.ours, self.theirs) if slot is not None]
        if self.base is not None and len(found) == 2 and self.base[0] == found[0]:
            return found[1]
        return found[0]

    def conflict(self, kind: str) -> FileConflict:
        """This file as something for the user to settle."""
        return FileConflict(kind, *self)


def _one_sided(base: BlobId | None, ours: BlobId, theirs: BlobId) -> BlobId | None:
    if theirs in (ours, base):
        return ours
    return theirs if base == ours else None
