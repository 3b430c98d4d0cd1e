"""Adapters merged with adapters, by the products of their factors: what each adds to the model's weights.

The mean of factors is not the mean of what they multiply to, so a strategy sees products. Of those that add
up (``linear``, ``task_arithmetic``, ``fedavg``) the result is exact with the factors side by side (``cat``); of
any, and to a given rank, it is the closest product (``svd``). PEFT's ``add_weighted_adapter`` has the same two.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from mvc.merge.adapters.products import Product, product_of, rounded
from mvc.merge.adapters.reading import Adapter, Factors
from mvc.merge.held import Bytes, Held, bytes_of
from mvc.merge.strategies.combination import Array, Combination, Place
from mvc.merge.terms import Piece
from mvc.store.store import Store
from mvc.values import dataclass

#: Strategies whose result is a sum of multiples of the models.
SUMS = frozenset(("linear", "task_arithmetic", "fedavg"))
_DOUBLE = np.dtype(np.float64)
#: A as [r, inputs] and B as [outputs, r].
Pair: TypeAlias = tuple[Array, Array]


class Shortened(NamedTuple):
    """Factors, and the squares of the norms that they have and that the whole has."""

    pair: Pair
    kept: float
    whole: float


@dataclass(frozen=True, slots=True)
class Member:
    """A module's factors in one adapter, and what their product is multiplied by."""

    factors: Factors
    scale: float
    turned: bool

    @staticmethod
    def of(adapter: Adapter | None, module: str) -> Member | None:
        """The module in ``adapter``; None where it is not there, which adds nothing."""
        factors = None if adapter is None else adapter.modules.get(module)
        if adapter is None or factors is None:
            return None
        turned = factors.embedding or adapter.settings.transposed
        return Member(factors, adapter.settings.scale(module, factors.rank), turned)

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes two members the same."""
        return (self.factors.a.entry.value, self.factors.b.entry.value, self.scale)

    def arrays(self, store: Store) -> tuple[Array, Array]:
        """A as [r, …] and B as [out, r], float64."""
        a, b = (_held(store, piece) for piece in (self.factors.a, self.factors.b))
        return a.whole().reshape(a.shape[0], -1), b.whole().reshape(b.shape[0], -1)

    def product(self, store: Store) -> Product:
        """What it adds to the weight."""
        a, b = (_held(store, piece) for piece in (self.factors.a, self.factors.b))
        return product_of(a, b, self.scale, transposed=False)


@dataclass(frozen=True, slots=True)
class Joint:
    """One module in the base (None: it adds nothing there) and in every model."""

    module: str
    base: Member | None
    models: tuple[Member | None, ...]
    chosen: Combination

    @property
    def members(self) -> list[Member]:
        """Those that there are."""
        return [member for member in (self.base, *self.models) if member is not None]

    def coefficients(self) -> list[float]:
        """Of a sum: what the base's and each model's product is multiplied by."""
        count = len(self.models)
        found = []
        for number in range(-1, count):
            one = [np.array([float(number == model)]) for model in range(count)]
            base = np.array([float(number == -1)])
            start = base if self.chosen.needs_base else None
            found.append(float(self.chosen.combine(start, one, Place())[0]))
        return found if self.chosen.needs_base else [0.0, *found[1:]]

    def parts(self) -> list[list[tuple[float, Member]]]:
        """The members of a sum, each with its number; those of one A belong together, their Bs add up."""
        grouped: dict[object, list[tuple[float, Member]]] = {}
        sides = zip(self.coefficients(), (self.base, *self.models), strict=True)
        for coefficient, member in sides:
            if member is not None and coefficient:
                key = member.factors.a.entry.value
                grouped.setdefault(key, []).append((coefficient * member.scale, member))
        return list(grouped.values())


def side_by_side(store: Store, joint: Joint) -> Pair:
    """The factors of a sum: every A above the other, every B beside the other, scaled."""
    lefts, rights = [], []
    for group in joint.parts():
        arrays = [member.arrays(store) for _, member in group]
        rights.append(arrays[0][0])
        total = np.zeros_like(arrays[0][1])
        for (scale, _), (_, b) in zip(group, arrays, strict=True):
            total += scale * b
        lefts.append(total)
    return np.concatenate(rights), np.concatenate(lefts, axis=1)


def closest(store: Store, joint: Joint, rank: int, place: Place, wide: np.dtype[Any]) -> Shortened:
    """The product of ``rank`` that is closest to what the strategy makes of all products.

    Eckart and Young, The approximation of one matrix by another of lower rank (1936).
    Singular values are LAPACK's, and may differ in the last bits between machines.
    """
    if joint.chosen.name in SUMS:
        a, b = side_by_side(store, joint)
        outer, left = np.linalg.qr(b)
        inner, right = np.linalg.qr(a.T)
        u, sizes, v = np.linalg.svd(left @ right.T)
        u, v = outer @ u, v @ inner.T
    else:
        products = [_product(store, joint, member, wide) for member in (joint.base, *joint.models)]
        start = products[0] if joint.chosen.needs_base else None
        merged = joint.chosen.combine(start, products[1:], place)
        u, sizes, v = np.linalg.svd(merged.astype(_DOUBLE), full_matrices=False)
    all_of_it = float(np.sum(sizes * sizes))
    kept = float(np.sum(sizes[:rank] ** 2))
    return Shortened((v[:rank], u[:, :rank] * sizes[:rank]), kept, all_of_it)


def of_factors(store: Store, joint: Joint, place: Place, wide: np.dtype[Any]) -> Pair:
    """The strategy on A and on B, each times the root of its scale, as PEFT's ``linear`` has it."""
    pairs = [(member.scale, *member.arrays(store)) for member in joint.members]
    if joint.chosen.name in SUMS:
        weights = [c * m.scale for c, m in _weighted(joint)]
        roots = np.sqrt(np.abs(weights))
        signed = np.copysign(roots, weights)
        a = sum(root * one for root, (_, one, _) in zip(signed, pairs, strict=True))
        b = sum(root * one for root, (_, _, one) in zip(roots, pairs, strict=True))
        return np.asarray(a), np.asarray(b)
    made = []
    for number in (1, 2):
        scaled = [np.asarray(np.sqrt(pair[0]) * pair[number]).astype(wide) for pair in pairs]
        base = scaled.pop(0) if joint.base is not None else np.zeros_like(scaled[0])
        start = base if joint.chosen.needs_base else None
        made.append(joint.chosen.combine(start, scaled, place))
    return made[0], made[1]


