"""A matrix that learns: its weight is frozen, a product of two thin matrices is added (LoRA, arXiv:2106.09685).

With a mask the product is masked too, in training as in the end, so that merging it opens no zero. With NF4 the
frozen weight lies in four bits and is unpacked whenever it is used (QLoRA).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from compress.healing.nf4 import packed
from compress.matrix import Tensor


class Adapted(torch.nn.Module):  # type: ignore[misc]
    """``x (W + s · B A ∘ mask)ᵀ + b``; ``weight`` ``[out, in]``, ``keep`` its mask, bool, or None.

    A begins as a Linear's weight would, drawn by ``draw``; B begins as zeros, so that nothing changes at first.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        *,
        rank: int,
        scale: float,
        draw: torch.Generator,
        keep: Tensor | None = None,
        four_bits: bool = False,
    ) -> None:
        super().__init__()
        out, inner = weight.shape
        self.scale, self.keep, self.bias = scale, keep, bias
        self.base: Any = packed(weight) if four_bits else weight
        self.four_bits = four_bits
        reach = 1 / math.sqrt(inner)
        self.lora_A = torch.nn.Parameter(
            torch.empty(rank, inner).uniform_(-reach, reach, generator=draw)
        )
        self.lora_B = torch.nn.Parameter(torch.zeros(out, rank))

    def forward(self, inputs: Tensor) -> Tensor:
        """``[…, in]`` → ``[…, out]``."""
        if self.four_bits:  # what is unpacked is not kept for the way back, but unpacked again
            return checkpoint(
                self._multiplied, inputs, use_reentrant=False, preserve_rng_state=False
            )
        return self._multiplied(inputs)

    def _multiplied(self, inputs: Tensor) -> Tensor:
        weight = self.base.dense() if self.four_bits else self.base
        if self.keep is not None:
            return functional.linear(inputs, weight + self.added(), self.bias)
        thin = functional.linear(functional.linear(inputs, self.lora_A), self.lora_B)
        return functional.linear(inputs, weight, self.bias) + self.scale * thin

    def added(self) -> Tensor:
        """``[out, in]``: what is added to the weight."""
        added = self.scale * (self.lora_B @ self.lora_A)
        return added if self.keep is None else added * self.keep


class Pair(torch.nn.Sequential):  # type: ignore[misc]
    """Two factors that learn, each an ``Adapted``: their rank stays what it is."""

    @property
    def first(self) -> Adapted:
        """``[rank, in]``."""
        return self[0]  # type: ignore[no-any-return]

    @property
    def second(self) -> Adapted:
        """``[out, rank]``."""
        return self[1]  # type: ignore[no-any-return]
