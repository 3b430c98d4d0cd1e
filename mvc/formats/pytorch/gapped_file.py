"""A skeleton seen as the file that it was cut from, with gaps where the tensors were."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

from mvc.formats.layout import Storage
from mvc.formats.pytorch.zip_directory import malformed
from mvc.formats.skeleton import Skeleton


class GappedFile:
    """Reads what a skeleton has.

    Raises:
        MalformedFile: on a read that touches a gap.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._starts: list[int] = []
        self._parts: list[memoryview] = []
        for piece in skeleton.pieces():
            if not isinstance(piece, Storage):
                self._starts.append(piece[0])
                self._parts.append(piece[1])
        self._skeleton = skeleton
        self._size = skeleton.size
        self._position = 0

    def seek(self, offset: int, /) -> int:
        """Go to ``offset``."""
        self._position = offset
        return offset

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes from here, fewer only at the end of the file."""
        taken = []
        position = self._position
        end = min(position + size, self._size)
        while position < end:
            index = bisect_right(self._starts, position) - 1
            inside = position - self._starts[index] if index >= 0 else 0
            if index < 0 or inside >= len(self._parts[index]):
                raise malformed("the file's structure reaches into a tensor", position)
            taken.append(self._parts[index][inside : inside + end - position])
            position += len(taken[-1])
        self._position = position
        return b"".join(taken)

    def patched(self, changes: Mapping[int, bytes]) -> Skeleton:
        """The skeleton with other bytes at the given offsets of the file; each lies between two gaps."""
        literal = bytearray(self._skeleton.literal)
        before = list(accumulate((len(part) for part in self._parts), initial=0))
        for offset, data in changes.items():
            index = bisect_right(self._starts, offset) - 1
            at = before[index] + offset - self._starts[index]
            literal[at : at + len(data)] = data
        return Skeleton(self._size, self._skeleton.spans, bytes(literal))
