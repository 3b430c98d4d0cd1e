"""Numbers for the first so many tensors of each model: what is not shown is not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mvc.diff.models import compare_sides

SideMaker = Callable[[], Any]


def models(make: SideMaker, value: float, count: int) -> Any:
    tensors = {f"t{n:03}": np.full(n % 5 + 1, value + n, np.float32) for n in range(count)}
    return make().add_model("a.safetensors", tensors).add_model("b.safetensors", tensors)


@pytest.mark.parametrize("numeric", [1, 3, 700])
def test_the_first_of_each_model_have_numbers(side: SideMaker, numeric: int) -> None:
    old, new = models(side, 1.0, 9), models(side, 2.0, 9)
    for model in compare_sides(old, new, numeric=numeric).models:
        known = [tensor.stats is not None for tensor in model.tensors]
        assert known == [n < numeric for n in range(9)]
    assert len(new.read) == 2 * min(numeric, 9)


def test_many_small_tensors_get_the_numbers_that_each_gets_alone(side: SideMaker) -> None:
    old, new = models(side, 1.0, 600), models(side, 2.0, 600)
    everything = compare_sides(old, new).models[0].tensors
    assert len(everything) == 600
    for tensor in everything[::97]:
        [alone] = compare_sides(old, new, paths=["a.safetensors"], tensors=[tensor.name]).models
        assert alone.tensors == (tensor,)
