from __future__ import annotations

import io
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from merge.world import World, describe, f32, model, safetensors

from mvc.errors import MergeConflict, UsageError
from mvc.formats.safetensors import SAFETENSORS
from mvc.history.manifest import Manifest
from mvc.history.snapshot import Snapshot
from mvc.merge import compose
from mvc.merge.three_way import Merged

M = "m.safetensors"
WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0.0, 1.0, 2.0]), max_size=6)


def one(world: World, merged: Merged) -> bytes:
    assert not merged.conflicted
    return world.files(merged)[M]


def values(data: bytes) -> dict[str, float]:
    """Of F32 tensors with one element."""
    layout = SAFETENSORS.read_layout(io.BytesIO(data), len(data))
    return {s.key: struct.unpack_from("<f", data, s.offset)[0] for s in layout.storages}


def expected(
    base: dict[str, float], ours: dict[str, float], theirs: dict[str, float]
) -> dict[str, float] | None:
    """The rule once more, as simply as it can be said; None for a conflict."""
    result = {}
    for name in {*base, *ours, *theirs}:
        b, o, t = base.get(name), ours.get(name), theirs.get(name)
        if b != o and b != t and o != t:
            return None
        chosen = t if b == o else o
        if chosen is not None:
            result[name] = chosen
    return result


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=WEIGHTS, ours=WEIGHTS, theirs=WEIGHTS)
def test_tensors_merge_by_the_three_way_rule(
    world: World, base: dict[str, float], ours: dict[str, float], theirs: dict[str, float]
) -> None:
    b, o, t = (world.snapshot({M: model(**side)}) for side in (base, ours, theirs))
    merged = world.merge(b, o, t)
    wanted = expected(base, ours, theirs)
    assert merged.conflicted == (wanted is None)
    if wanted is not None:
        data = one(world, merged)
        assert values(data) == wanted
        assert world.manifest(merged, M) == describe(M, data)
        assert values(one(world, world.merge(b, t, o))) == wanted
    assert world.merge(b, o, b).files == dict(o)
    assert world.merge(b, b, t).files == dict(t)
    assert world.merge(b, o, o).files == dict(o)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    base=WEIGHTS, ours=WEIGHTS, theirs=WEIGHTS, strategy=st.sampled_from(["ours", "theirs", "base"])
)
def test_settling_later_is_settling_at_once(
    world: World,
    base: dict[str, float],
    ours: dict[str, float],
    theirs: dict[str, float],
    strategy: str,
) -> None:
    sides = [world.snapshot({M: model(**side)}) for side in (base, ours, theirs)]
    merged = world.merge(*sides)
    if merged.undecided:
        at_once = one(world, world.merge(*sides, strategy))
        assert world.settle(merged, M, strategy) == {M: at_once}


def test_a_conflict_keeps_its_terms_and_is_written_as_ours(world: World) -> None:
    base, ours, theirs = model(a=1, b=1, c=1), model(a=2, b=1), model(a=3, b=1, c=2, d=1)
    merged = world.merge({M: base}, {M: ours}, {M: theirs})
    assert merged.undecided == {M: ("a", "c")}
    assert merged.conflicts == {}
    assert merged.tally["conflict"] == 2
    manifest = world.manifest(merged, M)
    a, c = manifest.conflicts
    assert [side and side.id for side in (a.base, a.ours, a.theirs)] == [
        e.id for data in (base, ours, theirs) for e in describe(M, data).tensors if e.name == "a"
    ]
    assert c.ours is None and c.base is not None and c.theirs is not None
    assert all(id_ in world.context.store for id_ in manifest.object_ids())
    assert Manifest.decode(manifest.encode()) == manifest
    assert values(world.files(merged)[M]) == {"a": 2, "b": 1, "d": 1}


def test_named_tensors_alone_are_settled(world: World) -> None:
    merged = world.merge({M: model(a=1, b=1)}, {M: model(a=2, b=2)}, {M: model(a=4, b=4)})
    settled = world.settle(merged, M, "average", "a*")[M]
    assert settled is not None
    assert values(settled) == {"a": 3, "b": 2}


def test_a_tensor_without_an_average_stays_a_conflict(world: World) -> None:
    sides = [{M: safetensors({"n": ("I64", (1,), bytes([k]) * 8), "f": f32(k)})} for k in (1, 2, 4)]
    merged = world.merge(*sides, "average")
    assert merged.undecided == {M: ("n",)}
    assert merged.tally == {"strategy": 1, "conflict": 1}
    with pytest.raises(UsageError, match="'n' is I64"):
        world.settle(merged, M, "average")


def test_the_average_of_a_large_tensor_is_computed_in_pieces(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "FRAME", 4096)
    count = 50_001
    sides = [
        {M: safetensors({"w": ("F32", (count,), struct.pack(f"<{count}f", *[k] * count))})}
        for k in (0.0, 1.0, 2.0)
    ]
    wanted = {"w": ("F32", (count,), struct.pack(f"<{count}f", *[1.5] * count))}
    assert one(world, world.merge(*sides, "average")) == safetensors(wanted)


