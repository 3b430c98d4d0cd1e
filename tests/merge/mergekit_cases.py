"""What is compared with mergekit: parameters, inputs, and both sides' way to merge one tensor.

Random strategies get the same chances on both sides: mergekit's call of ``torch.bernoulli`` is answered from
ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from mvc.merge import strategies
from mvc.merge.strategies.combination import Place
from mvc.merge.strategies.numbers import FLOATS, compute_dtype, narrowed, widened
from mvc.merge.strategies.philox import Stream

STORED = Path(__file__).with_name("mergekit_expectations.npz")
PLACE = Place("layers.0.mlp.weight", seed=7)


@dataclass(frozen=True)
class Case:
    strategy: str
    models: int = 3
    dtype: str = "F32"
    shape: tuple[int, ...] = (12, 20)
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        words = [f"{name}={value}" for name, value in sorted(self.parameters.items())]
        shape = "x".join(map(str, self.shape))
        return "|".join([self.strategy, str(self.models), self.dtype, shape, *words])


_PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "linear": [{"weight": [0.2, 0.3, 0.9]}, {"weight": [0.5, 1.0, -0.2], "normalize": False}],
    "task_arithmetic": [{"weight": [0.2, 0.3, 0.9], "lambda": 0.7}, {"normalize": True}],
    "ties": [{"density": 0.4, "weight": [0.5, 1.0, 0.7]}, {"density": [0.9, 0.1, 0.5]},
             {"density": 0.3, "normalize": False, "rescale": True, "lambda": 1.5}],
    "dare_linear": [{"density": 0.6, "weight": [0.5, 1.0, 0.7]}, {"density": 0.3, "rescale": False}],
    "dare_ties": [{"density": 0.6}, {"density": 0.3, "normalize": True, "lambda": 0.5}],
    "della": [{"density": 0.6, "epsilon": 0.2}, {"density": 0.4, "weight": [0.5, 1.0, 0.7]}],
    "della_linear": [{"density": 0.6, "epsilon": 0.2}, {"density": 0.4, "rescale": False}],
    "breadcrumbs": [{"density": 0.6, "gamma": 0.05}, {"density": 0.95, "gamma": 0.3}],
    "breadcrumbs_ties": [{"density": 0.6, "gamma": 0.05}, {"density": 0.5, "rescale": True}],
    "model_stock": [{}, {"filter_wise": True}],
    "sce": [{}, {"select_topk": 0.3}],
    "karcher": [{}, {"max_iter": 3}],
}  # fmt: skip
_OF_TWO: dict[str, list[dict[str, Any]]] = {
    "slerp": [{"t": 0.3}, {"t": 1.0}],
    "nuslerp": [
        {"weight": [0.3, 0.9]},
        {"weight": [0.3, 0.9], "nuslerp_flatten": False},
        {"weight": [1.0, 1.0], "nuslerp_flatten": False, "nuslerp_row_wise": True},
        {"weight": [0.3, 0.9], "task_vectors": False},
    ],
}


def cases() -> list[Case]:
    found = []
    for models, table in ((3, _PARAMETERS), (2, _OF_TWO)):
        for strategy, several in table.items():
            for parameters in several:
                for dtype in ("F32", "BF16", "F16", "F64"):
                    found.append(Case(strategy, models, dtype, (12, 20), parameters))
            found.append(Case(strategy, models, "F32", (31,), several[0]))
    return found


def inputs(case: Case) -> tuple[np.ndarray[Any, Any], list[np.ndarray[Any, Any]]]:
    """The base and the models, flat bytes of the case's dtype; the same on every machine."""
    size = int(np.prod(case.shape))

    def normal(number: int) -> np.ndarray[Any, Any]:
        # A sum of uniform numbers: no logarithm whose last bit depends on a library.
        parts = [Stream(Place(f"{case.shape} {number} {n}"), number).take(size) for n in range(12)]
        return np.add.reduce(parts, dtype=np.float64) - 6

    base = normal(0) * 0.05
    models = [base + normal(number) * 0.01 for number in range(1, case.models + 1)]
    return _stored(base, case), [_stored(model, case) for model in models]


