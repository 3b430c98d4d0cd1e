"""LoRA adapters, into a base and with each other: against what PEFT made of them, and by what they promise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from merge.test_uniting import Array, merged, normal, read, tensors
from merge.world import Tensors, World, safetensors

from mvc.errors import MalformedFile, ModelMismatch, UsageError
from mvc.history.snapshot import Snapshot
from mvc.merge.adapters.into_base import addition
from mvc.merge.adapters.products import rounded
from mvc.merge.adapters.reading import Adapter, find, read_adapter
from mvc.merge.adapters.settings import Settings
from mvc.merge.grouping import read_side
from mvc.merge.producing import make_all
from mvc.merge.recipe import Recipe
from mvc.merge.strategies.numbers import FLOATS
from mvc.merge.terms import Kept

STORED = Path(__file__).with_name("peft_expectations.npz")
WEIGHTS, SETTINGS = "lora/adapter_model.safetensors", "lora/adapter_config.json"
M = "model.safetensors"
WITH_BASE = sorted({key.split("|")[1] for key in np.load(STORED) if key.startswith("into|")})
PREFIX = "base_model.model."


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(STORED) as file:
        return dict(file)


def of(stored: Mapping[str, np.ndarray], key: str) -> Tensors:
    """The tensors that were stored under ``key``, as a file takes them."""
    found = {}
    for full, data in stored.items():
        if full.startswith(f"{key}|") and full != f"{key}|config":
            dtype, shape, name = full.removeprefix(f"{key}|").split("|")
            extents = tuple(int(extent) for extent in shape.split("x") if extent)
            found[name] = (dtype, extents, data.tobytes())
    return found


def files_of(stored: Mapping[str, np.ndarray], key: str) -> dict[str, bytes]:
    return {
        WEIGHTS: safetensors(of(stored, key)),
        SETTINGS: str(stored[f"{key}|config"]).encode(),
    }


def numbers(one: tuple[str, tuple[int, ...], bytes]) -> Array:
    dtype, shape, data = one
    return np.frombuffer(data, FLOATS[dtype]).astype(np.float64).reshape(shape)


def lora(
    *modules: str,
    seed: int = 1,
    rank: int = 2,
    alpha: float = 4,
    size: tuple[int, int] = (6, 5),
    **more: Any,
) -> dict[str, bytes]:
    """An adapter of matrices [out, in]."""
    arrays = {}
    for number, module in enumerate(modules):
        arrays[f"{PREFIX}{module}.lora_A.weight"] = normal(seed * 10 + number, rank, size[1])
        arrays[f"{PREFIX}{module}.lora_B.weight"] = normal(seed * 10 + number + 5, size[0], rank)
    said = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": list(modules)}
    return {WEIGHTS: tensors(**arrays), SETTINGS: json.dumps({**said, **more}).encode()}


def adapter_in(world: World, files: Mapping[str, bytes]) -> Adapter:
    return read_adapter(world.context.store, world.snapshot(files), WEIGHTS)


def products(world: World, files: Mapping[str, bytes]) -> dict[str, Array]:
    """What an adapter adds to each module's weight, by the book."""
    snapshot = world.snapshot(files)
    adapter = read_adapter(world.context.store, snapshot, WEIGHTS)
    found = {}
    for module, factors in adapter.modules.items():
        a, b = (
            np.frombuffer(world.context.store.read(p.entry.id), np.float32).astype(np.float64)
            for p in (factors.a, factors.b)
        )
        scale = adapter.settings.scale(module, factors.rank)
        found[module] = scale * b.reshape(-1, factors.rank) @ a.reshape(factors.rank, -1)
    return found


def into(
    world: World, base: bytes, files: Mapping[str, bytes], weight: float = 1.0
) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    snapshot = world.snapshot({M: base, **files})
    store = world.context.store
    side = read_side(store, snapshot, frozenset({M}))
    assert side is not None
    adapter = read_adapter(store, snapshot, find(snapshot, "lora"))
    found = addition(store, adapter, side.pieces, weight, M)
    with store.writer() as pack:
        made = make_all(pack, found.planned, checksums=False, progress=None)
        pack.publish()
    entries = {name: one.entry for name, one in made.items()}
    entries |= {
        name: one.piece.entry
        for name, one in found.kept.items()
        if isinstance(one, Kept) and one.piece is not None
    }
    return {name: (e.dtype, e.shape, store.read(e.id)) for name, e in entries.items()}


