"""What an operation gives back: the new form of a matrix, what it costs in output error, what was decided.

Values only: a payload knows what stands in its place when the model goes on computing (``dense``), what is
stored (``tensors``), and what later steps must not break (``invariant``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from compress.matrix import Tensor
from mvc.history.record import Json
from mvc.values import dataclass


class Payload(Protocol):
    """One of the kinds below."""

    @property
    def dense(self) -> Tensor:
        """``[out, in]``: what the model computes with after this step."""
        ...

    @property
    def tensors(self) -> Mapping[str, Tensor | None]:
        """What is stored, by what stands after the module's name (``weight``, ``weight.absmax``, …).

        None: stored no more. ``weight`` is ``[out, in]`` and goes into the file's own dtype; any other tensor
        is stored as it is.
        """
        ...

    @property
    def invariant(self) -> Mapping[str, Json]:
        """What holds of it from now on, as ``compress/invariants`` checks it; empty for nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Dense:
    """New values; nothing is promised of them."""

    weight: Tensor

    @property
    def dense(self) -> Tensor:
        """The weight itself."""
        return self.weight

    @property
    def tensors(self) -> Mapping[str, Tensor | None]:
        """The weight alone."""
        return {"weight": self.weight}

    @property
    def invariant(self) -> Mapping[str, Json]:
        """None."""
        return {}


@dataclass(frozen=True, slots=True)
class Mask:
    """New values that are zero outside of a mask; ``pattern``: ``unstructured``, or ``2:4`` along the input."""

    weight: Tensor
    pattern: str = "unstructured"

    @property
    def dense(self) -> Tensor:
        """The weight itself."""
        return self.weight

    @property
    def tensors(self) -> Mapping[str, Tensor | None]:
        """The weight alone: its zeros are the mask."""
        return {"weight": self.weight}

    @property
    def invariant(self) -> Mapping[str, Json]:
        """Zeros stay zeros, in the pattern."""
        return {"mask": self.pattern}


@dataclass(frozen=True, slots=True)
class Packed:
    """Values of a grid. ``stored`` is how they are kept: packed codes and scales, or ``{"weight": weight}``.

    ``grid`` says which: ``{"format": "int4", "group_size": 64, "symmetric": true}``. A mask that was in force
    goes on: ``pattern``.
    """

    weight: Tensor
    grid: Mapping[str, Json]
    stored: Mapping[str, Tensor | None]
    pattern: str | None = None

    @property
    def dense(self) -> Tensor:
        """The values that the codes stand for."""
        return self.weight

    @property
    def tensors(self) -> Mapping[str, Tensor | None]:
        """Codes, scales, or the values themselves."""
        return self.stored

    @property
    def invariant(self) -> Mapping[str, Json]:
        """Values stay on the grid, and zeros zero."""
        return {"grid": dict(self.grid), **({"mask": self.pattern} if self.pattern else {})}


@dataclass(frozen=True, slots=True)
class Factors:
    """``second @ first`` in place of the matrix: ``first`` ``[rank, in]``, ``second`` ``[out, rank]``.

    ``names``: what stands after the module's name for each.
    """

    first: Tensor
    second: Tensor
    names: tuple[str, str] = ("0.weight", "1.weight")

    @property
    def dense(self) -> Tensor:
        """The product."""
        return self.second @ self.first

    @property
    def tensors(self) -> Mapping[str, Tensor | None]:
        """Both factors, and no matrix."""
        return {"weight": None, self.names[0]: self.first, self.names[1]: self.second}

    @property
    def invariant(self) -> Mapping[str, Json]:
        """The rank."""
        return {"rank": int(self.first.shape[0])}


@dataclass(frozen=True, slots=True)
class Edit:
    """A matrix after an operation. ``loss``: tr(Δ G Δᵀ), the mean squared error of the output; NaN without G.

    ``decisions``: what was searched and need not be again (a rank, a damping, a scale exponent).
    ``folded``: new values of other tensors of the block that were scaled along, by full name.
    """

    payload: Payload
    loss: float
    decisions: Mapping[str, Json] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    folded: Mapping[str, Tensor] = field(default_factory=dict)
