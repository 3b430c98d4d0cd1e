"""R: how inputs weigh in a decomposition (see ``spectrum``), from G ``[in, in]`` or from gradients."""

from __future__ import annotations

from compress.matrix import Tensor
from compress.numbers import cholesky, damped


def whitening(gram: Tensor, damping: float, name: str) -> Tensor:
    """L ``[in, in]`` with L Lᵀ = G + λI: SVD-LLM (Wang et al., arXiv:2403.07378).

    Raises:
        MvcError: the damped G is singular.
    """
    return cholesky(damped(gram, damping), name)


def activations(gram: Tensor, power: float) -> Tensor:
    """G_jj^(a/2), the input's size to the power of a: ASVD (Yuan et al., arXiv:2312.05821); a = 0 is SVD."""
    return gram.diagonal().double().clamp_min(0).sqrt() ** power


def fisher(columns: Tensor) -> Tensor:
    """√ of each input's share of the Fisher information: FWSVD (Hsu et al., arXiv:2207.00112).

    ``columns`` ``[in]``: Σ_i E[(∂loss/∂W_ij)²]. The paper's W is ``[in, out]``: its rows are our columns.
    """
    return columns.double().clamp_min(0).sqrt()
