"""A model's outputs over texts, one block in memory at a time: kept as the states behind the last block.

They are hundreds of times smaller than logits, which the model's own last norm and head make of them, a
sequence at a time, whenever two models are compared.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from compress.architectures import heads
from compress.events import Report, unheard
from compress.matrix import Tensor
from compress.memory import explained
from compress.model.skeleton import Skeleton
from compress.streaming.states import States

#: Tokens whose logits are in memory at once: 100 MB of a vocabulary of 50,000.
_TOKENS = 512


class Outputs:
    """Of ``ids`` ``[n, length]``; ``hidden``: ``[1, length, width]`` of each sequence."""

    def __init__(self, skeleton: Skeleton, ids: Tensor, hidden: list[Tensor]) -> None:
        self._skeleton, self.ids, self.hidden = skeleton, ids, hidden

    def __len__(self) -> int:
        return len(self.hidden)

    def each(self) -> Iterator[Tensor]:
        """Of each sequence its logits ``[length, vocabulary]``, or an encoder's states ``[length, width]``."""
        step = max(1, _TOKENS // self.ids.shape[1])
        for start in range(0, len(self), step):
            batch = slice(start, start + step)
            yield from self._skeleton.leave(self.ids[batch], torch.cat(self.hidden[batch])).float()

    @property
    def kind(self) -> heads.Head:
        """What the model has on top."""
        return heads.of(self._skeleton.model)


def run(skeleton: Skeleton, ids: Tensor, report: Report = unheard) -> Outputs:
    """The outputs of the model over ``ids`` ``[n, length]``."""
    hint = "fewer or shorter sequences: --judged 8 --length 128"
    with explained("while the model is measured", hint):
        states = States(skeleton, ids)
        for number in range(len(skeleton)):
            with skeleton.loaded(number) as block:
                states.advance(block, number)
            report("evaluate", block=number, of=len(skeleton))
    return Outputs(skeleton, ids, states.sequences())
