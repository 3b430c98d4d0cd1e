"""Hidden states of many sequences between two blocks, and how each block is called: what is streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compress.matrix import Tensor
from compress.model.skeleton import Call, Skeleton

#: Tokens that go through a block at once: enough to keep a processor busy, few enough for wide blocks.
_TOKENS = 2048


class States:
    """Of ``ids`` ``[n, length]``: before the first block when made, after each that ``advance`` is given."""

    def __init__(self, skeleton: Skeleton, ids: Tensor) -> None:
        self._skeleton = skeleton
        step = max(1, _TOKENS // ids.shape[1])
        self._hidden: list[Tensor] = []
        # By the number of sequences: a mask may have it as a dimension.
        self._calls: dict[int, list[Call]] = {}
        for start in range(0, ids.shape[0], step):
            batch = ids[start : start + step]
            hidden, calls = skeleton.enter(batch)
            self._hidden.append(hidden)
            self._calls.setdefault(batch.shape[0], calls)

    def run(self, block: Any, number: int) -> Iterator[Tensor]:
        """What ``block``, the one with that number, makes of each batch, in their order."""
        for hidden in self._hidden:
            yield self._skeleton.through(block, hidden, self._calls[hidden.shape[0]][number])

    def advance(self, block: Any, number: int) -> None:
        """From before ``block`` to after it."""
        for at, after in enumerate(self.run(block, number)):
            self._hidden[at] = after

    def finite(self) -> bool:
        """Whether all are numbers."""
        return all(bool(hidden.isfinite().all()) for hidden in self._hidden)

    def sequences(self) -> list[Tensor]:
        """``[1, length, width]`` of each sequence."""
        return [one for hidden in self._hidden for one in hidden.split(1)]
