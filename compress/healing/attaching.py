"""Adapters in a model's matrices, and what the matrices are once they have learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from compress.architectures.generic import is_transposed
from compress.edit import Dense, Edit, Factors, Mask, Payload
from compress.healing.adapter import Adapted, Pair
from compress.matrix import Tensor
from mvc.history.record import Json
from mvc.values import dataclass

#: What a weight is stored as, by what stands after the module's name.
Stored = Callable[[str], Mapping[str, Tensor]]


@dataclass(frozen=True, slots=True)
class Plan:
    """``rank`` and ``scale`` of each adapter; whether masks hold in training, and bases have ``four_bits``."""

    rank: int
    scale: float
    masked: bool
    four_bits: bool


def attach(
    model: Any,
    matrices: Mapping[str, Any],
    promised: Mapping[str, Mapping[str, Json]],
    stored: Stored,
    plan: Plan,
    draw: torch.Generator,
) -> dict[str, Adapted | Pair]:
    """An adapter in the place of each of ``matrices``, by the weight's name; of factors, one in each.

    ``promised``: what earlier steps promised of each weight.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    made: dict[str, Adapted | Pair] = {}
    for name, module in matrices.items():
        weight, bias = oriented(module), module.bias
        if "rank" in promised[name]:
            first, second = _factors(stored(name))
            adapter: Adapted | Pair = Pair(
                _adapted(first, None, None, plan, draw), _adapted(second, bias, None, plan, draw)
            )
        else:
            keep = weight != 0 if plan.masked and "mask" in promised[name] else None
            adapter = _adapted(weight, bias, keep, plan, draw)
        made[name] = adapter
        owner, _, last = name.removesuffix(".weight").rpartition(".")
        setattr(model.get_submodule(owner), last, adapter)
    return made


def merged(
    adapters: Mapping[str, Adapted | Pair],
    promised: Mapping[str, Mapping[str, Json]],
    weight: Callable[[str], Tensor],
    stored: Stored,
) -> dict[str, Edit]:
    """Each weight with what was learned added; ``weight`` gives it ``[out, in]`` as it was, unrounded."""
    edits = {}
    for name, adapter in adapters.items():
        payload: Payload
        if isinstance(adapter, Pair):
            first, second = _factors(stored(name))
            payload = Factors(_sum(first, adapter.first), _sum(second, adapter.second))
        elif "mask" in promised[name]:
            payload = Mask(_sum(weight(name), adapter), str(promised[name]["mask"]))
        else:
            payload = Dense(_sum(weight(name), adapter))
        edits[name] = Edit(payload, float("nan"))
    return edits


def oriented(module: Any) -> Tensor:
    """The weight ``[out, in]``, of GPT-2's Conv1D too."""
    weight: Tensor = module.weight.data
    return weight.T.contiguous() if is_transposed(module) else weight


def _adapted(
    weight: Tensor, bias: Any, keep: Tensor | None, plan: Plan, draw: torch.Generator
) -> Adapted:
    return Adapted(
        weight,
        bias,
        rank=plan.rank,
        scale=plan.scale,
        draw=draw,
        keep=keep,
        four_bits=plan.four_bits,
    )


def _factors(stored: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    return stored["0.weight"].float(), stored["1.weight"].float()


def _sum(weight: Tensor, adapter: Adapted) -> Tensor:
    with torch.no_grad():
        return weight.float() + adapter.added()
