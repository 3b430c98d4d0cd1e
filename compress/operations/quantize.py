"""Quantization after training: rounding to nearest, half-quadratic, GPTQ, AWQ, SmoothQuant, onto any format.

Owns the recipe and the order of things; the arithmetic is in ``compress/quantization``. Zeros of a mask that is
in force stay zero: zero is a value of every grid here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from compress.edit import Edit, Packed
from compress.factoring.refusing import require_whole
from compress.matrix import Group, Matrix, Tensor
from compress.numbers import output_error
from compress.operation import Operation, Option
from compress.quantization import announcing, columns, folding, formats, layouts
from compress.quantization.clipping import clipped
from compress.quantization.gptq import gptq
from compress.quantization.grid import Grid, Shape, described, spread, width_of
from compress.quantization.hqq import half_quadratic
from mvc.errors import UsageError
from mvc.history.record import Json
from mvc.values import dataclass

_BUDGET = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(bit|B|kB|MB|GB)")
_UNITS = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9}


@dataclass(frozen=True, slots=True)
class Quantize:
    """``granularity``: what shares a scale; ``auto`` is ``group`` up to four bits, ``channel`` above.

    ``group_size``: columns of a group; where it doesn't divide the row, the next smaller divisor is taken.
    ``symmetric``: of integers, no zero beside the scale. ``clip``: search how far to draw in each group's ends
    (not with ``rtn`` and ``hqq``, which see no data). ``damping``: GPTQ's, of G, in shares of its mean
    diagonal; ``by_weight``: its columns with the largest G_jj first. ``exponent``: SmoothQuant's α. ``budget``:
    ``60MB`` or ``4.5bit`` a weight, and the allocator chooses among ``formats`` for each matrix. ``save_as``:
    values of the grid, or codes in a layout that transformers loads.
    """

    format: Literal["int4", "int3", "int8", "nf4", "fp8-e4m3", "fp8-e5m2", "fp16", "bf16"] = "int4"
    method: Literal["gptq", "awq", "smoothquant", "hqq", "rtn"] = "gptq"
    granularity: Literal["auto", "tensor", "channel", "group"] = "auto"
    group_size: int = 128
    symmetric: bool = False
    clip: bool = True
    damping: float = 0.01
    by_weight: bool = True
    exponent: float = 0.5
    budget: str = ""
    formats: tuple[str, ...] = ("int3", "int4", "int8")
    save_as: layouts.Layout = "fake"
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    version: int = 1

    def __post_init__(self) -> None:
        """UsageError: a number out of its range, or a layout that can't hold the format."""
        if self.group_size < 1:
            raise UsageError(f"group-size is {self.group_size}, and must be at least 1")
        if not self.damping >= 0 or not 0 <= self.exponent <= 1:
            raise UsageError("damping must not be negative, and exponent between 0 and 1")
        if self.budget and _BUDGET.fullmatch(self.budget) is None:
            raise UsageError(f"the budget is '{self.budget}'", hint="as 60MB, or 4.5bit a weight")
        if self.budget and self.save_as == "compressed-tensors" and not self.symmetric:
            raise UsageError(
                "transformers loads codes of several formats only without zeros",
                hint="--symmetric, or --save-as fake",
            )
        for name in self.formats if self.budget else (self.format,):
            form = formats.named(name)
            layouts.check(self.save_as, form, _granularity(self, form))


def quantize(group: Group, recipe: Quantize) -> dict[str, Edit]:
    """Every matrix of ``group`` on a grid of its own, by its weight's name.

    Raises:
        MvcError: GPTQ, and the damped G is singular.
        UsageError: no calibration where the method needs it, or a matrix that is stored as codes or factors.
    """
    import torch

    shapes = [_shape(matrix, recipe) for matrix in group.matrices]
    first = group.matrices[0]
    scale, folded, how = _scaled(group, shapes, recipe)
    gram = first.gram
    if gram is not None and scale is not None:
        gram = gram / torch.outer(scale, scale)
    edits = {}
    for matrix, shape in zip(group.matrices, shapes, strict=True):
        weight = matrix.weight if scale is None else matrix.weight * scale
        grid = _grid(shape, weight, gram, recipe)
        if recipe.method == "gptq":
            values = gptq(
                weight,
                _needed(matrix, gram),
                grid,
                damping=recipe.damping,
                name=matrix.name,
                zeros=matrix.zeros,
                by_weight=recipe.by_weight,
            )
        else:
            values = grid.onto(weight)
        if matrix.zeros is not None:
            values = values.masked_fill(matrix.zeros, 0.0)
        if not torch.isfinite(values).all():
            raise UsageError(
                f"{matrix.name} has values that are no numbers", hint="mvc cat shows them"
            )
        wide = matrix.weight.shape[1]
        told = described(shape, wide, recipe.save_as)
        decisions: dict[str, Json] = {**told, "way": layouts.format_of(shape, wide)}
        if how:
            decisions["scaled"] = how
        edits[matrix.name] = Edit(
            Packed(values, told, layouts.stored(recipe.save_as, grid, values)),
            output_error(values - weight, gram),
            decisions,
            _warnings(matrix, shape, recipe, how),
            folded if matrix is first else {},
        )
    return edits


def options(matrix: Matrix, recipe: Quantize) -> Sequence[Option]:
    """Each of the recipe's formats: the bytes it takes, scales among them, and the loss by rounding."""
    found = []
    for name in recipe.formats:
        shape = _shape(matrix, recipe, name)
        grid = _grid(shape, matrix.weight, matrix.gram, recipe)
        loss = output_error(grid.onto(matrix.weight) - matrix.weight, matrix.gram)
        cost = layouts.bytes_of(shape, *matrix.weight.shape)
        found.append(Option(cost, loss, {"format": name}))
    return found


