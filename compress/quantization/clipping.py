"""How far in the ends of a grid are drawn: a little error at the largest weights for less at all others.

Each group takes, of a few shares of its range, the one with the least output error (as AWQ does, Lin et al.,
arXiv:2306.00978, section 5): δ G_gg δᵀ, G_gg being the block of G for the group's columns.
"""

from __future__ import annotations

from compress.matrix import Tensor
from compress.quantization.grid import Grid, Shape, between, spread

#: Shares of the range that are tried, besides all of it.
SHARES = tuple(1 - step / 20 for step in range(1, 11))
#: A group that is wider is judged by G's diagonal: its block would cost as much as the whole matrix.
_WIDEST = 512


def clipped(shape: Shape, weight: Tensor, gram: Tensor) -> Grid:
    """The grid of each group's best share; ``weight`` ``[out, in]``, ``gram`` ``[in, in]``.

    A grid without scales is as it is, and one for a whole tensor is judged as a whole.
    """
    import torch

    best = spread(shape, weight)
    if not shape.form.scaled:
        return best
    least = _errors(best, weight, gram)
    scale, zero = best.scale.clone(), None if best.zero is None else best.zero.clone()
    members = shape.folded(weight)
    for share in SHARES:
        if best.zero is None:
            tried = Grid(shape, shape.rounded(best.scale * share))
        else:
            lowest, highest = members.amin(dim=2).clamp_max(0), members.amax(dim=2).clamp_min(0)
            tried = between(shape, lowest * share, highest * share)
        errors = _errors(tried, weight, gram)
        better = errors < least
        least = torch.where(better, errors, least)
        scale = torch.where(better, tried.scale, scale)
        if zero is not None and tried.zero is not None:
            zero = torch.where(better, tried.zero, zero)
    return Grid(shape, scale, zero)


def _errors(grid: Grid, weight: Tensor, gram: Tensor) -> Tensor:
    """``[rows, groups]``: what each scale costs."""
    delta = grid.onto(weight) - weight
    width = weight.shape[1] if grid.shape.whole else grid.shape.width
    if width > _WIDEST:
        costs = (delta * delta * gram.diagonal()).reshape(weight.shape[0], -1, width).sum(dim=2)
    else:
        groups = weight.shape[1] // width
        parts = delta.reshape(weight.shape[0], groups, width).transpose(0, 1)
        blocks = gram.reshape(groups, width, groups, width).diagonal(dim1=0, dim2=2)
        costs = ((parts @ blocks.permute(2, 0, 1)) * parts).sum(dim=2).T
    return costs.sum().reshape(1, 1) if grid.shape.whole else costs
