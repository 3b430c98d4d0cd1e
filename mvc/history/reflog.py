"""Reflogs in Git's own form: ``old new Name <email> time zone<TAB>message``, oldest first.

Source: ``git-reflog`` and ``gitrepository-layout`` (``logs``).
"""

from __future__ import annotations

import contextlib
import os

from mvc.errors import CorruptPack
from mvc.history.refs import is_id
from mvc.history.signature import Signature
from mvc.store.fs import Disk
from mvc.values import dataclass

#: Stands for "did not exist" on either side of a change.
NONE = "0" * 40


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a ref."""

    old: str
    new: str
    who: Signature
    message: str

    def encode(self) -> bytes:
        """The log's line, newline included."""
        message = " ".join(self.message.split())
        return f"{self.old} {self.new} {self.who.encode()}\t{message}\n".encode()

    @staticmethod
    def decode(line: bytes) -> Move | None:
        """The step that a line without its newline spells; None for one that a crash or damage left."""
        head, _, message = line.decode("utf-8", "replace").partition("\t")
        old, _, rest = head.partition(" ")
        new, _, who = rest.partition(" ")
        if is_id(old) and is_id(new) and who and b"\0" not in line:
            with contextlib.suppress(CorruptPack):
                return Move(old, new, Signature.decode(who), message)
        return None


def path(folder: str, ref: str) -> str:
    """Where the log of ``ref`` lies."""
    return os.path.join(folder, "logs", ref)


def read(folder: str, ref: str) -> list[Move]:
    """The steps of ``ref``, newest first; a line that a crash or damage left is left out."""
    try:
        with open(path(folder, ref), "rb") as file:
            lines = file.read().split(b"\n")[:-1]
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return []
    moves = [move for line in lines if (move := Move.decode(line)) is not None]
    return moves[::-1]


def append(folder: str, disk: Disk, ref: str, move: Move) -> None:
    """Add a step, unless it is already the last one: rolling an operation forward repeats it."""
    target = path(folder, ref)
    line = move.encode()
    disk.clear_empty(target)  # the log of a deleted branch `name/…` may have left its folder
    try:
        with open(target, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - len(line)))
            tail = file.read()
    except FileNotFoundError:
        tail = b""
        disk.make_folder(os.path.dirname(target))
    if tail == line:
        # Whoever wrote it may have been killed before it was durable.
        disk.append(target, b"")
        disk.sync_folder(os.path.dirname(target))
        return
    # A crash may have left a part of this very line, or one that nothing else may be glued to.
    part = tail[tail.rfind(b"\n") + 1 :]
    disk.append(target, line[len(part) :] if line.startswith(part) else b"\n" + line)
