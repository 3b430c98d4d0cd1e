"""Tensors that look into a storage: one id for one value, however the file keeps it."""

from __future__ import annotations

import math
from typing import BinaryIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worktree.work import Work, scratch

from mvc import formats, limits
from mvc.errors import LimitExceeded, MalformedFile, UnsupportedDtype
from mvc.formats.layout import Layout, Storage, Tensor
from mvc.history.manifest import Manifest
from mvc.history.tensors import tensor_bytes
from mvc.ids import object_id
from mvc.worktree import hashing
from mvc.worktree.ingest import describe

HEAD = b"VIEWS\0\0\0"


class Views:
    """A format whose layout the test decides; the file is a head, one storage, a tail."""

    name = "views"
    suffixes = (".views",)

    def __init__(self, *tensors: Tensor) -> None:
        self.tensors = tensors

    def read_layout(self, file: BinaryIO, size: int) -> Layout:
        storage = Storage("data/0", len(HEAD), size - len(HEAD) - 1)
        return Layout("views", size, (storage,), self.tensors)


def manifest_of(work: Work, data: bytes, *tensors: Tensor) -> Manifest:
    work.write("f.views", HEAD + data + b"\0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formats, "detect", lambda path, head: Views(*tensors))
        work.add("f.views")
        manifest = work.staged().manifest("f.views")
        assert describe(work.context, "f.views")[2] == manifest
    assert manifest is not None
    return manifest


def test_a_tied_weight_and_its_transpose(work: Work) -> None:
    values = np.arange(12, dtype=np.float32)
    manifest = manifest_of(
        work,
        values.tobytes(),
        Tensor("embed", "F32", (3, 4), "data/0"),
        Tensor("head.T", "F32", (4, 3), "data/0", 0, (1, 4)),
        Tensor("part", "F32", (2, 2), "data/0", 5, (4, 1)),
        Tensor("scalar", "F32", (), "data/0", 7, ()),
        Tensor("none", "F32", (0, 3), "data/0", 12, (3, 1)),
        Tensor("tail", "F32", (2,), "data/0", 10, (1,)),
    )
    table = values.reshape(3, 4)
    wanted = {
        "embed": table,
        "head.T": table.T,
        "part": table[1:3, 1:3],
        "scalar": values[7],
        "none": table[:0, :3],
        "tail": values[10:],
    }
    assert {e.name: e.id for e in manifest.tensors} == {
        name: object_id(array.tobytes()) for name, array in wanted.items()
    }
    assert [(s.key, s.length) for s in manifest.storages] == [("data/0", 48)]
    # What history reads back through the manifest are the very same bytes.
    for entry in manifest.tensors:
        assert tensor_bytes(work.context.store, manifest, entry) == wanted[entry.name].tobytes()


@given(st.data())
def test_any_strided_view_is_hashed_row_by_row(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(0, 4), max_size=3)))
    strides = tuple(data.draw(st.integers(0, 7)) for _ in shape)
    offset = data.draw(st.integers(0, 5))
    dtype, width = data.draw(st.sampled_from([("U8", 1), ("BF16", 2), ("F32", 4), ("I64", 8)]))
    reach = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + 1
    count = max(reach, offset, 1) if math.prod(shape) else 6
    raw = np.random.default_rng(1).bytes(count * width)
    flat = np.frombuffer(raw, dtype=f"V{width}")
    steps = [s * width for s in strides]
    expected = np.lib.stride_tricks.as_strided(flat[offset:], shape, steps).tobytes()
    with scratch() as work:
        tensor = Tensor("v", dtype, shape, "data/0", offset, strides)
        manifest = manifest_of(work, raw, tensor)
    assert manifest.tensors[0].id == object_id(expected)


def test_a_view_larger_than_the_window_is_gathered_in_pieces(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WINDOW", 64)
    values = np.arange(40 * 30, dtype=np.float32).reshape(40, 30)
    manifest = manifest_of(
        work, values.tobytes(), Tensor("t", "F32", (30, 40), "data/0", 0, (1, 30))
    )
    assert manifest.tensors[0].id == object_id(values.T.tobytes())


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("v", "F32", (5,), "data/0", 0, (1,)),
        Tensor("v", "F32", (1,), "data/0", 4, (1,)),
        Tensor("v", "F32", (2, 2), "data/0", 0, (3, 1)),
        Tensor("v", "F32", (2,), "data/0", 1, (-1,)),
        Tensor("v", "F32", (0,), "data/0", 9, (1,)),
    ],
)
def test_a_view_that_leaves_its_storage_is_refused(work: Work, tensor: Tensor) -> None:
    with pytest.raises(MalformedFile, match="leaves its storage"):
        manifest_of(work, bytes(16), tensor)


def test_a_view_that_stands_for_terabytes_is_refused(work: Work) -> None:
    with pytest.raises(LimitExceeded, match="times the file"):
        manifest_of(work, bytes(16), Tensor("v", "F32", (1 << 40,), "data/0", 0, (0,)))


def test_a_view_of_half_bytes_is_refused(work: Work) -> None:
    with pytest.raises(UnsupportedDtype):
        manifest_of(work, bytes(16), Tensor("v", "F4", (8,), "data/0", 0, (1,)))


def test_the_same_view_under_many_names_is_hashed_once(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []
    real = hashing.hash_span
    monkeypatch.setattr(hashing, "hash_span", lambda span: hashed.append(span.length) or real(span))
    tensors = [Tensor(f"v{n:03}", "F32", (4,), "data/0") for n in range(100)]
    manifest = manifest_of(work, bytes(16), *tensors)
    assert len(manifest.tensors) == 100
    assert hashed == [16, 16, 16]  # the view by add; by describe the storage and the view


def test_the_dtype_that_all_views_share_helps_the_codec(work: Work) -> None:
    from mvc.worktree.ingest import _dtypes

    storages = (Storage("x", 0, 8), Storage("y", 8, 8), Storage("z", 16, 8))
    tensors = (
        Tensor("a", "BF16", (2,), "x", 0, (1,)),
        Tensor("b", "BF16", (2,), "x", 2, (1,)),
        Tensor("c", "F32", (1,), "y", 0, (1,)),
        Tensor("d", "I32", (1,), "y", 1, (1,)),
    )
    found = _dtypes(Layout("views", 24, storages, tensors))
    assert found == {"x": "BF16", "y": None}
