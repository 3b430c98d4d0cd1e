"""How each member of a family is made: the one place with seeds, steps and learning rates.

Trained in 32 bits from the base and cast to BF16, as people do who publish in BF16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.families.encoder import Weights, layers
from benchmarks.families.family import LIGHT, PRUNED, STEPS
from benchmarks.families.text import WordPiece
from benchmarks.families.training import Run, full, low_rank, masked_words


@dataclass(frozen=True, slots=True)
class Member:
    """A checkpoint made of the base in 32 bits: what it is, in words, and how it comes about."""

    what: str
    make: Callable[[Weights, WordPiece], Weights]


def trained(steps: int = STEPS) -> dict[str, Member]:
    """All that is made from the base and cast to BF16 afterwards."""
    first, second = Run(1, steps, 5e-5), Run(2, steps, 2e-5)
    adapter, blocks = Run(3, steps, 1e-3), Run(4, steps, 5e-5)
    light = Run(5, 4, 2.9e-6)
    return {
        "contrastive": Member(_said("all weights, contrastive", first), _all_of(first)),
        "masked-words": Member(
            _said("all weights, masked words", second),
            lambda base, words: full(base, words, second, masked_words),
        ),
        "lora": Member(
            _said("LoRA of rank 8 on queries and values, merged", adapter),
            lambda base, words: low_rank(base, words, adapter),
        ),
        "two-blocks": Member(
            _said("the last two blocks, contrastive", blocks),
            lambda base, words: full(base, words, blocks, some=_last_two(base)),
        ),
        LIGHT: Member(_said("all weights, contrastive", light), _all_of(light)),
        PRUNED: Member("half of each matrix, by magnitude, times zero", half_pruned),
    }


def half_pruned(base: Weights, words: WordPiece | None = None) -> Weights:
    """Each matrix times a mask of the larger half: negatives that go become -0.0."""
    made = dict(base)
    for name, value in base.items():
        if value.dim() == 2 and value.is_floating_point():
            order = value.abs().flatten().argsort(stable=True)
            mask = torch.ones(value.numel())
            mask[order[: value.numel() // 2]] = 0
            made[name] = value * mask.view_as(value)
    return made


def eight_bits(base: Weights) -> Weights:
    """Each matrix as INT8 with a scale for each row, symmetric, to nearest even; the rest as it is."""
    made: Weights = {}
    for name, value in base.items():
        if value.dim() != 2 or not value.is_floating_point():
            made[name] = value
            continue
        scale = value.abs().amax(1, keepdim=True) / 127
        scale[scale == 0] = 1
        made[name] = (value / scale).round().to(torch.int8)
        made[f"{name}_scale"] = scale
    return made


def _all_of(run: Run) -> Callable[[Weights, WordPiece], Weights]:
    return lambda base, words: full(base, words, run)


def _last_two(base: Weights) -> Callable[[str], bool]:
    count = layers(base)
    return lambda name: name.startswith(
        tuple(f"encoder.layer.{number}." for number in range(count - 2, count))
    )


def _said(what: str, run: Run) -> str:
    return f"{what}; {run.steps} steps of AdamW from {run.rate:g}, seed {run.seed}"
