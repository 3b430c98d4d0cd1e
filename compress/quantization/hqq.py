"""Half-quadratic quantization: scales and zeros that serve most weights, by a norm that forgives a few.

After Badri and Shaji, "Half-Quadratic Quantization of Large Machine Learning Models" (Mobius Labs, 2023):
minimize ‖W - Q(W)‖_p, p < 1, by turns over the error E that is set aside (shrunk by the proximal operator of
the norm) and over the grid. Here a grid's zero stays a code, as a mask needs, and the scale is fitted along, by
least squares, so that any format may be asked for. No calibration.
"""

from __future__ import annotations

from compress.matrix import Tensor
from compress.quantization.formats import nearest
from compress.quantization.grid import Grid, Shape, spread

_ROUNDS, _NORM, _START, _GROWTH = 20, 0.7, 10.0, 1.01


def half_quadratic(shape: Shape, weight: Tensor) -> Grid:
    """The grid with the least ‖W - Q(W)‖_0.7 of those met; ``weight`` ``[out, in]``, float32."""
    import torch

    best = spread(shape, weight)
    if not shape.form.scaled:
        return best
    members = shape.folded(weight)
    # In units of the group's largest magnitude, as the published β has it.
    unit = members.abs().amax(dim=2, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
    values, beta = members / unit, _START
    scale, zero = best.scale[..., None] / unit, None
    if best.zero is not None:
        zero = best.zero[..., None]
    least = _norm(values, _levels(shape, values, scale, zero) * scale)
    chosen = [best.scale, best.zero]
    for _ in range(_ROUNDS):
        levels = _levels(shape, values, scale, zero)
        kept = values - _shrunk(values - levels * scale, beta)
        if zero is not None:
            moved = (levels + zero - kept / scale).nan_to_num(0.0, 0.0, 0.0)
            zero = moved.mean(dim=2, keepdim=True).round().clamp(0, (1 << shape.form.bits) - 1)
            levels = _levels(shape, values, scale, zero)
        over = (levels * levels).sum(dim=2, keepdim=True)
        fitted = (levels * kept).sum(dim=2, keepdim=True) / over
        scale = torch.where(over > 0, fitted, scale).abs()
        beta *= _GROWTH
        stored = shape.rounded((scale * unit)[..., 0])
        scale = stored[..., None] / unit
        norm = _norm(values, _levels(shape, values, scale, zero) * scale)
        better = norm < least
        least = torch.where(better, norm, least)
        chosen[0] = torch.where(better, stored, chosen[0])
        if zero is not None:
            chosen[1] = torch.where(better, zero[..., 0], chosen[1])
    return Grid(shape, chosen[0], chosen[1])


def _levels(shape: Shape, values: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
    return nearest(shape.form, (values / scale).nan_to_num(0.0, 0.0, 0.0), zero)


def _norm(values: Tensor, found: Tensor) -> Tensor:
    return (values - found).abs().pow(_NORM).sum(dim=2)


def _shrunk(error: Tensor, beta: float) -> Tensor:
    """sign(E) · max(0, |E| - |E|^(p - 1) / β)."""
    sizes = error.abs()
    return error.sign() * (sizes - sizes.clamp_min(1e-12).pow(_NORM - 1) / beta).clamp_min(0)
