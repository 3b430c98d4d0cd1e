"""Reflogs in Git's own form: ``old new Name <email> time zone<TAB>message``, oldest first.

Source: ``git-reflog`` and ``gitrepository-layout`` (``logs``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

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


def append(folder: str, disk: Disk, ref: str, moves: Sequence[Move]) -> None:
    """Add steps, unless they are already the last ones: rolling an operation forward repeats it."""
    target = path(folder, ref)
    block = b"".join(move.encode() for move in moves)
    disk.clear_empty(target)  # the log of a deleted branch `name/…` may have left its folder
    try:
        with open(target, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - len(block) - 1))
            tail = file.read()
    except FileNotFoundError:
        tail = b""
        disk.make_folder(os.path.dirname(target))
    there = _begun(tail, block)
    if there == len(block):
        # Whoever wrote it may have been killed before it was durable.
        disk.append(target, b"")
        disk.sync_folder(os.path.dirname(target))
        return
    # A crash may have left a part of these very lines, or one that nothing else may be glued to. Then all of
    # them are written, though the first may be there: so whoever comes next finds them together.
    torn = not there and tail and not tail.endswith(b"\n")
    disk.append(target, b"\n" + block if torn else block[there:])


def _begun(tail: bytes, block: bytes) -> int:
    """How much of ``block`` a log that ends in ``tail`` has, from the beginning of a line on."""
    for count in range(min(len(tail), len(block)), 0, -1):
        start = len(tail) - count
        if tail[start:] == block[:count] and tail[max(0, start - 1) : start] in (b"", b"\n"):
            return count
    return 0
