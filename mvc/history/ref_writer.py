"""Writing refs and their reflogs, durably: what the operation log does with each of its changes.

Knows files and their order of being written, and nothing of operations: that a move was recorded first is
the affair of ``operations.py``, its only user.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mvc.history import reflog
from mvc.history.reflog import NONE, Move
from mvc.history.refs import BRANCHES, Refs
from mvc.history.signature import Signature
from mvc.store.fs import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mvc.history.operation import Change


class RefWriter:
    """Writes the refs of one repository folder; whoever calls holds the lock on them."""

    def __init__(self, folder: str, disk: Disk, refs: Refs) -> None:
        self._folder = folder
        self._disk = disk
        self._refs = refs

    def write(self, name: str, value: str | None) -> None:
        """Give ``name`` the value; None removes it, loose and packed."""
        path = os.path.join(self._folder, *name.split("/"))
        if value is None:
            self._forget_packed(name)
            self._remove(path)
            return
        self._disk.make_folder(os.path.dirname(path))
        self._disk.clear_empty(path)  # a deleted branch `name/…` may have left its folder
        self._disk.write_whole(path, f"{value}\n".encode("ascii"), via=self._folder)

    def settle(self, name: str) -> None:
        """Make a ref's present value durable, its removal included."""
        folder = os.path.join(self._folder, os.path.dirname(name))
        if os.path.isdir(folder):
            self._disk.sync_folder(folder)

    def note(self, change: Change, who: Signature, message: str, head_follows: str | None) -> None:
        """Say the move in the ref's reflog, and in HEAD's where HEAD follows it, as Git does."""
        if not change.ref.startswith(BRANCHES) and change.ref != "HEAD":
            return
        old, new = self._target(change.old), self._target(change.new)
        move = Move(old or NONE, new or NONE, who, change.message or message)
        if new is not None:
            reflog.append(self._folder, self._disk, change.ref, [move])
            if change.ref == head_follows:
                reflog.append(self._folder, self._disk, "HEAD", [move])
        elif change.ref != "HEAD":
            self._remove(reflog.path(self._folder, change.ref))

    def trace(self, trail: Sequence[tuple[str, str, str]], who: Signature) -> None:
        """Say in HEAD's reflog which way it went: ``(old, new, message)`` each."""
        moves = [Move(old, new, who, message) for old, new, message in trail]
        if moves:
            reflog.append(self._folder, self._disk, "HEAD", moves)

    def replace_reflog(self, name: str, moves: Sequence[Move]) -> None:
        """``moves`` shall be all that the reflog of ``name`` says; none removes it."""
        target = reflog.path(self._folder, name)
        if not moves:
            self._remove(target)
            return
        self._disk.make_folder(os.path.dirname(target))
        self._disk.write_whole(target, b"".join(move.encode() for move in moves), via=self._folder)

    def _target(self, value: str | None) -> str | None:
        if value is not None and value.startswith("ref: "):
            return self._refs.read(value.removeprefix("ref: "))
        return value

    def _remove(self, path: str) -> None:
        # Rolled forward again, `topic` may already be the folder that the new branch `topic/…` lies in.
        if os.path.isfile(path):
            self._disk.remove(path)
            self._disk.sync_folder(os.path.dirname(path))

    def _forget_packed(self, name: str) -> None:
        packed = os.path.join(self._folder, "packed-refs")
        try:
            with open(packed, encoding="utf-8") as file:
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return
        kept: list[str] = []
        dropping = False
        for line in lines:
            # A line "^id" belongs to the annotated tag on the line before it.
            dropping = line[41:].rstrip("\n") == name if line[:1] != "^" else dropping
            if not dropping:
                kept.append(line)
        if kept != lines:
            self._disk.write_whole(packed, "".join(kept).encode())
