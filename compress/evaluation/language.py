"""The built-in evaluator: how well a model predicts, and how far it is from the dense one it came from.

Per sequence, in nats a token: ``loss`` (mean negative log-likelihood of the next token) with ``accuracy`` (the
likeliest is it), ``kl`` (of the dense model's next-token distribution to this one's) with ``agreement`` (both
have the same likeliest). ``perplexity`` is e to the mean loss. Of an encoder ``similarity``: the cosine of its
mean states and the dense model's. Near lossless perplexity is noise; kl and agreement are not.
"""

from __future__ import annotations

from itertools import repeat

import torch
from torch.nn import functional

from compress.evaluation.measurement import Measurement
from compress.evaluation.outputs import Outputs
from compress.unworkable import Unworkable


def measure(outputs: Outputs, dense: Outputs | None = None) -> Measurement:
    """``outputs`` by themselves, and against those of the ``dense`` model over the same sequences.

    Raises:
        Unworkable: the loss is no number.
    """
    found = measured(outputs, dense)
    odd = [name for name, value in found.values.items() if value != value]  # noqa: PLR0124
    if odd:
        raise Unworkable(
            f"the model's {odd[0]} is no number (NaN)", hint="mvc cat shows values that are none"
        )
    return found


def measured(outputs: Outputs, dense: Outputs | None = None) -> Measurement:
    """As ``measure``, also where values are no numbers: a search goes on past a model that is broken."""
    each: dict[str, list[float]] = {}
    others = repeat(None) if dense is None else dense.each()
    for number, (ours, theirs) in enumerate(zip(outputs.each(), others, strict=False)):
        for name, value in _sample(outputs, number, ours, theirs).items():
            each.setdefault(name, []).append(value)
    return Measurement.of({name: tuple(values) for name, values in each.items()})


def _sample(
    outputs: Outputs, number: int, ours: torch.Tensor, theirs: torch.Tensor | None
) -> dict[str, float]:
    if outputs.kind == "states":
        if theirs is None:
            return {}
        one, other = ours.mean(dim=0), theirs.mean(dim=0)
        return {"similarity": float(functional.cosine_similarity(one, other, dim=0))}
    found: dict[str, float] = {}
    logs = ours.log_softmax(dim=-1)
    if outputs.kind == "causal":
        logs, following = logs[:-1], outputs.ids[number][1:]
        found["loss"] = float(functional.nll_loss(logs, following))
        found["accuracy"] = float((logs.argmax(dim=-1) == following).float().mean())
    if theirs is not None:
        dense = theirs.log_softmax(dim=-1)[: logs.shape[0]]
        found["kl"] = float((dense.exp() * (dense - logs)).sum(dim=-1).mean())
        found["agreement"] = float((dense.argmax(-1) == logs.argmax(-1)).float().mean())
    return found