def _weighted(joint: Joint) -> list[tuple[float, Member]]:
    sides = zip(joint.coefficients(), (joint.base, *joint.models), strict=True)
    return [(coefficient, member) for coefficient, member in sides if member is not None]


def _product(store: Store, joint: Joint, member: Member | None, wide: np.dtype[Any]) -> Array:
    if member is not None:
        return member.product(store).whole().astype(wide)
    like = joint.members[0].factors
    inputs = int(np.prod(like.a.entry.shape[1:]))
    return np.zeros((like.b.entry.shape[0], inputs), wide)


def _held(store: Store, piece: Piece) -> Held:
    return Held(bytes_of(store, piece), piece.entry.dtype, piece.entry.shape, _DOUBLE)


class Shared:
    """Both factors of a module, computed once, on the thread that is the first to ask."""

    def __init__(self, compute: Callable[[], Pair], dtypes: tuple[str, str]) -> None:
        self._compute, self._dtypes = compute, dtypes
        self._lock, self._found = Lock(), dict[int, Bytes]()

    def take(self, which: int) -> Bytes:
        """The bytes of A (0) or B (1)."""
        with self._lock:
            if which not in self._found:
                with np.errstate(all="ignore"):
                    pair = self._compute()
                self._found = {
                    number: rounded(np.ascontiguousarray(one, _DOUBLE), dtype)
                    for number, (one, dtype) in enumerate(zip(pair, self._dtypes, strict=True))
                }
            return self._found.pop(which)
