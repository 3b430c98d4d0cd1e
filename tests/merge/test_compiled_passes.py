"""The compiled passes over numbers and those in NumPy give the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mvc.merge.strategies import compiled, measures, numbers
from mvc.store.kernel import native

pytestmark = pytest.mark.skipif(
    native.library() is None, reason="no C compiler at installation: there is nothing to compare"
)
Floats = NDArray[np.float32]
#: NaNs quiet and signalling, infinities, zeros, subnormals, ties of the rounding to BF16, the largest.
SPECIAL = np.frombuffer(
    bytes.fromhex(
        "0100c07f 0100807f 010080ff ffffffff 0000807f 000080ff 00000000 00000080"
        "01000000 ffff7f80 0080803f 0080813f 0180803f ffff7f7f ff7f7f7f ffff7fff"
    ),
    "<f4",
)


def drawn(seed: int, size: int) -> Floats:
    """Weights, some of them special, and of any bits."""
    draw = np.random.default_rng(seed)
    values = draw.normal(0, 0.02, size).astype(np.float32)
    kinds = draw.integers(0, 8, size)
    values[kinds == 0] = draw.choice(SPECIAL, int((kinds == 0).sum()))
    bits = draw.integers(0, 1 << 32, int((kinds == 1).sum()), dtype=np.uint32)
    values[kinds == 1] = bits.view(np.float32)
    return values


@pytest.fixture(scope="module")
def in_numpy() -> Iterator[Callable[[Callable[[], object]], object]]:
    """Calls something while there is no compiled kernel."""

    def called(work: Callable[[], object]) -> object:
        with pytest.MonkeyPatch.context() as patched, np.errstate(all="ignore"):
            patched.setattr(compiled, "_passes", lambda: None)
            return work()

    yield called


def bits(found: object) -> bytes:
    assert isinstance(found, np.ndarray)
    # Which of two NaNs a sum of both takes after is the processor's choice.
    if found.dtype == np.float32:
        found = np.where(np.isnan(found), np.float32(np.nan), found)
    return found.tobytes()


SIZES = st.integers(0, 9000)
SEEDS = st.integers(0, 2**32)


@given(SEEDS, SIZES)
def test_bf16_is_widened_and_narrowed_alike(in_numpy, seed: int, size: int) -> None:  # type: ignore[no-untyped-def]
    values = drawn(seed, size)
    narrow = numbers.narrowed(values, "BF16")
    assert narrow.tobytes() == in_numpy(lambda: numbers.narrowed(values, "BF16")).tobytes()
    for compute in (np.dtype(np.float32), np.dtype(np.float64)):
        wide = numbers.widened(narrow.data, "BF16", compute)
        expected = in_numpy(lambda c=compute: numbers.widened(narrow.data, "BF16", c))
        assert wide.dtype == compute
        assert wide.tobytes() == expected.tobytes()


@given(st.lists(SEEDS, min_size=1, max_size=4), SIZES, st.data())
def test_sums_are_alike(in_numpy, seeds: list[int], size: int, data: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    models = [drawn(seed, size) for seed in seeds]
    weights = data.draw(st.lists(st.floats(-2, 2), min_size=len(models), max_size=len(models)))
    expected = in_numpy(lambda: measures.weighted_sum(models, weights))
    assert bits(measures.weighted_sum(models, weights)) == bits(expected)


@given(st.lists(SEEDS, min_size=1, max_size=4), SIZES, SEEDS)
def test_what_all_have_is_kept_alike(in_numpy, seeds: list[int], size: int, seed: int) -> None:  # type: ignore[no-untyped-def]
    models = [drawn(one, size) for one in seeds]
    agreed = np.random.default_rng(seed).integers(0, 2, size).astype(bool)
    for model in models[1:]:
        model[agreed] = models[0][agreed]
    result = drawn(seed, size)
    expected = in_numpy(lambda: measures.keep_equal(result.copy(), models))
    found = measures.keep_equal(result.copy(), models)
    assert found.tobytes() == expected.tobytes()
    assert found[agreed].tobytes() == models[0][agreed].tobytes()


def test_other_dtypes_and_layouts_are_left_to_numpy() -> None:
    flat = drawn(1, 100)
    assert compiled.passes(flat, flat) is not None
    assert compiled.passes(flat, flat[::2]) is None
    assert compiled.passes(flat[::2]) is None
    assert compiled.passes(np.zeros(9)) is None