def budget(recipe: Quantize, dense: float) -> float | None:
    """Bytes for matrices that take ``dense`` in float32."""
    found = _BUDGET.fullmatch(recipe.budget)
    if found is None:
        return None
    if found[2] == "bit":
        return float(found[1]) * dense / 32
    return float(found[1]) * _UNITS[found[2]]


def configure(
    config: dict[str, Any],
    recipe: Quantize,
    decisions: Mapping[str, Json],
    matrices: Mapping[str, str],
) -> dict[str, Any]:
    """``config.json`` for the layout that the recipe asks for."""
    if recipe.save_as == "compressed-tensors":
        return announcing.compressed_tensors(config, decisions, matrices)  # type: ignore[arg-type]
    if recipe.save_as == "bitsandbytes":
        return announcing.bitsandbytes(config, decisions, matrices)
    return announcing.plain(config)


def _shape(matrix: Matrix, recipe: Quantize, name: str = "") -> Shape:
    import torch

    require_whole(matrix)
    if matrix.grid is not None and matrix.grid.get("layout", "fake") != "fake":
        raise UsageError(
            f"{matrix.name} is stored as codes of {matrix.grid.get('format')}",
            hint="mvc compress dequantize first",
        )
    if matrix.turned and recipe.save_as == "compressed-tensors":
        raise UsageError(
            f"{matrix.name} is of a Conv1D, and compressed-tensors knows no module but Linear",
            hint="--save-as fake, or --format nf4 --save-as bitsandbytes",
        )
    form = formats.named(name or str(matrix.choice.get("format", recipe.format)))
    wide = matrix.weight.shape[1]
    granularity = _granularity(recipe, form)
    width = width_of(wide, recipe.group_size) if granularity == "group" else wide
    dtype = matrix.dtype or torch.float32
    symmetric = recipe.symmetric or form.kind != "integer"
    if recipe.save_as == "compressed-tensors" and not symmetric:
        if granularity == "group" and width not in (recipe.group_size, wide):
            raise UsageError(
                f"{matrix.name} has rows of {wide}, which groups of {recipe.group_size} don't divide, and "
                "transformers loads codes with zeros only if all groups are of one size",
                hint="a --group-size that divides every row, or --symmetric",
            )
    return Shape(form, width, symmetric, granularity == "tensor", dtype)


def _granularity(recipe: Quantize, form: formats.Format) -> str:
    if recipe.granularity != "auto":
        return recipe.granularity
    return "group" if form.bits <= 4 else "channel"


def _scaled(
    group: Group, shapes: Sequence[Shape], recipe: Quantize
) -> tuple[Tensor | None, dict[str, Tensor], str]:
    """What columns are multiplied by, the tensors that it is folded into, and how it came to be."""
    source, first = group.source, group.matrices[0]
    if recipe.method not in ("awq", "smoothquant"):
        return None, {}, ""
    gram = _needed(first, first.gram)
    if source is None or not folding.takes(source, first.weight.shape[1]):
        return None, {}, "nowhere"
    weights = [matrix.weight for matrix in group.matrices]
    if recipe.method == "smoothquant":
        if source.kind != "norm" or first.peak is None:
            return None, {}, "nowhere"
        scale, how = columns.smooth(weights, first.peak, recipe.exponent), f"{recipe.exponent:g}"
    else:
        scale, how = columns.awq(
            weights,
            gram,
            lambda number, weight: spread(shapes[number], weight).onto(weight),
            lambda scale: folding.tied(source, scale),
        )
        if how == "none":
            return None, {}, how
    scale, folded = folding.folded(source, scale, shapes[0].dtype)
    return scale, folded, how


def _grid(shape: Shape, weight: Tensor, gram: Tensor | None, recipe: Quantize) -> Grid:
    if recipe.method == "hqq":
        return half_quadratic(shape, weight)
    if recipe.method == "rtn" or not recipe.clip or gram is None:
        return spread(shape, weight)
    return clipped(shape, weight, gram)


def _needed(matrix: Matrix, gram: Tensor | None) -> Tensor:
    if gram is None:
        raise UsageError(f"{matrix.name}: this method needs calibration", hint="--data FILE")
    return gram


def _warnings(matrix: Matrix, shape: Shape, recipe: Quantize, how: str) -> tuple[str, ...]:
    found = []
    wide = matrix.weight.shape[1]
    grouped = _granularity(recipe, shape.form) == "group" and shape.form.scaled
    if grouped and shape.width != min(recipe.group_size, wide):
        found.append(
            f"groups of {recipe.group_size} don't divide rows of {wide}: {shape.width} instead"
        )
    if how == "nowhere" and recipe.method == "awq":
        found.append("nothing before it can take in a scale: rounded without")
    return tuple(found)


def _needs_gram(recipe: Any) -> bool:
    return recipe.method not in ("rtn", "hqq") or bool(recipe.budget)


def _summary(recipe: Quantize) -> str:
    if recipe.budget:
        return f"Quantize to {recipe.budget} of {', '.join(recipe.formats)} with {recipe.method}"
    form = formats.named(recipe.format)
    granularity = _granularity(recipe, form)
    of = f" in groups of {recipe.group_size}" if granularity == "group" else f" by {granularity}"
    return f"Quantize to {form.name}{of if form.scaled else ''} with {recipe.method}"


OPERATION = Operation(
    name="quantize",
    recipe=Quantize,
    summary=_summary,
    edit_group=quantize,
    needs_gram=_needs_gram,
    options=options,
    budget=budget,
    configure=configure,
)
