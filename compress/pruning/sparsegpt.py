"""SparseGPT: prune column by column, and let the columns to the right make good what each one loses.

The algorithm of Frantar and Alistarh, arXiv:2301.00774, on G = XᵀX/n: with U from ``inverse_factor``, the
weight w of column j costs w² / U_jj² to remove, and removing it changes column k > j by -w / U_jj · U_jk.
"""

from __future__ import annotations

from compress.matrix import Tensor
from compress.pruning.patterns import check_fits, lowest, lowest_of_each


def sparsegpt(
    weight: Tensor,
    factor: Tensor,
    share: float,
    *,
    n_of_m: tuple[int, int] | None = None,
    zeros: Tensor | None = None,
    block: int = 128,
) -> tuple[Tensor, Tensor]:
    """The pruned weight ``[out, in]``, float32, and where it was pruned, bool.

    ``factor``: U ``[in, in]``. Of every ``block`` columns the ``share`` that costs least goes, or what
    ``n_of_m`` says of every M. Where ``zeros`` is True the weight goes in any case, and counts.
    """
    import torch

    if n_of_m is not None:  # a group lies in one block
        check_fits(weight.shape[1], n_of_m[1])
        block = max(block // n_of_m[1], 1) * n_of_m[1]
    work = weight.clone()
    gone = torch.zeros_like(work, dtype=torch.bool)
    columns = work.shape[1]
    for start in range(0, columns, block):
        end = min(start + block, columns)
        # Turned, so that a column lies in one piece: a third quicker, and the same numbers.
        part, of_block = work[:, start:end].T.contiguous(), factor[start:end, start:end]
        diagonal = of_block.diagonal()
        here = torch.zeros_like(part, dtype=torch.bool)
        held = None if zeros is None else zeros[:, start:end].T.contiguous()
        if n_of_m is None:
            here |= lowest(_costs(part, diagonal, held).T, share, by_row=False).T
        errors = torch.zeros_like(part)
        for column in range(end - start):
            if n_of_m is not None and column % n_of_m[1] == 0:
                # Chosen when the columns to the left have had their say.
                group = slice(column, column + n_of_m[1])
                of_group = None if held is None else held[group]
                costs = _costs(part[group], diagonal[group], of_group)
                here[group] |= lowest_of_each(costs.T, *n_of_m).T
            if held is not None:
                here[column] |= held[column]
            error = torch.where(here[column], part[column], 0.0) / diagonal[column]
            part[column].masked_fill_(here[column], 0.0)
            part[column + 1 :] -= torch.outer(of_block[column, column + 1 :], error)
            errors[column] = error
        work[:, start:end], gone[:, start:end] = part.T, here.T
        work[:, end:] -= errors.T.contiguous() @ factor[start:end, end:]
    return work, gone


def _costs(part: Tensor, diagonal: Tensor, held: Tensor | None) -> Tensor:
    """All turned: ``[in, out]``."""
    costs = (part / diagonal[:, None]) ** 2
    return costs if held is None else costs.masked_fill(held, -1.0)
