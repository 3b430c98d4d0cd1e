"""What the numbers of two versions of one tensor say, as a value, and the sums it is made from.

It knows no bytes and no dtype. Elements are split into those that are finite on both sides, which alone
enter norms, cosine and largest differences, and the rest, which are counted.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from mvc.values import dataclass

Cast: TypeAlias = Literal["exact", "rounded"]


@dataclass(frozen=True, slots=True)
class TensorStats:
    """How far ``new`` is from ``old``.

    ``changed`` counts elements whose bits differ (whose values differ, where the dtypes do). All that
    follows is over the elements that are finite on both sides, in float64; a complex element counts as
    its two parts.

    ``relative_l2`` is ‖new − old‖ / ‖old‖: 0 when nothing differs, None when only ``old`` is zero.
    ``cosine`` is None when either norm is 0. ``max_abs`` and ``max_ulp`` are the largest |new − old|, as a
    number and in steps between neighbouring values of the dtype (−0 and +0 are one value); both are None
    when no element is finite on both sides, ``max_ulp`` also when the dtypes differ.
    ``old_nonfinite`` and ``new_nonfinite`` count NaN and ±Inf.

    ``cast`` says of two dtypes that only they differ: ``exact``, all values are the same; ``rounded``, each
    new one is the old one rounded to the nearest that the new dtype has.
    """

    elements: int
    changed: int
    relative_l2: float | None
    cosine: float | None
    max_abs: float | None
    max_ulp: int | None
    old_norm: float
    new_norm: float
    old_nonfinite: int
    new_nonfinite: int
    cast: Cast | None = None

    @property
    def changed_share(self) -> float:
        """Changed elements of all, 0 to 1."""
        return self.changed / self.elements if self.elements else 0.0


class Sum:
    """A sum of products of which each term may carry a power of two, so that no square overflows.

    Float64 holds squares of numbers up to 1e154 only; ``exponent`` says what was divided out before.
    """

    def __init__(self) -> None:
        self._terms: dict[int, float] = {}

    def add(self, value: float, exponent: int = 0) -> None:
        """Add ``value * 2**exponent``; ``exponent`` is even."""
        self._terms[exponent] = self._terms.get(exponent, 0.0) + value

    def total(self) -> tuple[float, int]:
        """``(m, e)``: the sum is ``m * 2**e``."""
        held = {exponent: value for exponent, value in self._terms.items() if value}
        top = max(held, default=0)
        return math.fsum(math.ldexp(value, e - top) for e, value in held.items()), top


class Sums:
    """Everything that is added up over the blocks of two tensors."""

    def __init__(self) -> None:
        self.elements = 0
        self.changed = 0
        self.old_nonfinite = 0
        self.new_nonfinite = 0
        self.old_square = Sum()
        self.new_square = Sum()
        self.product = Sum()
        self.difference_square = Sum()
        self.max_abs: float | None = None
        self.max_ulp: int | None = None
        #: Whether the dtypes differ, and the new values are the old ones rounded.
        self.recast = self.rounded = False

    def largest(self, max_abs: float, max_ulp: int | None) -> None:
        """Take in the largest differences of some elements."""
        self.max_abs = max_abs if self.max_abs is None else max(self.max_abs, max_abs)
        if max_ulp is not None:
            self.max_ulp = max_ulp if self.max_ulp is None else max(self.max_ulp, max_ulp)

    def stats(self) -> TensorStats:
        """The value that the sums amount to."""
        old, old_exponent = self.old_square.total()
        new, new_exponent = self.new_square.total()
        product, product_exponent = self.product.total()
        difference, difference_exponent = self.difference_square.total()
        relative: float | None = 0.0
        cosine = None
        if difference:
            ratio = math.sqrt(difference) / math.sqrt(old) if old else None
            shift = (difference_exponent - old_exponent) // 2
            relative = None if ratio is None else _scaled(ratio, shift)
        if old and new and not difference:
            cosine = 1.0
        elif old and new:
            shift = product_exponent - (old_exponent + new_exponent) // 2
            cosine = _scaled(product / math.sqrt(old) / math.sqrt(new), shift)
            cosine = min(1.0, max(-1.0, cosine))
        return TensorStats(
            elements=self.elements,
            changed=self.changed,
            relative_l2=relative,
            cosine=cosine,
            max_abs=self.max_abs,
            max_ulp=self.max_ulp,
            old_norm=_scaled(math.sqrt(old), old_exponent // 2),
            new_norm=_scaled(math.sqrt(new), new_exponent // 2),
            old_nonfinite=self.old_nonfinite,
            new_nonfinite=self.new_nonfinite,
            cast=self._cast(),
        )

    def _cast(self) -> Cast | None:
        if not (self.recast and self.elements):
            return None
        return "rounded" if self.changed and self.rounded else None if self.changed else "exact"


def _scaled(value: float, exponent: int) -> float:
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.copysign(math.inf, value)
