"""Merging any number of snapshots by a recipe: models, files beside them, layouts, statistics, memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from merge.world import Tensors, World, index, model, safetensors

from mvc.errors import MergeConflict, UsageError
from mvc.merge import making, producing
from mvc.merge.recipe import Recipe
from mvc.merge.strategies import sparsify
from mvc.merge.three_way import Merged
from mvc.merge.uniting import Contributions, unite

Array = np.ndarray[Any, Any]
NAMES = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64"}


def merged(
    world: World,
    base: Mapping[str, bytes],
    models: Sequence[Mapping[str, bytes]],
    recipe: Recipe | str,
    **parameters: Any,
) -> Merged:
    recipe = Recipe(recipe, parameters) if isinstance(recipe, str) else recipe
    of = Contributions(world.snapshot(base), tuple(world.snapshot(one) for one in models))
    objects = world.context.writer()
    labels = ["HEAD", *(f"side{n}" for n in range(1, len(models)))]
    found = unite(world.context, objects, recipe, of, of, labels=labels)
    objects.flush()
    return found


def tensors(**arrays: Array) -> bytes:
    found: Tensors = {
        name: (NAMES[str(one.dtype)], one.shape, one.tobytes()) for name, one in arrays.items()
    }
    return safetensors(found)


def read(world: World, found: Merged, path: str = "m.safetensors") -> dict[str, Array]:
    kinds = {short: np.dtype(long) for long, short in NAMES.items()}
    return {
        entry.name: np.frombuffer(world.context.store.read(entry.id), kinds[entry.dtype]).reshape(
            entry.shape
        )
        for entry in world.manifest(found, path).tensors
    }


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_every_tensor_is_made_of_all_models_also_what_one_alone_changed(world: World) -> None:
    base = {"m.safetensors": model(a=0, b=0, c=5)}
    sides = [
        {"m.safetensors": model(a=3, b=0, c=5)},
        {"m.safetensors": model(a=6, b=9, c=5)},
        {"m.safetensors": model(a=9, b=0, c=5)},
    ]
    found = merged(world, base, sides, "linear")
    assert {name: one.item() for name, one in read(world, found).items()} == {
        "a": 6,
        "b": 3,
        "c": 5,
    }
    assert found.tally == {"strategy": 2, "unchanged": 1}
    assert not found.conflicted


def test_what_is_equal_everywhere_is_not_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = {"m.safetensors": model(a=1, b=2)}

    def unread(*_: object) -> object:
        raise AssertionError("a tensor was read")

    monkeypatch.setattr(making.Bench, "make", unread)
    found = merged(world, same, [same, same], "ties")
    assert world.files(found) == same
    with pytest.raises(AssertionError, match="was read"):
        merged(world, same, [{"m.safetensors": model(a=1, b=3)}, same], "ties")


def test_a_file_that_comes_out_as_a_side_has_it_is_that_sides_blob(world: World) -> None:
    base, ours = {"m.safetensors": model(a=1)}, {"m.safetensors": model(a=2)}
    theirs = {"m.safetensors": model({"by": "them"}, a=2)}
    found = merged(world, base, [ours, theirs, ours], "linear")
    assert world.files(found) == theirs


def test_the_first_rule_that_matches_decides(world: World) -> None:
    def sides(value: float) -> dict[str, bytes]:
        names = ("layers.0.mlp", "layers.1.mlp", "head")
        return {"m.safetensors": model(**dict.fromkeys(names, value))}

    recipe = Recipe.read(
        {
            "strategy": "linear",
            "weight": [1, 3],
            "rules": {"layers.0.*": {"strategy": "linear", "weight": [3, 1]}, "layers.*": "theirs"},
        }
    )
    found = read(world, merged(world, sides(0), [sides(4), sides(8)], recipe))
    values = {name: one.item() for name, one in found.items()}
    assert values == {"layers.0.mlp": 5, "layers.1.mlp": 8, "head": 7}


def test_what_a_strategy_can_not_compute_takes_the_three_way_rule_or_is_a_conflict(
    world: World,
) -> None:
    base = {"m.safetensors": tensors(steps=np.arange(2), ids=np.arange(3), w=normal(0, 4))}
    ours = {"m.safetensors": tensors(steps=np.arange(2) + 1, ids=np.arange(3), w=normal(1, 4))}
    theirs = {"m.safetensors": tensors(steps=np.arange(2), ids=np.arange(3) + 9, w=normal(2, 4))}
    found = read(world, merged(world, base, [ours, theirs], "linear"))
    assert found["steps"].tolist() == [1, 2]
    assert found["ids"].tolist() == [9, 10, 11]
    both = {"m.safetensors": tensors(steps=np.arange(2) + 7, ids=np.arange(3), w=normal(1, 4))}
    stopped = merged(world, base, [ours, both], "linear")
    assert stopped.undecided == {"m.safetensors": ("steps",)}


def test_a_tensor_that_one_model_lacks_is_settled_by_who_changed_it_and_so_is_a_shape_if_told(
    world: World,
) -> None:
    base = {"m.safetensors": tensors(w=normal(0, 4), gone=normal(0, 2))}
    ours = {"m.safetensors": tensors(w=normal(0, 4), new=normal(1, 3))}
    theirs = {"m.safetensors": tensors(w=normal(2, 5), gone=normal(0, 2))}
    recipe = Recipe("ties", mismatch=("three-way",))
    found = read(world, merged(world, base, [ours, theirs], recipe))
    assert {name: one.shape for name, one in found.items()} == {"w": (5,), "new": (3,)}
    other = {"m.safetensors": tensors(w=normal(3, 6), gone=normal(0, 2))}
    stopped = merged(world, base, [other, theirs], recipe)
    assert stopped.undecided == {"m.safetensors": ("w",)}


def test_models_of_several_dtypes_give_one_that_holds_them(world: World) -> None:
    values = np.array([1, 2], np.float32)
    sides = [
        {"m.safetensors": tensors(w=values.astype(kind) * n)}
        for n, kind in ((1, np.float16), (3, np.float32))
    ]
    found = read(world, merged(world, {"m.safetensors": tensors(w=values)}, sides, "linear"))
    assert found["w"].dtype == np.float32
    assert found["w"].tolist() == [2, 4]


def test_float64_is_computed_in_float64_unless_told_otherwise(world: World) -> None:
    small = 2.0**-40
    sides = [{"m.safetensors": tensors(w=np.array([1 + small * n]))} for n in (1, 3)]
    base = {"m.safetensors": tensors(w=np.array([1.0]))}
    for dtype, expected in ((None, 1 + 2 * small), ("float32", 1.0)):
        found = read(world, merged(world, base, sides, Recipe("linear", dtype=dtype)))
        assert found["w"].tolist() == [expected]


def test_other_files_merge_as_in_git_from_all_sides(world: World) -> None:
    text = b"one\n2\n3\n4\n5\n6\n7\n8\n"
    base = {"m.safetensors": model(a=0), "notes.md": text, "old": b"x\n"}
    sides = [
        {**base, "m.safetensors": model(a=3), "notes.md": text.replace(b"one", b"ONE")},
        {**base, "m.safetensors": model(a=6), "new": b"n\n"},
        {"m.safetensors": model(a=9), "notes.md": text.replace(b"8", b"eight")},
    ]
    found = world.files(merged(world, base, sides, "linear"))
    assert found["notes.md"] == b"ONE\n2\n3\n4\n5\n6\n7\neight\n"
    assert found.keys() == {"m.safetensors", "notes.md", "new"}


def test_two_sides_of_a_text_are_left_to_the_user_and_three_are_refused(world: World) -> None:
    base = {"m.safetensors": model(a=0), "notes.md": b"zero\n"}
    sides = [
        {"m.safetensors": model(a=n), "notes.md": text}
        for n, text in ((2, b"two\n"), (4, b"four\n"), (6, b"zero\n"))
    ]
    found = merged(world, base, sides[:2], "linear")
    assert found.conflicts.keys() == {"notes.md"}
    assert read(world, found)["a"].item() == 3
    with pytest.raises(MergeConflict, match=r"notes\.md.*nothing has changed"):
        merged(world, base, sides, "linear")


def test_without_a_strategy_several_sides_join_where_nothing_conflicts(world: World) -> None:
    base = {"m.safetensors": model(a=0, b=0, c=0)}
    sides = [{"m.safetensors": model(**{"a": 0, "b": 0, "c": 0, name: 5})} for name in "abc"]
    found = merged(world, base, sides, Recipe())
    assert {name: one.item() for name, one in read(world, found).items()} == dict.fromkeys("abc", 5)
    stopped = merged(world, base, [*sides, {"m.safetensors": model(a=9, b=0, c=0)}], Recipe())
    assert stopped.undecided == {"m.safetensors": ("a",)}
    settled = merged(
        world, base, [*sides, {"m.safetensors": model(a=9, b=0, c=0)}], Recipe("theirs")
    )
    assert read(world, settled)["a"].item() == 9


def test_a_sharded_model_is_merged_with_one_in_a_single_file(world: World) -> None:
    names = ("model-1.safetensors", "model-2.safetensors")
    base = {"model.safetensors": model(a=0, b=0)}
    whole = {"model.safetensors": model(a=2, b=2)}
    cut = {
        "model.safetensors.index.json": index({"a": names[0], "b": names[1]}, total_size=8),
        names[0]: model(a=4),
        names[1]: model(b=6),
    }
    found = merged(world, base, [whole, cut, whole], "linear", weight=[1, 2, 1])
    assert found.files.keys() == cut.keys()
    assert read(world, found, names[0])["a"].item() == 3
    assert read(world, found, names[1])["b"].item() == 4
    assert world.files(found)["model.safetensors.index.json"] == cut["model.safetensors.index.json"]


def test_a_model_that_not_every_side_has_merges_as_a_file(world: World) -> None:
    base = {"m.safetensors": model(a=0)}
    sides = [base, {"m.safetensors": model(a=2), "extra.safetensors": model(x=1)}, base]
    found = world.files(merged(world, base, sides, "ties"))
    assert found["extra.safetensors"] == model(x=1)


def test_fisher_and_gram_are_found_beside_the_model_and_added_up(world: World) -> None:
    base = {"m.safetensors": model(a=0)}
    sides = [
        {"m.safetensors": model(a=1), "m.fisher.safetensors": model(a=1)},
        {"m.safetensors": model(a=5), "m.fisher.safetensors": model(a=3)},
    ]
    found = merged(world, base, sides, "fisher")
    assert read(world, found)["a"].item() == 4
    assert read(world, found, "m.fisher.safetensors")["a"].item() == 4
    with pytest.raises(UsageError, match=r"m\.fisher\.safetensors.*number 2"):
        merged(world, base, [sides[0], base], "fisher")
    gram = {"m.gram.safetensors": tensors(w=np.eye(3, dtype=np.float32))}
    models = [{**gram, "m.safetensors": tensors(w=normal(n, 2, 3))} for n in (1, 2)]
    mean = read(world, merged(world, base, models, "regmean"))["w"]
    np.testing.assert_allclose(mean, (normal(1, 2, 3) + normal(2, 2, 3)) / 2, rtol=1e-6)
    known = {**base, "m.fisher.safetensors": model(a=1)}
    later = [{**side, "m.fisher.safetensors": model(a=1 + n)} for n, side in enumerate(sides, 1)]
    summed = merged(world, known, later, "linear")
    assert read(world, summed, "m.fisher.safetensors")["a"].item() == 4  # 1 + (2 - 1) + (3 - 1)


@pytest.mark.parametrize(
    "strategy", ["linear", "slerp", "ties", "dare_ties", "della", "breadcrumbs"]
)
def test_pieces_and_threads_change_no_bit(
    world: World, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    files = [
        {"m.safetensors": tensors(**{f"w{n}": normal(seed * 100 + n, 3, n, 7) for n in range(12)})}
        for seed in range(4)
    ]
    parameters: dict[str, object] = {"density": 0.4, "rescale": False}
    if strategy in ("linear", "slerp"):
        parameters, files = {}, files[:3]
    expected = world.files(merged(world, files[0], files[1:], strategy, **parameters))
    monkeypatch.setattr(making, "_PIECE", 13)
    monkeypatch.setattr(producing, "BUDGET", 1)
    monkeypatch.setattr(producing, "_THREADS", 1)
    monkeypatch.setattr(producing, "WINDOW", 1000)
    monkeypatch.setattr(sparsify, "STRETCH", 11)
    assert world.files(merged(world, files[0], files[1:], strategy, **parameters)) == expected


@pytest.mark.torch
def test_views_and_checksums_of_a_checkpoint_come_out_right(world: World) -> None:
    import io

    import torch

    def saved(seed: int) -> bytes:
        whole = torch.from_numpy(normal(seed, 6, 4))
        file = io.BytesIO()
        torch.save({"whole": whole, "part": whole[1:3].t(), "n": seed}, file)
        return file.getvalue()

    base, *sides = ({"m.pt": saved(seed)} for seed in range(3))
    found = merged(world, base, sides, "linear")
    assert not found.undecided
    loaded = torch.load(io.BytesIO(world.files(found)["m.pt"]))
    expected = torch.from_numpy((normal(1, 6, 4) + normal(2, 6, 4)) / 2)
    assert torch.equal(loaded["whole"], expected)
    assert torch.equal(loaded["part"], expected[1:3].t())


def test_a_recipe_reads_what_it_writes_and_refuses_the_rest() -> None:
    recipe = Recipe.read(
        {
            "strategy": "ties",
            "density": "0.5",
            "seed": 4,
            "dtype": "float64",
            "rules": [{"a*": "ours"}, {"match": "b*", "strategy": "slerp", "t": 0.2}],
        }
    )
    written = recipe.written()
    assert Recipe.read(written).written() == written
    assert recipe.choices().of("b1").name == "slerp"  # type: ignore[union-attr]
    for values, said in [
        ({"strategy": 3}, "strategy is 3"),
        ({"strategy": "tis"}, "no merge strategy 'tis'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": True}, "seed is True"),
        ({"dtype": "int8"}, "dtype is 'int8'"),
        ({"rules": "ties"}, "rules must map"),
        ({"rules": {"a": {}}}, "rule for a names no strategy"),
        ({"rules": {"a": {"strategy": "ours", "t": 1}}}, "ours has no parameter 't'"),
        ({"strategy": "slerp", "density": 1}, "slerp has no parameter 'density'"),
        ({"density": 1}, "the merge has no parameter 'density'"),
        ({"parameters": 3}, "parameters must be a mapping"),
    ]:
        with pytest.raises(UsageError, match=said):
            Recipe.read(values).choices()


def test_every_dtype_of_floats_is_merged_in_its_own_bytes(world: World) -> None:
    from mvc.merge.strategies.numbers import FLOATS

    def stored(value: float) -> dict[str, bytes]:
        found = {}
        for name, kind in FLOATS.items():
            data = np.array([[value], [2 * value]], kind).tobytes()
            found[name] = (name, (2, 1), data)
        return {"m.safetensors": safetensors(found)}

    done = merged(world, stored(0), [stored(1), stored(3)], "ties")
    expected = merged(world, stored(0), [stored(1), stored(3)], "linear")
    assert world.files(done) == world.files(expected) == stored(2)
