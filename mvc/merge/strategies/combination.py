"""The seam of strategies over any number of models: numbers in, numbers out.

A combination sees arrays of one tensor and nothing else of a model: no bytes, no dtype on disk, no path, no
commit. What it computes depends on its parameters, the arrays and the ``Place``, never on threads or on the
order in which tensors are merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mvc.history.record import Json
from mvc.values import dataclass

#: float32 or float64, of the tensor's shape; where pieces do, a flat stretch of it.
Array: TypeAlias = NDArray[Any]


class Numbers(Protocol):
    """A tensor that is looked at stretch by stretch."""

    @property
    def size(self) -> int:
        """Elements."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Their arrangement."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """What is computed in."""
        ...

    def __getitem__(self, where: slice) -> Array:
        """A flat stretch, not to be changed."""
        ...


#: What is recorded of the data that a model was trained on: a file ``NAME.fisher.safetensors`` beside it.
Statistic: TypeAlias = Literal["fisher", "gram"]


@dataclass(frozen=True, slots=True)
class Place:
    """Which tensor is being merged, the seed of the merge, and each model's statistic of this tensor."""

    name: str = ""
    seed: int = 0
    statistics: tuple[Array | None, ...] = ()


class Combination(Protocol):
    """One way to make one tensor of many; an instance holds its parameters, checked."""

    @property
    def name(self) -> str:
        """What ``--strategy`` calls it."""
        ...

    @property
    def elementwise(self) -> bool:
        """Whether an element of the result needs only the elements at its place: pieces can be merged."""
        ...

    @property
    def piecewise(self) -> bool:
        """Whether it has ``pieces``, as ``Piecewise`` says."""
        ...

    @property
    def needs_base(self) -> bool:
        """Whether models are taken as what they changed from a base."""
        ...

    @property
    def keeps_equal(self) -> bool:
        """Whether a tensor that is the same in all models (and in the base, where that is needed) stays."""
        ...

    @property
    def statistic(self) -> Statistic | None:
        """What it has to know of each model besides its tensors."""
        ...

    def written(self) -> Mapping[str, Json]:
        """The parameters, all of them, by the names that mergekit and ``--param`` have for them."""
        ...

    def accept(self, models: int) -> None:
        """Let a merge of so many models begin.

        Raises:
            UsageError: the strategy takes another number, or a parameter has not one value for each.
        """
        ...

    def combine(self, base: Array | None, models: Sequence[Array], place: Place) -> Array:
        """The merged tensor, in the dtype of the arrays, which are left as they are."""
        ...


class Piecewise(Combination, Protocol):
    """A combination that needs no model's tensor as numbers in one piece."""

    @property
    def scratch(self) -> int:
        """Whole arrays of numbers that are kept besides."""
        ...

    def pieces(
        self, base: Numbers | None, models: Sequence[Numbers], place: Place
    ) -> Iterator[Array]:
        """The merged tensor, flat stretches from front to back: together what ``combine`` gives."""
        ...