@pytest.mark.parametrize("case", WITH_BASE)
def test_an_adapter_in_its_base_is_what_peft_makes_but_for_rounding(
    world: World, stored: dict[str, np.ndarray], case: str
) -> None:
    base, wanted = of(stored, f"into|{case}|base"), of(stored, f"into|{case}|merged")
    found = into(world, safetensors(base), files_of(stored, f"into|{case}|adapter"))
    assert {n: one[:2] for n, one in found.items()} == {n: one[:2] for n, one in wanted.items()}
    changed = {name for name in base if base[name] != wanted[name]}
    assert {name for name in base if base[name] != found[name]} == changed != set()
    for name in changed:
        scale = np.maximum(np.abs(numbers(base[name])), np.abs(numbers(wanted[name])))
        # PEFT rounds the product, its scale and the sum (DoRA's norm and factor, too); here it is once.
        unit = np.spacing(scale.astype(FLOATS["F32"])) if wanted[name][0] == "F32" else scale / 128
        far = np.abs(numbers(found[name]) - numbers(wanted[name])) / np.maximum(unit, 1e-9)
        assert far.max() <= (8 if "dora" in case else 4 if wanted[name][0] == "F32" else 1)


@pytest.mark.parametrize("how", ["cat", "svd", "linear"])
def test_adapters_with_each_other_add_up_to_what_peft_makes(
    world: World, stored: dict[str, np.ndarray], how: str
) -> None:
    sides = [files_of(stored, f"joined|{how}|{name}") for name in ("one", "other")]
    wanted = files_of(stored, f"joined|{how}|both")
    recipe = Recipe(
        "task_arithmetic",
        {"weight": [0.7, -0.4]},
        adapters={"linear": "factors"}.get(how, how),
        rank=3 if how == "svd" else None,
    )
    found = world.files(merged(world, {}, sides, recipe))
    ours, theirs = products(world, found), products(world, wanted)
    assert ours.keys() == theirs.keys()
    for module, product in theirs.items():
        np.testing.assert_allclose(ours[module], product, atol=2e-6)
    said, expected = json.loads(found[SETTINGS]), json.loads(wanted[SETTINGS])
    assert {k: said[k] for k in ("r", "lora_alpha")} == {
        k: expected[k] for k in ("r", "lora_alpha")
    }


SUMS = [("linear", {"weight": [1.0, 3.0]}, [0.25, 0.75]), ("task_arithmetic", {"lambda": 0.5}, [0.5] * 2),
        ("fedavg", {"samples": [30, 10]}, [0.75, 0.25])]  # fmt: skip


@pytest.mark.parametrize(("strategy", "parameters", "shares"), SUMS)
def test_the_merge_of_a_sum_is_the_sum_of_products_and_keeps_every_a(
    world: World, strategy: str, parameters: dict[str, Any], shares: list[float]
) -> None:
    sides = [lora("q", "k", seed=1), lora("q", "v", seed=2, rank=3, alpha=1.5)]
    found = merged(world, {}, sides, Recipe(strategy, parameters))
    files = world.files(found)
    ours, (one, other) = products(world, files), (products(world, side) for side in sides)
    zero = np.zeros((6, 5))
    assert ours.keys() == {"q", "k", "v"}
    for module, product in ours.items():
        wanted = shares[0] * one.get(module, zero) + shares[1] * other.get(module, zero)
        np.testing.assert_allclose(product, wanted, atol=1e-6)
    a = read(world, found, WEIGHTS)[f"{PREFIX}q.lora_A.weight"]
    assert a.tobytes() == normal(10, 2, 5).tobytes() + normal(20, 3, 5).tobytes()
    said = json.loads(files[SETTINGS])
    assert sorted(said["target_modules"]) == ["k", "q", "v"]
    assert {said["r"], *said["rank_pattern"].values()} == {2, 3, 5}
    assert not found.conflicted


def test_changes_from_a_common_adapter_are_added_to_it(world: World) -> None:
    base, sides = lora("q", seed=1), [lora("q", seed=2), lora("q", seed=3)]
    found = world.files(merged(world, base, sides, "task_arithmetic", weight=[0.5, 0.25]))
    start, one, other = (products(world, side)["q"] for side in (base, *sides))
    wanted = start + 0.5 * (one - start) + 0.25 * (other - start)
    np.testing.assert_allclose(products(world, found)["q"], wanted, atol=1e-5)