def _stored(values: np.ndarray[Any, Any], case: Case) -> np.ndarray[Any, Any]:
    return narrowed(values.astype(compute_dtype((case.dtype,), None)), case.dtype)


def ours(case: Case) -> np.ndarray[Any, Any]:
    """What mvc makes of the case: bytes of its dtype."""
    compute = compute_dtype((case.dtype,), None)
    base, models = inputs(case)
    wide = [
        widened(one.tobytes(), case.dtype, compute).reshape(case.shape) for one in (base, *models)
    ]
    chosen = strategies.combining(case.strategy, case.parameters)
    chosen.accept(case.models)
    return narrowed(chosen.combine(wide[0], wide[1:], PLACE), case.dtype)


def theirs(case: Case) -> np.ndarray[Any, Any]:
    """What mergekit makes of it; needs mergekit and torch."""
    import torch
    from mergekit.merge_methods.api import merge_tensors

    kinds = {
        "F32": torch.float32,
        "BF16": torch.bfloat16,
        "F16": torch.float16,
        "F64": torch.float64,
    }
    base, models = inputs(case)
    tensors = [
        torch.frombuffer(bytearray(one.tobytes()), dtype=kinds[case.dtype]).reshape(case.shape)
        for one in (base, *models)
    ]
    parameters = dict(case.parameters)
    based = case.strategy not in ("linear", "karcher") and parameters.pop("task_vectors", True)
    if case.strategy == "slerp":
        based, tensors, parameters["t"] = True, tensors[1:], case.parameters["t"]
    elif not based:
        tensors = tensors[1:]
    if case.strategy not in ("slerp", "karcher", "model_stock", "sce"):
        parameters.setdefault("weight", 1.0)
    if isinstance(parameters.get("weight"), float):
        parameters["weight"] = [parameters["weight"]] * case.models
    if based and case.strategy != "slerp":  # values of non-base inputs are given by their ids
        for name, value in parameters.items():
            if isinstance(value, list):
                parameters[name] = {str(n + 1): one for n, one in enumerate(value)}
    ids = [str(n) for n in range(len(tensors))]
    compute = torch.float64 if case.dtype == "F64" else torch.float32
    with _our_chances(case), _stable_order():
        merged = merge_tensors(
            tensors,
            case.strategy,
            parameters=parameters,
            ids=ids,
            base_index=0 if based else None,
            dtype=compute,
            out_dtype=kinds[case.dtype],
        )
    return np.frombuffer(merged.contiguous().view(torch.uint8).numpy().tobytes(), np.uint8)


@contextmanager
def _our_chances(case: Case) -> Iterator[None]:
    import torch

    before, asked = torch.bernoulli, iter(range(case.models))

    def bernoulli(probability: Any) -> Any:
        drawn = (
            Stream(PLACE, next(asked)).take(probability.numel()).reshape(tuple(probability.shape))
        )
        return (torch.from_numpy(drawn) < probability.to(torch.float32)).to(probability.dtype)

    torch.bernoulli = bernoulli
    try:
        yield
    finally:
        torch.bernoulli = before


@contextmanager
def _stable_order() -> Iterator[None]:
    """Which of equally large changes TIES and Breadcrumbs keep is left to torch's sort, which differs between
    processors; here it is the first."""
    import torch

    argsort, sort = torch.argsort, torch.sort
    torch.argsort, torch.sort = partial(argsort, stable=True), partial(sort, stable=True)
    try:
        yield
    finally:
        torch.argsort, torch.sort = argsort, sort


def distance(case: Case, one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """The largest difference, in units in the last place of the largest number that went into the element."""
    kind = np.dtype(FLOATS[case.dtype])
    base, models = inputs(case)
    a, b, *rest = (x.view(kind).astype(np.float64) for x in (one, other, base, *models))
    scale = np.maximum.reduce([np.abs(x) for x in (a, b, *rest)])
    digits = ml_dtypes.finfo(kind).nmant
    unit = 2.0 ** (np.floor(np.log2(np.maximum(scale, float(ml_dtypes.finfo(kind).tiny)))) - digits)
    return float((np.abs(a - b) / unit).max(initial=0.0))
