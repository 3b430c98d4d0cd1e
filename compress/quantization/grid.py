"""A grid: a format with scales (and zeros) for the columns of a matrix, and rounding onto it.

Owns granularity: one scale for the tensor, for each row (``channel``), or for each run of ``group`` columns in
a row. Scales are numbers of the file's own dtype, so that codes times scale is the same number wherever the
product is made; NF4's stay float32, as bitsandbytes keeps them.
"""

from __future__ import annotations

from typing import Any

from compress.matrix import Tensor
from compress.quantization.formats import Format, nearest
from mvc.history.record import Json
from mvc.values import dataclass

#: Fewer columns than this don't pay for a scale; the row has one then.
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """What scales a grid shall have: ``width`` columns share one; ``whole``: and so do all rows.

    ``dtype``: of the file, a torch dtype, to which scales are rounded.
    """

    form: Format
    width: int
    symmetric: bool
    whole: bool
    dtype: Any

    @property
    def zeros(self) -> bool:
        """Whether there is a zero beside each scale."""
        return self.form.kind == "integer" and not self.symmetric

    def folded(self, weight: Tensor) -> Tensor:
        """``[out, in]`` as ``[rows, groups, members]``, a scale for each row and group."""
        if self.whole:
            return weight.reshape(1, 1, -1)
        return weight.reshape(weight.shape[0], -1, self.width)

    def rounded(self, scale: Tensor) -> Tensor:
        """A scale as it is stored, in float32."""
        return scale if self.form.kind == "table" else scale.to(self.dtype).float()


@dataclass(frozen=True, slots=True)
class Grid:
    """``scale`` ``[rows, groups]``, float32, a scale 0 where all is zero; ``zero`` the same or None.

    ``rows`` is 1 where the whole tensor has one scale.
    """

    shape: Shape
    scale: Tensor
    zero: Tensor | None = None

    def levels(self, values: Tensor, columns: Tensor | None = None) -> Tensor:
        """The nearest levels of ``values`` ``[out, n]``: those ``columns``, or all in order."""
        scale, zero = self._at(self.scale, values, columns), None
        if self.zero is not None:
            zero = self._at(self.zero, values, columns)
        return nearest(self.shape.form, (values / scale).nan_to_num_(0.0, 0.0, 0.0), zero)

    def onto(self, values: Tensor, columns: Tensor | None = None) -> Tensor:
        """The nearest values of the grid, as the file's dtype holds them, in float32."""
        import torch

        if not self.shape.form.scaled:
            return nearest(self.shape.form, values)
        found = self.levels(values, columns) * self._at(self.scale, values, columns)
        return found.to(self.shape.dtype).to(torch.float32)

    def _at(self, of: Tensor, values: Tensor, columns: Tensor | None) -> Tensor:
        if of.shape[1] == 1:
            return of
        if columns is not None:
            return of[:, columns // self.shape.width]
        return of.repeat_interleave(self.shape.width, dim=1)


def spread(shape: Shape, weight: Tensor) -> Grid:
    """The grid whose ends are the least and greatest weight of each group: what rounding to nearest has.

    Each step is one operation in single precision, rounded to the file's dtype, as the store's codec
    ``requant`` makes them again.
    """
    import torch

    if not shape.form.scaled:
        return Grid(shape, torch.ones(1, 1))
    members = shape.folded(weight)
    if not shape.zeros:
        return Grid(shape, shape.rounded(members.abs().amax(dim=2) / shape.form.top))
    return between(shape, members.amin(dim=2).clamp_max(0), members.amax(dim=2).clamp_min(0))


def between(shape: Shape, lowest: Tensor, highest: Tensor) -> Grid:
    """The asymmetric grid between both, ``[rows, groups]``; zero is one of its values."""
    most = (1 << shape.form.bits) - 1
    scale = shape.rounded(shape.rounded(highest - lowest) / most)
    zero = (-(lowest / scale).nan_to_num_(0.0, 0.0, 0.0).round()).clamp(0, most)
    return Grid(shape, scale, zero)


def width_of(columns: int, asked: int) -> int:
    """``asked``, or the next smaller number that divides the row; the row where that would be tiny."""
    if asked >= columns:
        return columns
    found = next(size for size in range(asked, 0, -1) if columns % size == 0)
    return found if found >= min(_FEWEST, asked) else columns


def described(shape: Shape, columns: int, layout: str) -> dict[str, Json]:
    """The grid as a record has it, and ``compress/invariants`` checks it."""
    found: dict[str, Json] = {"format": shape.form.name, "layout": layout}
    if shape.form.scaled:
        granularity = "tensor" if shape.whole else "channel" if shape.width == columns else "group"
        found["granularity"] = granularity
        found["symmetric"] = not shape.zeros
        if granularity == "group":
            found["group_size"] = shape.width
    return found
