from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from merge.world import World, index, model

from mvc.formats.sharded import parse_index
from mvc.merge.three_way import Merged

SINGLE = "m.safetensors"
INDEX = "m.safetensors.index.json"


def sharded(*shards: dict[str, float], **metadata: object) -> dict[str, bytes]:
    """A model in shards with its index."""
    files = {}
    weight_map = {}
    for number, tensors in enumerate(shards, 1):
        name = f"m-{number:05}-of-{len(shards):05}.safetensors"
        files[name] = model(**tensors)
        weight_map.update(dict.fromkeys(tensors, name))
    total = 4 * len(weight_map)
    return {**files, INDEX: index(weight_map, **({"total_size": total} | metadata))}


def tensors(world: World, merged: Merged) -> dict[str, tuple[str, str]]:
    """Name -> (shard, id), checked against the index."""
    found = {}
    for path, (_, blob) in merged.files.items():
        if path.endswith(".safetensors"):
            assert world.file(blob)
            for entry in world.manifest(merged, path).tensors:
                assert entry.name not in found
                found[entry.name] = (path, entry.id)
    if INDEX in merged.files:
        written = parse_index(world.files(merged)[INDEX])
        assert written.weight_map == {name: path for name, (path, _) in found.items()}
        if "total_size" in written.metadata:
            assert written.metadata["total_size"] == 4 * len(found)
    return found


def test_a_tensor_moved_on_one_side_and_changed_on_the_other_merges(world: World) -> None:
    base = sharded({"a": 1, "b": 1}, {"c": 1})
    moved = sharded({"a": 1}, {"b": 1, "c": 1})
    changed = sharded({"a": 1, "b": 2}, {"c": 1})
    for ours, theirs in [(moved, changed), (changed, moved)]:
        merged = world.merge(base, ours, theirs)
        assert not merged.conflicted
        assert world.files(merged) == sharded({"a": 1}, {"b": 2, "c": 1})


def test_more_shards_on_one_side_and_a_change_on_the_other_merge(world: World) -> None:
    base = sharded({"a": 1, "b": 1, "c": 1}, {"d": 1})
    finer = sharded({"a": 1}, {"b": 1, "c": 1}, {"d": 1})
    changed = sharded({"a": 1, "b": 1, "c": 2}, {"d": 2})
    for ours, theirs in [(finer, changed), (changed, finer)]:
        merged = world.merge(base, ours, theirs)
        assert not merged.conflicted
        assert world.files(merged) == sharded({"a": 1}, {"b": 1, "c": 2}, {"d": 2})


def test_a_single_file_cut_into_shards_takes_the_other_sides_change(world: World) -> None:
    single = {SINGLE: model(a=1, b=1)}
    cut = sharded({"a": 1}, {"b": 1})
    for ours, theirs in [(cut, {SINGLE: model(a=1, b=2)}), ({SINGLE: model(a=1, b=2)}, cut)]:
        merged = world.merge(single, ours, theirs)
        assert not merged.conflicted
        assert world.files(merged) == sharded({"a": 1}, {"b": 2})


def test_shards_put_together_take_the_other_sides_change(world: World) -> None:
    merged = world.merge(
        sharded({"a": 1}, {"b": 1}), {SINGLE: model(a=1, b=1)}, sharded({"a": 1}, {"b": 2})
    )
    assert world.files(merged) == {SINGLE: model(a=1, b=2)}


def test_tensors_added_and_deleted_on_both_sides_bring_the_index_along(world: World) -> None:
    base = sharded({"a": 1, "b": 1}, {"c": 1}, format="pt", total_parameters=3)
    ours = sharded({"a": 1, "a2": 5}, {"c": 1}, format="pt", total_parameters=3)
    theirs = sharded({"a": 1, "b": 1}, {"c": 1, "d": 7}, format="pt", total_parameters=4, by="x")
    merged = world.merge(base, ours, theirs)
    assert not merged.conflicted
    assert {name: path[2:7] for name, (path, _) in tensors(world, merged).items()} == {
        "a": "00001",
        "a2": "00001",
        "c": "00002",
        "d": "00002",
    }
    metadata = json.loads(world.files(merged)[INDEX])["metadata"]
    assert metadata == {"format": "pt", "by": "x", "total_size": 16, "total_parameters": 4}


def test_one_sided_changes_leave_the_index_as_it_was_written(world: World) -> None:
    """Its total counts a shared tensor once, and its spelling is nobody's here."""
    first, second = "m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"
    index_text = json.dumps(
        {"weight_map": {"b": second, "a": first}, "metadata": {"total_size": 4}}
    )
    written = index_text.encode()
    shards = [{**sharded({"a": a}, {"b": b}), INDEX: written} for a, b in [(1, 1), (2, 1), (3, 2)]]
    merged = world.merge(*shards, "theirs")
    assert world.files(merged)[INDEX] == written
    merged = world.merge(shards[0], {**sharded({"a": 2, "x": 1}, {"b": 1})}, shards[2], "theirs")
    assert tensors(world, merged).keys() == {"a", "b", "x"}


