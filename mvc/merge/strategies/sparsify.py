"""What of a change is kept: the largest, all but the largest and smallest, or chance.

Each takes a change and gives it with zeros in it. Elements of equal magnitude are ranked by their position.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mvc.errors import UsageError
from mvc.merge.strategies.combination import Array, Place
from mvc.merge.strategies.measures import sum_of_magnitudes
from mvc.merge.strategies.philox import uniform

#: Norms below this are not rescaled, as in mergekit.
_TINY = 1e-7


def magnitude(change: Array, density: float, rescale: bool) -> Array:
    """The ``density`` share of the largest magnitudes, at least one element (TIES)."""
    if density >= 1:
        return change
    if density <= 0 or not change.size:
        return np.zeros_like(change)
    kept = max(1, int(density * change.size))
    return masked(change, largest(np.abs(change).reshape(-1), kept), rescale)


def magnitude_outliers(change: Array, density: float, gamma: float, rescale: bool) -> Array:
    """Without the ``gamma`` share of the largest, and of the rest the ``density`` share (Breadcrumbs)."""
    if density >= 1 or not change.size:
        return change
    kept, top = int(density * change.size), int(gamma * change.size)
    bottom = max(0, change.size - kept - top)  # the density counts more than gamma
    sizes = np.abs(change).reshape(-1)
    window = smallest(sizes, bottom + kept) & ~smallest(sizes, bottom)
    return masked(change, window, rescale)


def chance(change: Array, density: float, place: Place, model: int, rescale: bool) -> Array:
    """Each element with the probability ``density`` (DARE)."""
    if density >= 1:
        return change
    return masked(change, uniform(place, model, change.shape) < np.float32(density), rescale)


def magnitude_chance(
    change: Array, density: float, epsilon: float, place: Place, model: int, rescale: bool
) -> Array:
    """Each element with a probability from ``density - epsilon`` to ``density + epsilon`` that grows with the
    rank of its magnitude in its row (MAGPRUNE)."""
    if density >= 1:
        return change
    if density <= 0:
        return np.zeros_like(change)
    rows = change if change.ndim > 1 else change.reshape(1, -1)
    order = np.argsort(np.abs(rows), axis=1, kind="stable")
    ranks = np.empty(rows.shape, np.float32)
    numbers = np.arange(rows.shape[1], dtype=np.float32)
    shape = (1, -1) + (1,) * (rows.ndim - 2)
    np.put_along_axis(ranks, order, numbers.reshape(shape), axis=1)
    if rows.shape[1] > 1:
        ranks /= np.float32(rows.shape[1] - 1)
    else:
        ranks[...] = 0.5  # nothing to rank
    probability = np.float32(density - epsilon) + ranks * np.float32(2) * np.float32(epsilon)
    return masked(change, uniform(place, model, change.shape) < probability, rescale)


def check_epsilon(densities: tuple[float, ...], epsilons: tuple[float, ...]) -> None:
    """Let DELLA begin only with probabilities that are some.

    Raises:
        UsageError: ``density ± epsilon`` is not between 0 and 1.
    """
    for density, epsilon in zip(densities, epsilons, strict=True):
        if 0 < density < 1 and not epsilon < density < 1 - epsilon:
            raise UsageError(
                f"epsilon is {epsilon:g} at a density of {density:g}, and density - epsilon and "
                "density + epsilon must lie between 0 and 1"
            )


def masked(change: Array, kept: NDArray[np.bool_], rescale: bool) -> Array:
    """``change`` where ``kept``, zero elsewhere; ``rescale`` gives it back the L1 norm that it had."""
    sparse = change * kept.reshape(change.shape)
    if rescale:
        before, after = sum_of_magnitudes(change), sum_of_magnitudes(sparse)
        if before >= _TINY and after >= _TINY:
            sparse *= sparse.dtype.type(before / after)
    return sparse


def smallest(sizes: Array, count: int) -> NDArray[np.bool_]:
    """Which are the ``count`` smallest; of equal ones the first. A NaN is larger than anything."""
    if count <= 0:
        return np.zeros(sizes.size, np.bool_)
    if count >= sizes.size:
        return np.ones(sizes.size, np.bool_)
    limit = np.partition(sizes, count - 1)[count - 1]
    if np.isnan(limit):
        found, equal = ~np.isnan(sizes), np.isnan(sizes)
    else:
        found, equal = sizes < limit, sizes == limit
    return _first(found, equal, count)


def largest(sizes: Array, count: int) -> NDArray[np.bool_]:
    """Which are the ``count`` largest; of equal ones the first. A NaN is larger than anything."""
    if count <= 0:
        return np.zeros(sizes.size, np.bool_)
    if count >= sizes.size:
        return np.ones(sizes.size, np.bool_)
    limit = np.partition(sizes, sizes.size - count)[sizes.size - count]
    if np.isnan(limit):
        found, equal = np.zeros(sizes.size, np.bool_), np.isnan(sizes)
    else:
        found, equal = ~(sizes <= limit), sizes == limit
    return _first(found, equal, count)


def _first(found: NDArray[np.bool_], equal: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """``found`` and the first of the ``equal`` that are missing to ``count``."""
    missing = count - int(np.count_nonzero(found))
    found[np.flatnonzero(equal)[:missing]] = True
    return found
