"""A model's outputs over texts, one block in memory at a time: kept as the states behind the last block.

They are hundreds of times smaller than logits, which the model's own last norm and head make of them, a
sequence at a time, whenever two models are compared.
"""

from __future__ import annotations

from compress.events import Report, unheard
from compress.matrix import Tensor
from compress.model.skeleton import Skeleton
from compress.streaming.states import States


class Outputs:
    """Of ``ids`` ``[n, length]``; ``hidden``: ``[1, length, width]`` of each sequence."""

    def __init__(self, skeleton: Skeleton, ids: Tensor, hidden: list[Tensor]) -> None:
        self._skeleton, self.ids, self.hidden = skeleton, ids, hidden

    def __len__(self) -> int:
        return len(self.hidden)

    def of(self, number: int) -> Tensor:
        """Logits ``[length, vocabulary]`` of a sequence, or an encoder's states ``[length, width]``."""
        found = self._skeleton.leave(self.ids[number][None], self.hidden[number])
        return found[0].float()

    @property
    def kind(self) -> str:
        """``causal`` (predicts the next token), ``masked`` (logits of another kind), or ``states``."""
        name = type(self._skeleton.model).__name__
        if name.endswith(("ForCausalLM", "LMHeadModel")):
            return "causal"
        return "masked" if name.endswith("ForMaskedLM") else "states"


def run(skeleton: Skeleton, ids: Tensor, report: Report = unheard) -> Outputs:
    """The outputs of the model over ``ids`` ``[n, length]``."""
    states = States(skeleton, ids)
    for number in range(len(skeleton)):
        with skeleton.loaded(number) as block:
            states.advance(block, number)
        report("evaluate", block=number, of=len(skeleton))
    return Outputs(skeleton, ids, states.sequences())
