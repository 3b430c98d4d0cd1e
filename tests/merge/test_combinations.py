"""What every combination promises: identity, symmetry, bounds, special numbers, any shape and dtype."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import UsageError
from mvc.merge import strategies
from mvc.merge.strategies.combination import Combination, Place
from mvc.merge.strategies.numbers import FLOATS, common_dtype, compute_dtype, narrowed, widened
from mvc.merge.strategies.philox import Stream

Array = np.ndarray[Any, Any]
PLACE = Place("model.layers.0.weight", seed=3)
OF_TWO = {"slerp", "nuslerp"}
DENSITY = {"density": 0.5}
#: Parameters under which every step of a strategy is taken.
PARAMETERS: dict[str, dict[str, Any]] = {
    "ties": DENSITY, "dare_linear": DENSITY, "dare_ties": DENSITY, "della": DENSITY,
    "della_linear": DENSITY, "breadcrumbs": {"density": 0.5, "gamma": 0.1},
    "breadcrumbs_ties": {"density": 0.5, "gamma": 0.1}, "sce": {"select_topk": 0.5},
}  # fmt: skip
#: Not so for chance: each model has chances of its own.
SYMMETRIC = [name for name in strategies.COMBINATIONS if not name.startswith(("dare", "della"))]
ALL = pytest.mark.parametrize("name", strategies.COMBINATIONS)
SHAPES = [(), (0,), (0, 3), (1,), (7,), (4, 6), (2, 3, 4)]


def made(name: str, **parameters: Any) -> Combination:
    return strategies.combining(name, {**PARAMETERS.get(name, {}), **parameters})


def normal(shape: tuple[int, ...], seed: int, dtype: Any = np.float32) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def bits(values: Array) -> bytes:
    return values.tobytes()


@ALL
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_shape_is_merged_into_the_same_shape_and_no_input_changes(
    name: str, shape: tuple[int, ...], dtype: Any
) -> None:
    base, *models = (normal(shape, seed, dtype) for seed in range(3))
    before = [bits(one) for one in (base, *models)]
    result = made(name).combine(base, models, PLACE)
    assert (result.shape, result.dtype) == (shape, np.dtype(dtype))
    assert np.isfinite(result).all()
    assert [bits(one) for one in (base, *models)] == before


@ALL
@given(data=st.binary(min_size=16, max_size=64))
def test_equal_inputs_stay_to_the_bit_nans_and_negative_zeros_included(
    name: str, data: bytes
) -> None:
    data = data[: len(data) // 4 * 4] + b"\0\0\0\x80" + b"\x01\0\xc0\x7f"
    one = np.frombuffer(data, np.float32)
    with np.errstate(all="ignore"):
        result = made(name).combine(one, [one.copy(), one.copy()], PLACE)
    assert bits(result) == data


@pytest.mark.parametrize("name", ["linear", "fedavg", "fisher"])
def test_elements_that_agree_stay_to_the_bit_whatever_the_weights(name: str) -> None:
    one, other = normal((100,), 1), normal((100,), 2)
    other[::3] = one[::3]
    key = "samples" if name == "fedavg" else "weight"
    result = made(name, **{key: [0.1, 0.7]}).combine(None, [one, other], PLACE)
    assert bits(result[::3].copy()) == bits(one[::3].copy())


@pytest.mark.parametrize("name", SYMMETRIC)
def test_the_order_of_models_that_weigh_the_same_does_not_count(name: str) -> None:
    base, *models = (normal((12, 10), seed) for seed in range(3 if name in OF_TWO else 4))
    results = [
        made(name).combine(base, list(order), PLACE).astype(np.float64)
        for order in permutations(models)
    ]
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=0, atol=2e-6)


@ALL
def test_a_merge_repeats_to_the_bit(name: str) -> None:
    base, *models = (normal((30, 10), seed) for seed in range(3))
    once, again = (made(name).combine(base, models, PLACE) for _ in range(2))
    assert bits(once) == bits(again)


@pytest.mark.parametrize("name", [n for n in strategies.COMBINATIONS if made(n).elementwise])
def test_an_elementwise_strategy_merges_pieces_to_what_it_merges_the_whole_to(name: str) -> None:
    base, *models = (normal((64,), seed) for seed in range(4))
    whole = made(name).combine(base, models, PLACE)
    pieces = [
        made(name).combine(base[cut], [model[cut] for model in models], PLACE)
        for cut in (slice(0, 13), slice(13, 40), slice(40, 64))
    ]
    assert bits(whole) == b"".join(map(bits, pieces))


@pytest.mark.parametrize("name", [n for n in strategies.COMBINATIONS if made(n).elementwise])
def test_a_nan_or_an_infinity_reaches_no_other_element(name: str) -> None:
    base, *models = (normal((16,), seed) for seed in range(3))
    expected = made(name).combine(base, models, PLACE)
    models[0][3], models[1][5] = np.nan, np.inf
    with np.errstate(all="ignore"):
        found = made(name).combine(base, models, PLACE)
    assert np.isnan(found[3])
    assert not np.isfinite(found[5])
    assert bits(np.delete(found, [3, 5])) == bits(np.delete(expected, [3, 5]))


@ALL
def test_a_parameter_out_of_bounds_is_called_by_its_name(name: str) -> None:
    words = strategies.words(name)
    assert strategies.combining(name, dict(made(name).written())) == made(name)
    for word in words:
        with pytest.raises(UsageError, match=rf"^{word} is "):
            strategies.combining(name, {word: "much"})
    for word in words & {"density", "gamma", "epsilon", "t", "select_topk", "alpha"}:
        for value in (-0.1, 1.1, float("nan"), True, None):
            with pytest.raises(UsageError, match=rf"^{word} is "):
                strategies.combining(name, {word: value})
    for word in words & {"weight", "samples"}:
        with pytest.raises(UsageError, match=f"^{word} has 3 values for 2 models"):
            made(name, **{word: [1, 2, 3]}).accept(2)
    with pytest.raises(UsageError, match="has no parameter 'heaviness'"):
        strategies.combining(name, {"heaviness": 1})


def test_what_can_not_be_merged_is_refused_before_anything_is_read() -> None:
    for name, models in [("slerp", 3), ("nuslerp", 1), ("model_stock", 1)]:
        with pytest.raises(UsageError, match=f"{name} merges"):
            made(name).accept(models)
    with pytest.raises(UsageError, match="weights sum to zero"):
        made("linear", weight=[1, -1]).accept(2)
    with pytest.raises(UsageError, match="samples is 0"):
        made("fedavg", samples=0).accept(2)
    with pytest.raises(UsageError, match=r"epsilon is 0\.3"):
        made("della", density=0.2, epsilon=0.3).accept(2)
    with pytest.raises(UsageError, match="no merge strategy 'slrp'"):
        strategies.combining("slrp", {})


def test_numbers_are_read_as_yaml_and_the_command_line_write_them() -> None:
    found = strategies.combining("karcher", {"tol": "1e-3", "max_iter": 4.0})
    assert found.written() == {"tol": 0.001, "max_iter": 4}
    assert strategies.combining("linear", {"normalize": "false"}).written()["normalize"] is False


def test_ties_keeps_the_share_that_density_says() -> None:
    base, model = np.zeros(1000, np.float32), normal((1000,), 1)
    kept = made("ties", density=0.137).combine(base, [model], PLACE)
    assert np.count_nonzero(kept) == 137
    assert np.abs(kept[kept != 0]).min() >= np.abs(model[kept == 0]).max()
    assert np.count_nonzero(made("ties", density=1e-9).combine(base, [model], PLACE)) == 1


def test_chances_are_those_that_density_says_and_differ_between_models_tensors_and_seeds() -> None:
    base, ones = np.zeros(100_000, np.float32), np.ones(100_000, np.float32)
    places = [PLACE, Place("other", seed=3), Place(PLACE.name, seed=4)]
    strategy = made("dare_linear", density=0.3, rescale=False)
    kept = [strategy.combine(base, [ones], place) for place in places]
    kept.append(strategy.combine(base, [base, ones], PLACE))
    for mask in kept:
        assert abs(mask.mean() - 0.3) < 0.01
    for a, b in permutations(kept, 2):
        assert abs((a * b).mean() - 0.09) < 0.01


def test_chances_are_the_same_for_ever() -> None:
    stream = Stream(Place("w", seed=1), 2)
    drawn = [one for count in (1, 0, 2, 1) for one in stream.take(count).tolist()]
    assert drawn == [0.7694455981254578, 0.659050703048706, 0.6573759913444519, 0.23619669675827026]


def test_dare_gives_a_change_its_size_back() -> None:
    base, model = np.zeros(5000, np.float32), normal((5000,), 1)
    found = made("dare_linear", density=0.2).combine(base, [model], PLACE)
    assert abs(np.abs(found).sum() / np.abs(model).sum() - 1) < 1e-5


def test_della_keeps_large_changes_more_often() -> None:
    base, model = np.zeros((50, 2000), np.float32), normal((50, 2000), 1)
    found = made("della_linear", density=0.5, epsilon=0.4, rescale=False).combine(
        base, [model], PLACE
    )
    kept, small = found != 0, np.abs(model) < 0.2
    assert kept[small].mean() < 0.25
    assert kept[np.abs(model) > 1.5].mean() > 0.75


def test_slerp_goes_round_the_arc() -> None:
    one, other = np.array([1, 0], np.float32), np.array([0, 2], np.float32)
    found = made("slerp", t=0.5).combine(None, [one, other], PLACE)
    np.testing.assert_allclose(found, [np.sqrt(0.5), np.sqrt(2)], rtol=1e-6)
    ends = [made("slerp", t=t).combine(None, [one, other], PLACE) for t in (0, 1)]
    np.testing.assert_allclose(ends, [one, other], atol=1e-7)


def test_karcher_stays_on_the_sphere_of_the_mean_norm() -> None:
    models = [normal((40,), seed) * scale for seed, scale in ((1, 1), (2, 2), (3, 4))]
    found = made("karcher").combine(None, models, PLACE)
    lengths = [np.linalg.norm(model) for model in models]
    assert np.linalg.norm(found) == pytest.approx(np.mean(lengths), rel=1e-6)


def test_fisher_believes_who_is_sure() -> None:
    models = [np.array([1, 1, 1], np.float32), np.array([3, 3, 3], np.float32)]
    known = (np.array([1, 0, 1], np.float32), np.array([1, 1, 3], np.float32))
    place = Place("w", statistics=known)
    found = made("fisher", floor=0).combine(None, models, place)
    np.testing.assert_allclose(found, [2, 3, 2.5])
    unknown = Place("w", statistics=(known[0], None))
    np.testing.assert_allclose(made("fisher").combine(None, models, unknown), [2, 2, 2])
    nobody = Place("w", statistics=(np.zeros(3, np.float32),) * 2)
    np.testing.assert_allclose(made("fisher", floor=0).combine(None, models, nobody), [2, 2, 2])


def test_regmean_of_one_layer_on_its_own_inputs_is_least_squares() -> None:
    x = [normal((200, 5), seed, np.float64) for seed in (1, 2)]
    weights = [normal((3, 5), seed, np.float64) for seed in (3, 4)]
    place = Place("w", statistics=tuple(one.T @ one for one in x))
    found = made("regmean", alpha=1).combine(None, weights, place)
    rows = np.concatenate(x)
    wanted = np.concatenate([one @ w.T for one, w in zip(x, weights, strict=True)])
    np.testing.assert_allclose(found.T, np.linalg.lstsq(rows, wanted, rcond=None)[0], rtol=1e-9)


def test_regmean_of_inputs_that_never_came_is_finite_and_without_any_a_mean() -> None:
    models = [normal((2, 3), 1), normal((2, 3), 2)]
    empty = Place("w", statistics=(np.zeros((3, 3), np.float32),) * 2)
    assert np.isfinite(made("regmean").combine(None, models, empty)).all()
    mean = made("regmean").combine(None, models, PLACE)
    np.testing.assert_allclose(mean, (models[0] + models[1]) / 2, rtol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.binary(max_size=64))
def test_bytes_to_numbers_and_back_are_the_same_bytes_but_for_signalling_nans(
    dtype: str, data: bytes
) -> None:
    kind = np.dtype(FLOATS[dtype])
    data = data[: len(data) // kind.itemsize * kind.itemsize]
    wide = widened(data, dtype, compute_dtype((dtype,), None))
    back = narrowed(wide, dtype).tobytes()
    numbers = np.frombuffer(data, kind)
    with np.errstate(all="ignore"):
        undefined = np.isnan(numbers.astype(np.float64))
    assert (np.frombuffer(back, kind)[~undefined].tobytes()) == numbers[~undefined].tobytes()
    with np.errstate(all="ignore"):
        assert np.isnan(np.frombuffer(back, kind)[undefined].astype(np.float64)).all()


@given(data=st.binary(max_size=256))
def test_bf16_is_rounded_as_ml_dtypes_rounds_it(data: bytes) -> None:
    values = np.frombuffer(data[: len(data) // 4 * 4], np.float32)
    with np.errstate(all="ignore"):
        expected = values.astype(ml_dtypes.bfloat16)
    found = narrowed(values, "BF16").view(ml_dtypes.bfloat16)
    undefined = np.isnan(values)
    assert found[~undefined].tobytes() == expected[~undefined].tobytes()
    assert np.isnan(found[undefined].astype(np.float32)).all()


def test_the_common_dtype_holds_what_both_hold() -> None:
    assert common_dtype(("BF16", "BF16")) == "BF16"
    assert common_dtype(("BF16", "F16")) == "F32"
    assert common_dtype(("F32", "F64")) == "F64"
    assert compute_dtype(("F64",), "float32") == np.float32
