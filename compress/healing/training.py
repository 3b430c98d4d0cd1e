"""The loop: AdamW on the adapters alone, stopped when sequences that are kept apart get no better.

What comes out are the best values that were seen, not the last. What is drawn is drawn by a generator of its
own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from compress.matrix import Tensor
from compress.unworkable import Unworkable
from mvc.errors import UsageError
from mvc.values import dataclass

#: Of how many sequences one is kept apart, how often they are looked at, how many looks without a gain end it.
_APART, _LOOKS, PATIENCE = 8, 10, 3
#: Loss = f(model, ids).
Loss = Callable[[Any, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Course:
    """``steps`` of ``batch`` sequences, at a ``rate`` that rises for a tenth of them and falls as a cosine."""

    steps: int
    batch: int
    rate: float

    def rate_at(self, step: int) -> float:
        """The learning rate of step 0, 1, …"""
        rising = max(1, self.steps // 10)
        if step < rising:
            return self.rate * (step + 1) / rising
        share = (step - rising) / max(1, self.steps - rising)
        return self.rate * (0.05 + 0.95 * (1 + math.cos(math.pi * share)) / 2)


@dataclass(frozen=True, slots=True)
class Learned:
    """The loss on sequences kept apart, ``before`` and at its ``best``, after ``step`` of ``taken`` steps."""

    before: float
    best: float
    step: int
    taken: int


def train(
    model: Any,
    parameters: Sequence[Any],
    samples: Tensor,
    loss: Loss,
    course: Course,
    draw: torch.Generator,
    report: Callable[[int, float], None] = lambda step, value: None,
) -> Learned:
    """Train ``parameters`` of ``model``, which end at their best; ``samples`` ``[n, length]``, int64.

    Raises:
        UsageError: there are too few sequences to keep one apart.
        Unworkable: the loss is no number.
    """
    if len(samples) < 2:
        raise UsageError(
            "healing needs two sequences at least, one to see when to stop", hint="--samples 64"
        )
    # A short course sees few sequences, and more of them to look at would cost more than it.
    apart = max(1, min(len(samples), course.steps * course.batch) // _APART)
    known, held = samples[:-apart], samples[-apart:]
    optimizer = torch.optim.AdamW(parameters, lr=course.rate, weight_decay=0.0)
    before = best = _held(model, held, loss, course.batch)
    kept, best_step, waited, step = _copied(parameters), 0, 0, 0
    often = max(1, course.steps // _LOOKS, -(-apart // course.batch))
    order: list[int] = []
    for step in range(1, course.steps + 1):
        if len(order) < course.batch:
            order += torch.randperm(len(known), generator=draw).tolist()
        chosen, order = order[: course.batch], order[course.batch :]
        for group in optimizer.param_groups:
            group["lr"] = course.rate_at(step - 1)
        value = loss(model, known[chosen])
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        number = float(value.detach())
        report(step, number)
        if not math.isfinite(number):
            raise Unworkable(
                f"the training loss is {number} after {step} steps", hint="a lower --rate"
            )
        if step % often and step != course.steps:
            continue
        now = _held(model, held, loss, course.batch)
        waited += 1
        if now < best:
            best, kept, best_step, waited = now, _copied(parameters), step, 0
        # At its full rate a fresh adapter often loses at first what it wins once the rate falls.
        if waited >= PATIENCE and 2 * step >= course.steps:
            break
    with torch.no_grad():
        for parameter, values in zip(parameters, kept, strict=True):
            parameter.copy_(values)
    return Learned(before, best, best_step, step)


def _held(model: Any, held: Tensor, loss: Loss, batch: int) -> float:
    with torch.no_grad():
        parts = [(len(part), float(loss(model, part))) for part in held.split(batch)]
    return sum(count * value for count, value in parts) / len(held)


def _copied(parameters: Sequence[Any]) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in parameters]
