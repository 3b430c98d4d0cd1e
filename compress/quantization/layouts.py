"""How a quantized matrix is stored: as values, or as codes that transformers loads with their scales.

Owns the tensors of each layout and the block of ``config.json`` that announces them. ``fake`` is values of the
grid in the file's dtype; ``compressed-tensors`` codes in its formats ``pack-quantized``, ``int-quantized`` and
``float-quantized``; ``bitsandbytes`` NF4. The way back is ``compress/forms``.
"""

from __future__ import annotations

import json
from typing import Literal

from compress.forms.packing import packed
from compress.matrix import Tensor
from compress.quantization.formats import Format, codes, dtype_of, table
from compress.quantization.grid import Grid, Shape
from mvc.errors import UsageError

Layout = Literal["fake", "compressed-tensors", "bitsandbytes"]
#: Codes that take whole words, whatever their bits: a shorter row does not tell how many bits its codes have.
_WORD = 32
#: What bitsandbytes has kernels for.
_BLOCKS = (32, 64, 128, 256, 512, 1024, 2048, 4096)


def check(layout: Layout, form: Format, granularity: str) -> None:
    """Whether ``layout`` can hold the format at all.

    Raises:
        UsageError: it can't; the hint says which can.
    """
    if layout == "bitsandbytes" and form.name != "nf4":
        raise UsageError(
            f"bitsandbytes is written for nf4, not {form.name}", hint="--save-as compressed-tensors"
        )
    if layout == "compressed-tensors":
        if form.kind != "integer" and form.name != "fp8-e4m3":
            raise UsageError(
                f"compressed-tensors has no {form.name}",
                hint="--save-as bitsandbytes" if form.name == "nf4" else "--save-as fake",
            )
        if form.kind == "float" and granularity == "group":
            raise UsageError(
                "compressed-tensors keeps fp8 by tensor or channel", hint="--granularity channel"
            )


def stored(layout: Layout, grid: Grid, values: Tensor) -> dict[str, Tensor | None]:
    """The tensors of ``values`` ``[out, in]``, which lie on ``grid``, by what stands after the module's name.

    Raises:
        UsageError: bitsandbytes, and its blocks would not be runs of a row.
    """
    form = grid.shape.form
    if form.kind == "cast":
        return {"weight": values.to(dtype_of(form))}
    if layout == "fake":
        return {"weight": values}
    if layout == "bitsandbytes":
        return _bitsandbytes(grid, values)
    return _compressed(grid, values)


def format_of(shape: Shape, columns: int) -> str:
    """What compressed-tensors calls the way a grid is stored."""
    if shape.form.kind == "float":
        return "float-quantized"
    by_group = not shape.whole and shape.width != columns
    return "int-quantized" if shape.form.bits == 8 and not by_group else "pack-quantized"


def _compressed(grid: Grid, values: Tensor) -> dict[str, Tensor | None]:
    import torch

    shape, form = grid.shape, grid.shape.form
    rows, columns = values.shape
    levels, zero = grid.levels(values), grid.zero
    scale = grid.scale.to(shape.dtype)
    found: dict[str, Tensor | None] = {"weight_scale": scale.reshape(1) if shape.whole else scale}
    way = format_of(shape, columns)
    if way == "float-quantized":
        return {"weight": levels.to(dtype_of(form)), **found}
    half = 1 << (form.bits - 1)
    signed = levels
    if zero is not None:
        each = zero if zero.shape[1] == 1 else zero.repeat_interleave(shape.width, dim=1)
        signed = levels + each - half
    if way == "int-quantized":
        found["weight"] = signed.to(torch.int8)
        if zero is not None:
            kept = (zero - half).to(torch.int8)
            found["weight_zero_point"] = kept.reshape(1) if shape.whole else kept
        return found
    if columns < _WORD:
        raise UsageError(
            f"rows of {columns} are shorter than the {_WORD} codes that are packed together",
            hint="--save-as fake, or --skip the matrix",
        )
    found["weight"] = None
    found["weight_packed"] = packed(signed + half, form.bits)
    found["weight_shape"] = torch.tensor([rows, columns], dtype=torch.int64)
    if zero is not None and shape.whole:
        found["weight_zero_point"] = (zero - half).to(torch.int8).reshape(1)
    elif zero is not None:
        found["weight_zero_point"] = packed(zero.T, form.bits).T.contiguous()
    return found


def _bitsandbytes(grid: Grid, values: Tensor) -> dict[str, Tensor | None]:
    import torch

    block = grid.shape.width
    if grid.shape.whole or block not in _BLOCKS:
        raise UsageError(
            f"rows of {values.shape[1]} have no blocks of {block} that bitsandbytes knows",
            hint="--save-as fake, or --group-size 64 and --skip the matrix",
        )
    each = grid.scale.repeat_interleave(block, dim=1)
    found = codes((values / each).nan_to_num_(0.0, 0.0, 0.0)).reshape(-1).to(torch.uint8)
    if found.numel() % 2:
        found = torch.cat((found, found.new_zeros(1)))
    state = {
        "quant_type": "nf4",
        "blocksize": block,
        "dtype": str(grid.shape.dtype).removeprefix("torch."),
        "shape": list(values.shape),
    }
    told = torch.frombuffer(bytearray(json.dumps(state).encode()), dtype=torch.uint8)
    return {
        "weight": ((found[0::2] << 4) | found[1::2]).reshape(-1, 1),
        "weight.absmax": grid.scale.reshape(-1).contiguous(),
        "weight.quant_map": table(values),
        "weight.quant_state.bitsandbytes__nf4": told,
    }


def bytes_of(shape: Shape, rows: int, columns: int) -> float:
    """What the matrix takes packed, scales and zeros among it."""
    form = shape.form
    found = rows * columns * form.bits / 8
    if form.scaled:
        scales = 1 if shape.whole else rows * (columns // shape.width)
        found += scales * (4 if form.kind == "table" else shape.dtype.itemsize)
        found += scales * form.bits / 8 if shape.zeros else 0
    return found