def test_equal_adapters_stay_to_the_bit_settings_included(world: World) -> None:
    side = lora("q", "k", alpha=3)
    for strategy in ("linear", "ties", "slerp"):
        base = side if strategy == "ties" else {}
        assert world.files(merged(world, base, [side, side], strategy)) == side
    half = {**lora("q", "k", alpha=3), WEIGHTS: side[WEIGHTS]}
    other = lora("q", seed=2, alpha=3)
    mixed = world.files(merged(world, {}, [half, other], "linear"))
    assert products(world, mixed).keys() == {"q", "k"}


def test_adapters_of_one_a_keep_their_rank(world: World) -> None:
    one, other = lora("q", seed=1), lora("q", seed=2)
    arrays = {
        f"{PREFIX}q.lora_A.weight": normal(10, 2, 5),
        f"{PREFIX}q.lora_B.weight": normal(9, 6, 2),
    }
    other = {**other, WEIGHTS: tensors(**arrays)}
    found = merged(world, {}, [one, other], "linear")
    assert read(world, found, WEIGHTS)[f"{PREFIX}q.lora_A.weight"].shape == (2, 5)
    mean = (products(world, one)["q"] + products(world, other)["q"]) / 2
    np.testing.assert_allclose(products(world, world.files(found))["q"], mean, atol=1e-6)


@pytest.mark.parametrize("strategy", ["ties", "dare_linear", "slerp", "sce", "karcher"])
def test_any_strategy_merges_products_and_a_full_rank_keeps_all_of_it(
    world: World, strategy: str
) -> None:
    sides = [lora("q", seed=1), lora("q", seed=2)]
    parameters = {"density": 0.5} if strategy in ("ties", "dare_linear") else {}
    recipe = Recipe(strategy, parameters, adapters="svd", rank=5)
    found = merged(world, {}, sides, recipe)
    assert found.notes == (f"{WEIGHTS}: its ranks keep 100.00% of the merged change, by its norm",)
    plain = [
        {M: tensors(**{"q.weight": products(world, s)["q"].astype(np.float32)})} for s in sides
    ]
    zero = {M: tensors(**{"q.weight": np.zeros((6, 5), np.float32)})}
    wanted = read(world, merged(world, zero, plain, strategy, **parameters), M)["q.weight"]
    np.testing.assert_allclose(products(world, world.files(found))["q"], wanted, atol=2e-5)


def test_what_no_sum_says_is_refused_by_name(world: World) -> None:
    plain = lora("q")
    dora = {f"{PREFIX}q.lora_magnitude_vector": normal(1, 6)}
    arrays = {
        f"{PREFIX}q.lora_{x}.weight": normal(n, *s)
        for n, x, s in [(1, "A", (2, 5)), (2, "B", (6, 2))]
    }
    for files, recipe, error, said in [
        (lora("q", rank=3), Recipe("linear", adapters="factors"), UsageError, "not one rank"),
        (plain, Recipe("ties", adapters="cat"), UsageError, "ties is no sum"),
        (lora("q", size=(6, 4)), Recipe("linear"), ModelMismatch, "different bases"),
        ({**plain, WEIGHTS: tensors(**arrays, **dora)}, Recipe("linear"), UsageError, "q is DoRA"),
        (lora("q", seed=2, fan_in_fan_out=True), Recipe("linear"), ModelMismatch, "fan_in_fan_out"),
    ]:  # fmt: skip
        with pytest.raises(error, match=said):
            merged(world, {}, [lora("q", seed=7), files], recipe)


def test_an_adapter_of_another_base_is_refused_by_the_names_of_its_tensors(world: World) -> None:
    base = tensors(**{"q.weight": normal(0, 6, 5), "n": normal(1, 3)})
    with pytest.raises(ModelMismatch, match=r"missing: k\.weight"):
        into(world, base, lora("q", "k"))
    with pytest.raises(ModelMismatch, match=r"shape: q\.weight is 6×5, and the adapter adds 5×6"):
        into(world, base, lora("q", fan_in_fan_out=True))
    with pytest.raises(ModelMismatch, match=r"q\.weight is I64, and not numbers"):
        into(world, tensors(**{"q.weight": np.zeros((6, 5), np.int64)}), lora("q"))
    told = lora("v", base_model_name_or_path="org/base")
    with pytest.raises(ModelMismatch) as caught:
        into(world, base, told)
    assert caught.value.hint == "it was trained for org/base"


@pytest.mark.parametrize(("here", "there"), [("model.", ""), ("", "model."), ("a.b.", "b.")])
def test_modules_are_found_where_the_base_is_saved_with_more_or_less_around_it(
    world: World, here: str, there: str
) -> None:
    base = tensors(
        **{f"{there}q.proj.weight": normal(0, 6, 5), f"{there}k.proj.weight": normal(1, 6, 5)}
    )
    found = into(world, base, lora(f"{here}q.proj", f"{here}k.proj"))
    assert found.keys() == {f"{there}q.proj.weight", f"{there}k.proj.weight"}


