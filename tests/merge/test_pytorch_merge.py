from __future__ import annotations

import io
import struct
import zipfile
from collections import OrderedDict
from typing import Any

import pytest
from formats.pytorch.torch_zip import Store, saved, tensor
from merge.world import World, describe

from mvc.history.snapshot import Snapshot
from mvc.merge.three_way import Merged

M = "m.pt"


def numbers(*values: float) -> Any:
    return tensor(Store(struct.pack(f"<{len(values)}f", *values)), (len(values),))


def checkpoint(epoch: int = 1, rate: float = 0.5, **weights: Any) -> bytes:
    state = OrderedDict(
        (name, numbers(*v) if isinstance(v, list) else v) for name, v in weights.items()
    )
    return saved({"epoch": epoch, "rate": rate, "state": state})


def read(data: bytes) -> dict[str, list[float]]:
    """The values of F32 tensors with storages of their own, every CRC checked."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
    manifest = describe(M, data)
    found = {}
    for entry in manifest.tensors:
        found[entry.name] = (entry.shape, entry.id)
    return found


def merged_file(world: World, merged: Merged) -> bytes:
    assert not merged.conflicted
    data = world.files(merged)[M]
    assert world.manifest(merged, M) == describe(M, data)
    return data


def test_tensors_of_checkpoints_merge_and_every_crc_is_right(world: World) -> None:
    base = checkpoint(a=[1, 1], b=[1], c=[1])
    ours = checkpoint(a=[2, 2], b=[1], c=[1])
    theirs = checkpoint(a=[1, 1], b=[3], c=[1], d=[4])
    data = merged_file(world, world.merge({M: base}, {M: ours}, {M: theirs}))
    assert read(data) == read(checkpoint(a=[2, 2], b=[3], c=[1], d=[4]))


def test_scalars_that_one_side_changed_come_along(world: World) -> None:
    base = checkpoint(a=[1], b=[1])
    ours, theirs = checkpoint(a=[2], b=[1]), checkpoint(epoch=2, a=[1], b=[2])
    wanted = describe(M, checkpoint(epoch=2, a=[2], b=[2]))
    for sides in [(ours, theirs), (theirs, ours)]:
        data = merged_file(world, world.merge({M: base}, *({M: side} for side in sides)))
        assert describe(M, data).tensors == wanted.tensors
        assert _scalars(data) == _scalars(checkpoint(epoch=2, a=[2], b=[2]))


def test_different_scalars_of_both_sides_merge(world: World) -> None:
    base = checkpoint(a=[1], b=[1])
    ours, theirs = checkpoint(rate=0.25, a=[2], b=[1]), checkpoint(epoch=2, a=[1], b=[2])
    data = merged_file(world, world.merge({M: base}, {M: ours}, {M: theirs}))
    assert _scalars(data) == _scalars(checkpoint(epoch=2, rate=0.25, a=[1], b=[1]))


@pytest.mark.parametrize(("strategy", "epoch"), [("ours", 2), ("theirs", 3), ("base", 1)])
def test_a_scalar_that_both_changed_is_a_conflict_or_the_strategys(
    world: World, strategy: str, epoch: int
) -> None:
    sides = [
        {M: checkpoint(epoch=k, a=[a], b=[b])} for k, a, b in [(1, 1, 1), (2, 2, 1), (3, 1, 2)]
    ]
    wanted = checkpoint(epoch=epoch, a=[2], b=[2])
    data = merged_file(world, world.merge(*sides, strategy))
    assert _scalars(data) == _scalars(wanted)
    merged = world.merge(*sides)
    assert merged.conflicts[M].kind == "metadata"
    assert read(world.files(merged)[M]) == read(wanted)
    settled = world.settle(merged, M, strategy)[M]
    assert settled is not None
    assert _scalars(settled) == _scalars(wanted)
    assert read(settled) == read(wanted)


def test_views_become_tensors_of_their_own(world: World) -> None:
    def tied(first: float, b: float) -> bytes:
        shared = Store(struct.pack("<4f", first, 2, 3, 4))
        views = {
            "row": tensor(shared, (2, 2)),
            "column": tensor(shared, (2,), (2,), 1),
            "b": numbers(b),
        }
        return saved(OrderedDict(views))

    base, ours, theirs = tied(1, 1), tied(9, 1), tied(1, 2)
    assert merged_file(world, world.merge({M: base}, {M: ours}, {M: base})) == ours
    data = merged_file(world, world.merge({M: base}, {M: ours}, {M: theirs}))
    assert read(data) == read(tied(9, 2))
    assert describe(M, data).storages == ()


def test_a_conflict_in_a_view_keeps_whole_terms(world: World) -> None:
    def tied(first: float) -> bytes:
        shared = Store(struct.pack("<4f", first, 2, 3, 4))
        return saved(OrderedDict(row=tensor(shared, (2, 2)), column=tensor(shared, (2,), (2,), 0)))

    merged = world.merge({M: tied(1)}, {M: tied(2)}, {M: tied(4)})
    assert merged.undecided == {M: ("column", "row")}
    assert all(id_ in world.context.store for id_ in world.manifest(merged, M).object_ids())
    assert read(world.files(merged)[M]) == read(tied(2))
    settled = world.settle(merged, M, "average")[M]
    assert settled is not None
    assert read(settled) == read(tied(3))


def test_averages_of_checkpoints_have_right_crcs(world: World) -> None:
    sides = [{M: checkpoint(a=[k, k], b=[1])} for k in (1, 2, 4)]
    data = merged_file(world, world.merge(*sides, "average"))
    assert read(data) == read(checkpoint(a=[3, 3], b=[1]))


@pytest.mark.torch
def test_torch_loads_what_was_merged(world: World) -> None:
    import torch

    def file(a: float, b: float) -> bytes:
        buffer = io.BytesIO()
        torch.save(
            {"epoch": 1, "state": {"a": torch.full((3,), a), "b": torch.full((2,), b)}}, buffer
        )
        return buffer.getvalue()

    data = merged_file(world, world.merge({M: file(1, 1)}, {M: file(2, 1)}, {M: file(1, 2)}))
    loaded = torch.load(io.BytesIO(data), weights_only=True)
    assert loaded["epoch"] == 1
    assert torch.equal(loaded["state"]["a"], torch.full((3,), 2.0))
    assert torch.equal(loaded["state"]["b"], torch.full((2,), 2.0))


def _scalars(data: bytes) -> dict[str, str]:
    from mvc.formats.pytorch import PYTORCH

    return dict(PYTORCH.read_layout(io.BytesIO(data), len(data)).metadata)


def test_an_undecided_tensor_comes_through_another_merge_with_right_crcs(world: World) -> None:
    base = checkpoint(a=[1, 1], b=[1], c=[1], z=[0])
    ours, theirs = checkpoint(a=[2, 2], c=[1], z=[0]), checkpoint(a=[3, 3], b=[3], c=[1], z=[0])
    kept = world.merge({M: base}, {M: ours}, {M: theirs})
    assert kept.undecided == {M: ("state.a", "state.b")}
    stage = Snapshot(world.context.git, kept.files)
    again = world.merge({M: base}, stage, {M: checkpoint(a=[1, 1], b=[1], c=[5], z=[0], d=[7])})
    assert not again.conflicted
    assert read(world.files(again)[M]) == read(checkpoint(a=[2, 2], c=[5], d=[7], z=[0]))
    assert world.manifest(again, M).conflicts == world.manifest(kept, M).conflicts
    settled = world.settle(again, M, "theirs")[M]
    assert settled is not None
    assert read(settled) == read(checkpoint(a=[3, 3], b=[3], c=[5], d=[7], z=[0]))