def test_a_conflict_stands_in_its_shard_and_settling_it_brings_the_index_along(
    world: World,
) -> None:
    base = sharded({"a": 1, "b": 1}, {"c": 1})
    merged = world.merge(base, sharded({"a": 1}, {"c": 2}), sharded({"a": 1, "b": 2}, {"c": 1}))
    shard = "m-00001-of-00002.safetensors"
    assert merged.undecided == {shard: ("b",)}
    assert parse_index(world.files(merged)[INDEX]).weight_map.keys() == {"a", "c"}
    settled = world.settle(merged, shard, "theirs")
    assert settled[shard] == model(a=1, b=2)
    assert settled[INDEX] == sharded({"a": 1, "b": 2}, {"c": 1})[INDEX]
    assert world.settle(merged, shard, "ours") == {shard: model(a=1)}


def test_a_shard_that_lost_all_its_tensors_goes(world: World) -> None:
    base = sharded({"a": 1, "b": 1}, {"c": 1})
    ours = {**sharded({"a": 1, "b": 2}, {"c": 1})}
    theirs = {k: v for k, v in base.items() if "00002.s" not in k or "00001" in k}
    theirs[INDEX] = index(
        {"a": "m-00001-of-00002.safetensors", "b": "m-00001-of-00002.safetensors"}
    )
    merged = world.merge(base, ours, theirs)
    assert not merged.conflicted
    assert tensors(world, merged).keys() == {"a", "b"}


def test_two_models_with_one_tensor_name_are_not_mixed_up(world: World) -> None:
    base = {"x/m.safetensors": model(a=1), "y/m.safetensors": model(a=1, b=1)}
    ours = {**base, "y/m.safetensors": model(a=2, b=1)}
    theirs = {**base, "y/m.safetensors": model(a=1, b=2)}
    merged = world.merge(base, ours, theirs)
    assert world.files(merged) == {
        "x/m.safetensors": model(a=1),
        "y/m.safetensors": model(a=2, b=2),
    }


def test_shards_that_hold_a_name_twice_merge_file_by_file(world: World) -> None:
    def twice(a: float, b: float) -> dict[str, bytes]:
        return {
            **sharded({"a": a, "b": 1}, {"c": 1}),
            "m-00002-of-00002.safetensors": model(a=1, c=b),
        }

    merged = world.merge(twice(1, 1), twice(2, 2), twice(1, 1) | {INDEX: b"{}"})
    assert not merged.conflicted
    assert world.files(merged)["m-00001-of-00002.safetensors"] == model(a=2, b=1)


NAMES = list("abcdefgh")
VALUES = st.fixed_dictionaries({name: st.sampled_from([1.0, 2.0]) for name in NAMES})
CUTS = st.lists(st.integers(0, 2), min_size=len(NAMES), max_size=len(NAMES))


def cut(values: dict[str, float], places: list[int]) -> dict[str, bytes]:
    shards: list[dict[str, float]] = [{"s0": 0.0}, {"s1": 0.0}, {"s2": 0.0}]
    for name, place in zip(NAMES, places, strict=True):
        shards[place][name] = values[name]
    return sharded(*shards)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(base=VALUES, ours=VALUES, theirs=VALUES, places=CUTS, others=CUTS)
def test_how_a_model_is_cut_does_not_change_what_is_merged(
    world: World,
    base: dict[str, float],
    ours: dict[str, float],
    theirs: dict[str, float],
    places: list[int],
    others: list[int],
) -> None:
    whole = world.merge(*({SINGLE: model(s0=0, s1=0, s2=0, **v)} for v in (base, ours, theirs)))
    merged = world.merge(cut(base, places), cut(ours, others), cut(theirs, places))
    assert not merged.conflicted and not whole.conflicted  # with two values, somebody is unchanged
    wanted = {entry.name: entry.id for entry in world.manifest(whole, SINGLE).tensors}
    found = tensors(world, merged)
    assert {name: id_ for name, (_, id_) in found.items()} == wanted
    assert {name: int(found[name][0][2:7]) - 1 for name in NAMES} == dict(
        zip(NAMES, others, strict=True)
    )


@pytest.mark.parametrize("strategy", ["ours", "theirs", "base", "average"])
def test_a_strategy_settles_every_shard(world: World, strategy: str) -> None:
    sides = [sharded({"a": k}, {"b": k}) for k in (1, 2, 4)]
    merged = world.merge(*sides, strategy)
    value = {"ours": 2, "theirs": 4, "base": 1, "average": 3}[strategy]
    assert world.files(merged) == sharded({"a": value}, {"b": value})