def test_a_weight_of_zero_changes_nothing_and_half_of_one_half(world: World) -> None:
    base = tensors(**{"q.weight": normal(0, 6, 5)})
    files = lora("q")
    assert into(world, base, files, 0.0)["q.weight"][2] == normal(0, 6, 5).tobytes()
    wanted = normal(0, 6, 5) + 0.5 * products(world, files)["q"]
    np.testing.assert_allclose(
        numbers(into(world, base, files, 0.5)["q.weight"]), wanted, rtol=1e-6
    )


@given(
    st.lists(st.floats(-1e6, 1e6, allow_subnormal=True), min_size=1, max_size=30),
    st.sampled_from(["BF16", "F16", "F32", "F8_E4M3", "F8_E5M2"]),
)
def test_rounding_is_to_the_nearest_and_once(values: list[float], dtype: str) -> None:
    kind = FLOATS[dtype]
    exact = np.array(values) * (1 + 2.0**-30)
    found = rounded(exact, dtype).view(kind).astype(np.float64)
    with np.errstate(all="ignore"):
        direct = exact.astype(np.float32).astype(kind)
        beside = [direct, np.nextafter(direct, kind(np.inf)), np.nextafter(direct, kind(-np.inf))]
        near = [np.abs(one.astype(np.float64) - exact) for one in beside]
    best = np.fmin(np.fmin(near[0], near[1]), near[2])
    finite = np.isfinite(found)
    assert (np.abs(found - exact)[finite] <= best[finite]).all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(
    st.dictionaries(
        st.sampled_from(["peft_type", "lora_alpha", "alpha_pattern", "use_dora", "init_lora_weights"]),
        st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.dictionaries(
            st.text("ab.*+()[\\", max_size=12), st.floats(allow_nan=False), max_size=2
        ),
    )
)  # fmt: skip
def test_settings_of_a_stranger_are_read_or_refused(values: dict[str, Any]) -> None:
    try:
        found = Settings.read({"lora_alpha": 8, **values}, "adapter_config.json")
        assert isinstance(found.scale("a.b.c" * 30, 2), float)
    except (UsageError, MalformedFile) as error:
        assert "adapter_config.json" in error.message


def test_patterns_that_could_take_forever_are_refused() -> None:
    for pattern in ("(a+)+$", "(.*)*", "a" * 300, "(", ".*.*.*x"):
        with pytest.raises(UsageError, match="does not take for a name"):
            Settings.read({"lora_alpha": 1, "alpha_pattern": {pattern: 2}}, "c.json")
    found = Settings.read({"lora_alpha": 1, "alpha_pattern": {r"layers\.[0-3]\..*": 6}}, "c.json")
    assert found.scale("model.layers.2.q", 2) == 3
    assert found.scale("model.layers.4.q", 2) == 0.5


def test_an_adapter_that_is_no_sum_of_products_is_refused(world: World) -> None:
    base = tensors(**{"q.weight": normal(0, 6, 5)})
    for more, said in [
        ({"peft_type": "LOHA"}, "the adapter is 'LOHA'"),
        ({"layer_replication": [[0, 2]]}, "layer_replication is set"),
        ({"init_lora_weights": "pissa_niter_4"}, "changed the base's weights"),
    ]:
        with pytest.raises(UsageError, match=said):
            into(world, base, lora("q", **more))
    half = {**lora("q"), WEIGHTS: tensors(**{f"{PREFIX}q.lora_A.weight": normal(1, 2, 5)})}
    with pytest.raises(MalformedFile, match="only one of its factors"):
        into(world, base, half)
    odd = {**lora("q"), WEIGHTS: tensors(**{f"{PREFIX}q.lora_X": normal(1, 2, 5)})}
    with pytest.raises(UsageError, match="does not know what to do"):
        into(world, base, odd)


def test_a_folder_a_file_or_nothing_is_found(world: World) -> None:
    snapshot: Snapshot = world.snapshot({**lora("q"), "other/adapter_model.safetensors": tensors()})
    assert find(snapshot, "lora") == find(snapshot, "lora/") == find(snapshot, WEIGHTS) == WEIGHTS
    with pytest.raises(UsageError, match="other holds no adapter") as caught:
        find(snapshot, "other")
    assert caught.value.hint == f"there is {WEIGHTS}"
