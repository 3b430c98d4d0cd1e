"""The shared allocator: which option each matrix gets, under a budget, at the least total loss.

Lagrange: for a price λ of a byte every matrix takes the option with the least ``loss + λ · cost``; λ is found
by bisection, and what is left of the budget goes to the steps that gain most for a byte. One allocator for
bits, ranks and sparsity: losses are tr(ΔGΔᵀ), which add up over matrices as far as blocks are independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from compress.events import Report, unheard
from compress.operation import Option
from mvc.errors import UsageError
from mvc.history.record import Json

if TYPE_CHECKING:
    from compress.streaming.driver import Work

_STEPS = 100


def allocate(options: Mapping[str, Sequence[Option]], budget: float) -> dict[str, Option]:
    """Of each name one option, the total cost at most ``budget``; the total loss near the least.

    Raises:
        UsageError: even the cheapest of each are too much.
    """
    least = {name: min(of, key=lambda o: (o.cost, o.loss)) for name, of in options.items()}
    if _cost(least) > budget:
        raise UsageError(
            f"the budget of {budget:.0f} bytes is less than the least possible, {_cost(least):.0f}",
            hint="a larger budget, or skip fewer matrices",
        )
    low, high = 0.0, 1.0
    while _cost(_at(options, high)) > budget:
        high *= 4
        if high > 1e30:
            return least
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _cost(_at(options, middle)) > budget:
            low = middle
        else:
            high = middle
    return _filled(options, _at(options, high), budget)


def choices_of(work: Work, report: Report = unheard) -> dict[str, Mapping[str, Json]]:
    """``work.choices``, and what a recipe with a budget decides for each matrix by a survey of the model."""
    operation = work.operation
    if operation.options is None:
        return dict(work.choices)
    found: dict[str, Sequence[Option]] = {}
    dense = 0.0

    def look(view: object, grams: object) -> None:
        nonlocal dense
        for matrix in matrices_of(view, grams, work):
            dense += matrix.weight.numel() * 4
            found[matrix.name] = operation.options(matrix, work.recipe)  # type: ignore[misc]

    if operation.budget(work.recipe, 1.0) is None:
        return dict(work.choices)
    from compress.streaming.driver import survey
    from compress.streaming.grouping import matrices_of

    survey(work, look, report)
    budget = operation.budget(work.recipe, dense)
    assert budget is not None
    chosen = {name: option.choice for name, option in allocate(found, budget).items()}
    return {name: {**work.choices.get(name, {}), **chosen.get(name, {})} for name in found}


def _at(options: Mapping[str, Sequence[Option]], price: float) -> dict[str, Option]:
    return {
        name: min(of, key=lambda o: (o.loss + price * o.cost, o.cost))
        for name, of in options.items()
    }


def _cost(chosen: Mapping[str, Option]) -> float:
    return sum(option.cost for option in chosen.values())


def _filled(
    options: Mapping[str, Sequence[Option]], chosen: dict[str, Option], budget: float
) -> dict[str, Option]:
    left = budget - _cost(chosen)
    while True:
        steps = [
            ((now.loss - o.loss) / (o.cost - now.cost), name, o)
            for name, now in chosen.items()
            for o in options[name]
            if now.cost < o.cost <= now.cost + left and o.loss < now.loss
        ]
        if not steps:
            return chosen
        _, name, option = max(steps, key=lambda one: (one[0], one[1]))
        left -= option.cost - chosen[name].cost
        chosen[name] = option