def test_a_tensor_of_another_dtype_or_shape_is_a_change(world: World) -> None:
    base = safetensors({"a": f32(1), "b": f32(1)})
    ours = safetensors({"a": ("F16", (2,), bytes(4)), "b": f32(1)})
    theirs = safetensors({"a": f32(1), "b": f32(1, 2)})
    merged = world.merge({M: base}, {M: ours}, {M: theirs})
    data = one(world, merged)
    assert [(t.dtype, t.shape) for t in describe(M, data).tensors] == [("F16", (2,)), ("F32", (2,))]


@pytest.mark.parametrize(
    ("ours", "theirs", "wanted"),
    [
        ({"k": "2"}, {"k": "1", "n": "1"}, {"k": "2", "n": "1"}),
        ({}, {"k": "1", "n": "1"}, {"n": "1"}),
        ({"k": "2"}, {"k": "2"}, {"k": "2"}),
        ({"k": "1"}, {"k": "9"}, {"k": "9"}),
    ],
)
def test_metadata_merges_key_by_key(
    world: World, ours: dict[str, str], theirs: dict[str, str], wanted: dict[str, str]
) -> None:
    merged = world.merge(
        {M: model({"k": "1"}, a=1, b=1)}, {M: model(ours, a=2, b=1)}, {M: model(theirs, a=1, b=2)}
    )
    assert one(world, merged) == model(wanted, a=2, b=2)


@pytest.mark.parametrize(
    ("strategy", "kept"), [("ours", "2"), ("theirs", "3"), ("base", "1"), ("average", "2")]
)
def test_metadata_that_both_changed_is_a_conflict_or_the_strategys(
    world: World, strategy: str, kept: str
) -> None:
    sides = [
        {M: model({"k": k, "same": "s"}, a=a, b=b)}
        for k, a, b in [("1", 1, 1), ("2", 2, 1), ("3", 1, 2)]
    ]
    wanted = model({"k": kept, "same": "s"}, a=2, b=2)
    assert one(world, world.merge(*sides, strategy)) == wanted
    merged = world.merge(*sides)
    assert merged.conflicts[M].kind == "metadata"
    assert values(world.files(merged)[M]) == {"a": 2, "b": 2}
    assert world.settle(merged, M, strategy) == {M: wanted}


def test_a_one_sided_result_is_that_sides_very_file(world: World) -> None:
    """A header that no writer of ours would write survives when nothing else asks for a new one."""
    odd = model(a=2, b=1)
    odd = struct.pack("<Q", struct.unpack("<Q", odd[:8])[0] + 8) + odd[8:-8] + b" " * 8 + odd[-8:]
    merged = world.merge({M: model(a=1, b=1)}, {M: odd}, {M: model(a=2, b=1)})
    assert one(world, merged) == odd


def test_models_added_on_both_sides_merge_from_nothing(world: World) -> None:
    merged = world.merge({}, {M: model(a=1, b=2)}, {M: model(a=1, c=3)})
    assert values(one(world, merged)) == {"a": 1, "b": 2, "c": 3}


def test_a_model_against_bytes_is_a_conflict_of_files(world: World) -> None:
    bare = {"m.bin": b"\0not a zip"}
    merged = world.merge(bare, {"m.bin": b"\0mine"}, {"m.bin": b"\0yours"})
    assert merged.conflicts["m.bin"].kind == "bytes"


def test_an_undecided_tensor_that_the_other_side_changed_is_refused(world: World) -> None:
    merged = world.merge({M: model(a=1)}, {M: model(a=2)}, {M: model(a=3)})
    undecided = Snapshot(world.context.git, merged.files)
    with pytest.raises(MergeConflict, match="'a' is undecided on one side"):
        world.merge({M: model(a=1)}, undecided, {M: model(a=4)})


def test_an_undecided_tensor_that_the_other_side_left_alone_stays(world: World) -> None:
    base = {M: model(a=1, b=1)}
    merged = world.merge(base, {M: model(a=2, b=1)}, {M: model(a=3, b=1)})
    undecided = Snapshot(world.context.git, merged.files)
    again = world.merge(base, undecided, {M: model(a=1, b=4)})
    assert not again.conflicted and world.files(again) == {M: model(a=2, b=4)}
    assert world.manifest(again, M).conflicts == world.manifest(merged, M).conflicts


def test_a_clean_merge_of_one_header_stores_nothing_but_the_skeleton(world: World) -> None:
    sides = [world.snapshot({M: model(a=a, b=b)}) for a, b in [(1, 1), (2, 1), (1, 2)]]
    before = set(world.context.store.object_ids())
    world.merge(*sides)
    assert set(world.context.store.object_ids()) == before


@pytest.mark.parametrize("strategy", ["ours", "theirs", "base", "average"])
def test_the_tally_says_what_became_of_each_tensor(world: World, strategy: str) -> None:
    sides = [world.snapshot({M: model(a=a, b=b, c=1)}) for a, b in [(1, 1), (2, 1), (3, 2)]]
    merged = world.merge(*sides, strategy)
    assert merged.tally == {"strategy": 1, "theirs": 1, "unchanged": 1}
