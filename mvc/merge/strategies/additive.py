"""Both changes: ours plus what theirs changed of the base (task arithmetic, arXiv:2212.04089).

To take a step back after others is ``current - (after - before)``, to bring one over ``current + (after -
before)``: the same sum, as a revert's base is the step and its other side what was before. Computed in float32,
in float64 for F64, and rounded to the dtype once. An element that one side left alone has the other's bits, so
that nothing is lost where the changes do not meet.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from mvc.history.manifest import Entry
from mvc.merge.strategies.numbers import FLOATS, compute_dtype, narrowed, widened
from mvc.merge.strategies.strategy import Blend, Buffer, Side, Undecided, Verdict


class Additive:
    """``--strategy additive``; what is no floating-point tensor of one shape on all sides stays a conflict."""

    name = "additive"
    file_side: Side | None = None

    def settle(self, base: Entry | None, ours: Entry | None, theirs: Entry | None) -> Verdict:
        """The sum, or why there is none."""
        if ours is None or theirs is None:
            return Undecided("was deleted on one side, and has no difference to add")
        if base is None:
            return Undecided("was added on both sides, and has no difference to add")
        kinds = {(side.dtype, side.shape) for side in (base, ours, theirs)}
        if len(kinds) > 1:
            found = ", ".join(f"{side.dtype} {list(side.shape)}" for side in (base, ours, theirs))
            return Undecided(f"is of several kinds ({found}), which have no difference to add")
        if ours.dtype not in FLOATS:
            return Undecided(f"is {ours.dtype}, which has no difference to add")
        block = partial(total, dtype=ours.dtype)
        return Blend(ours.dtype, ours.shape, ("base", "ours", "theirs"), block)


def total(sides: tuple[Buffer, ...], *, dtype: str) -> bytes:
    """``ours + (theirs - base)`` of three arrays given as bytes of the same length."""
    compute = compute_dtype((dtype,), None)
    base, ours, theirs = (widened(side, dtype, compute) for side in sides)
    with np.errstate(all="ignore"):  # what is too large becomes infinite, as everywhere
        theirs -= base
        theirs += ours
    size = np.dtype(FLOATS[dtype]).itemsize
    words = [np.frombuffer(side, f"<u{size}") for side in sides]
    sums = narrowed(theirs, dtype).view(f"<u{size}")
    sums = np.where(words[1] == words[0], words[2], sums)
    return np.where(words[2] == words[0], words[1], sums).tobytes()
