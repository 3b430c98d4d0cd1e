"""What a hostile case is, and the verdict that it must get."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Verbs that read a repository whatever it holds; each may refuse, in words.
READING = (("status",), ("log", "--stat"), ("fsck", "--full"))


@dataclass(frozen=True)
class Case:
    """``build`` makes the hostile thing in a fresh repository's folder; then ``verb`` is typed.

    ``error`` is the class that it must be refused with, and ``says`` a part of the message; None: accepted.
    ``file`` is the file that carries the case: an accepted one must come back from a commit bit for bit, a
    refused one must leave nothing behind and be kept by ``add --opaque``. ``after`` are verbs typed in any
    case, whose verdict is free. ``weight`` multiplies what the case may take of memory and time; one above 1
    is tried in the full run alone.
    """

    name: str
    build: Callable[[Path], object]
    verb: tuple[str, ...] = ("add", "-A")
    error: str | None = None
    says: str = ""
    file: str | None = None
    after: Sequence[tuple[str, ...]] = ()
    weight: int = 1


def of_file(
    name: str,
    data: bytes | Callable[[], bytes],
    error: str | None = None,
    says: str = "",
    *,
    file: str,
) -> Case:
    """A case that is one file's content; ``data`` may be made when it is needed."""

    def build(root: Path) -> None:
        (root / file).write_bytes(data if isinstance(data, bytes) else data())

    return Case(name, build, ("add", file), error, says, file)
