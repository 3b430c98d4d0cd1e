"""What every merge strategy promises: subclass ``StrategyContract`` and give it one."""

from __future__ import annotations

import os
from typing import ClassVar

import pytest

from mvc.dtypes import DTYPES, nbytes
from mvc.history.manifest import Entry
from mvc.ids import object_id
from mvc.merge.strategies.strategy import Blend, Strategy, Undecided

SHAPES: list[tuple[int, ...]] = [(), (0,), (4,), (2, 6)]


def entry(dtype: str, shape: tuple[int, ...], data: bytes) -> Entry:
    return Entry("t", dtype, shape, object_id(data))


class StrategyContract:
    """Promises of a strategy over each dtype and several shapes."""

    subject: ClassVar[Strategy]

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_any_terms_get_a_verdict(self, dtype: str) -> None:
        full = [entry(dtype, (8,), bytes([n]) * nbytes(dtype, (8,))) for n in range(3)]
        for base in (full[0], None):
            for ours, theirs in [(full[1], full[2]), (None, full[2]), (full[1], None)]:
                verdict = self.subject.settle(base, ours, theirs)
                if isinstance(verdict, Blend):
                    sides = {"base": base, "ours": ours, "theirs": theirs}
                    assert all(sides[side] is not None for side in verdict.sides)
                elif isinstance(verdict, Undecided):
                    assert verdict.reason
                else:
                    assert verdict in ("base", "ours", "theirs")

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", SHAPES)
    def test_a_blend_has_the_size_of_its_dtype_and_shape_and_is_repeatable(
        self, dtype: str, shape: tuple[int, ...]
    ) -> None:
        if DTYPES[dtype].bits % 8:
            return
        data = [os.urandom(nbytes(dtype, shape)) for _ in range(3)]
        verdict = self.subject.settle(*(entry(dtype, shape, raw) for raw in data))
        if isinstance(verdict, Blend):
            sides = dict(zip(("base", "ours", "theirs"), data, strict=True))
            parts = tuple(sides[side] for side in verdict.sides)
            block = bytes(verdict.block(parts))
            assert len(block) == nbytes(verdict.dtype, verdict.shape)
            assert block == bytes(verdict.block(parts))

    def test_a_blend_does_not_depend_on_how_it_is_cut(self) -> None:
        data = [os.urandom(nbytes("BF16", (64,))) for _ in range(3)]
        verdict = self.subject.settle(*(entry("BF16", (64,), raw) for raw in data))
        if isinstance(verdict, Blend):
            sides = dict(zip(("base", "ours", "theirs"), data, strict=True))
            parts = [sides[side] for side in verdict.sides]
            halves = [
                bytes(verdict.block(tuple(part[at : at + 64] for part in parts))) for at in (0, 64)
            ]
            assert b"".join(halves) == bytes(verdict.block(tuple(parts)))

    def test_it_has_a_name_and_says_what_it_does_with_files(self) -> None:
        assert self.subject.name
        assert self.subject.file_side in ("base", "ours", "theirs", None)
