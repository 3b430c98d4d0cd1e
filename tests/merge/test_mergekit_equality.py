"""Combinations against mergekit 0.1.5: stored expectations everywhere, mergekit itself where it is there."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from merge.mergekit_cases import STORED, Case, cases, distance, ours, theirs

#: Units in the last place of the largest number that went into an element: sums of norms and of models are
#: rounded in another order. In the dtypes that models are stored in that leaves the same bits.
MOST = {"F32": 4.0, "F64": 4.0, "BF16": 0.0, "F16": 0.0}
#: A unit more where an angle computed in float32 meets one in float64.
ARC_IN_BF16 = 1.0
#: mergekit computes what it does by chance in float32 whatever the dtype: F64 agrees to F32's 24 bits.
BY_CHANCE_IN_F64 = 4.0 * 2**29


def bound(case: Case) -> float:
    if case.dtype == "F64" and case.strategy.startswith(("dare", "della")):
        return BY_CHANCE_IN_F64
    if case.dtype == "BF16" and case.strategy == "nuslerp":
        return ARC_IN_BF16
    return MOST[case.dtype]


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(STORED) as file:
        return dict(file)


@pytest.mark.parametrize("strategy", sorted({case.strategy for case in cases()}))
def test_a_merge_equals_what_mergekit_made_of_it(
    strategy: str, stored: dict[str, np.ndarray]
) -> None:
    for case in cases():
        if case.strategy == strategy:
            assert distance(case, ours(case), stored[case.key]) <= bound(case), case.key


def test_the_expectations_say_what_made_them(stored: dict[str, np.ndarray]) -> None:
    assert str(stored["mergekit"]) == "0.1.5"
    assert stored.keys() - {"mergekit", "torch"} == {case.key for case in cases()}


@pytest.mark.torch
@pytest.mark.skipif(
    importlib.util.find_spec("mergekit") is None, reason="mergekit is not installed"
)
def test_a_merge_equals_what_mergekit_makes_of_it_here() -> None:
    far = {case.key: distance(case, ours(case), theirs(case)) - bound(case) for case in cases()}
    assert {key: by for key, by in far.items() if by > 0} == {}
