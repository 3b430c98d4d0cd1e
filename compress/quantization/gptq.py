"""GPTQ: round column by column, and let the columns that are left make good what each one loses.

The algorithm of Frantar et al., arXiv:2210.17323, on G = XᵀX/n: with U from ``inverse_factor``, rounding column
j by e changes column k > j by -e / U_jj · U_jk. The columns that matter most (the largest G_jj) go first;
scales are fixed before, so that groups stay runs of neighbours ("static groups" of the authors' code).
"""

from __future__ import annotations

from compress.matrix import Tensor
from compress.numbers import inverse_factor
from compress.quantization.grid import Grid


def gptq(
    weight: Tensor,
    gram: Tensor,
    grid: Grid,
    *,
    damping: float,
    name: str,
    zeros: Tensor | None = None,
    by_weight: bool = True,
    block: int = 128,
) -> Tensor:
    """``weight`` ``[out, in]`` on ``grid``, float32; where ``zeros`` is True it is zero.

    Raises:
        MvcError: the damped G is singular; ``name`` says of what.
    """
    import torch

    columns = weight.shape[1]
    order = torch.arange(columns)
    if by_weight:
        order = gram.diagonal().argsort(descending=True, stable=True)
    factor = inverse_factor(gram[order][:, order], damping, name)
    work, held = weight[:, order], None if zeros is None else zeros[:, order]
    out = torch.empty_like(work)
    for start in range(0, columns, block):
        end = min(start + block, columns)
        # Turned, so that a column lies in one piece: a third quicker, and the same numbers.
        part, of_block = work[:, start:end].T.contiguous(), factor[start:end, start:end]
        errors = torch.empty_like(part)
        for column in range(end - start):
            at = start + column
            found = grid.onto(part[column][:, None], order[at : at + 1])[:, 0]
            if held is not None:
                found.masked_fill_(held[:, at], 0.0)
            errors[column] = (part[column] - found) / of_block[column, column]
            out[:, at] = found
            part[column + 1 :].addr_(of_block[column, column + 1 :], errors[column], alpha=-1.0)
        work[:, end:] -= errors.T.contiguous() @ factor[start:end, end:]
    back = torch.empty_like(out)
    back[:, order] = out
    return back
