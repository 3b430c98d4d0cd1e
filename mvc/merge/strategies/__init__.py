"""The strategies by name: what ``--strategy`` accepts.

Three-way strategies settle what both sides changed; combinations make each tensor of all models. A strategy
of another distribution is an entry point in the group ``mvc.strategies``; it is looked up only when mvc has
none of that name. Nothing in a repository can name one.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from mvc.errors import UsageError
from mvc.merge.strategies.strategy import Strategy

if TYPE_CHECKING:
    from mvc.merge.strategies.combination import Combination

__all__ = ["COMBINATIONS", "STRATEGIES", "combining", "named", "words"]

_HERE = "mvc.merge.strategies"

#: mvc's own: module and class, imported on use (most need NumPy).
STRATEGIES: dict[str, tuple[str, str]] = {
    "ours": (f"{_HERE}.ours", "Ours"),
    "theirs": (f"{_HERE}.theirs", "Theirs"),
    "base": (f"{_HERE}.base", "Base"),
    "average": (f"{_HERE}.average", "Average"),
    "additive": (f"{_HERE}.additive", "Additive"),
}
COMBINATIONS: dict[str, tuple[str, str]] = {
    "linear": (f"{_HERE}.linear", "Linear"),
    "slerp": (f"{_HERE}.slerp", "Slerp"),
    "nuslerp": (f"{_HERE}.nuslerp", "NuSlerp"),
    "task_arithmetic": (f"{_HERE}.task_arithmetic", "TaskArithmetic"),
    "ties": (f"{_HERE}.ties", "Ties"),
    "dare_linear": (f"{_HERE}.dare_linear", "DareLinear"),
    "dare_ties": (f"{_HERE}.dare_ties", "DareTies"),
    "della": (f"{_HERE}.della", "Della"),
    "della_linear": (f"{_HERE}.della_linear", "DellaLinear"),
    "breadcrumbs": (f"{_HERE}.breadcrumbs", "Breadcrumbs"),
    "breadcrumbs_ties": (f"{_HERE}.breadcrumbs_ties", "BreadcrumbsTies"),
    "model_stock": (f"{_HERE}.model_stock", "ModelStock"),
    "sce": (f"{_HERE}.sce", "Sce"),
    "karcher": (f"{_HERE}.karcher", "Karcher"),
    "fisher": (f"{_HERE}.fisher", "Fisher"),
    "regmean": (f"{_HERE}.regmean", "RegMean"),
    "fedavg": (f"{_HERE}.fedavg", "FedAvg"),
}


def named(name: str) -> Strategy:
    """The three-way strategy called ``name``.

    Raises:
        UsageError: there is none.
    """
    if name in STRATEGIES:
        module, attribute = STRATEGIES[name]
        return cast(Strategy, getattr(importlib.import_module(module), attribute)())
    if name in COMBINATIONS:
        raise UsageError(
            f"{name} merges whole models, and can't settle conflicts one by one",
            hint=f"one of {', '.join(STRATEGIES)}",
        )
    from importlib.metadata import entry_points  # 20 ms

    for point in entry_points(group="mvc.strategies", name=name):
        return cast(Strategy, point.load())
    known = ", ".join([*STRATEGIES, *COMBINATIONS])
    raise UsageError(f"there is no merge strategy '{name}'", hint=f"one of {known}")


def combining(name: str, parameters: Mapping[str, object]) -> Combination:
    """The combination called ``name`` with these parameters.

    Raises:
        UsageError: there is none, or a parameter is unknown or out of bounds.
    """
    return cast("Combination", _class(name).read(parameters))


def words(name: str) -> frozenset[str]:
    """The parameters that the combination called ``name`` has.

    Raises:
        UsageError: there is no such combination.
    """
    return cast(frozenset[str], _class(name).words())


def _class(name: str) -> Any:
    if name not in COMBINATIONS:
        raise UsageError(
            f"there is no merge strategy '{name}' with parameters",
            hint=f"one of {', '.join(COMBINATIONS)}",
        )
    module, attribute = COMBINATIONS[name]
    return getattr(importlib.import_module(module), attribute)
