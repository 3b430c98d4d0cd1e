"""How much a weight matters, by itself and by its input: magnitude, Wanda, RIA.

Pure functions of ``W`` ``[out, in]`` and ``G`` ``[in, in]``; higher matters more. ‖X_j‖ of the papers is √G_jj
but for a factor that all weights of a matrix share.
"""

from __future__ import annotations

from compress.matrix import Tensor


def magnitude(weight: Tensor) -> Tensor:
    """|W| (Han et al., arXiv:1506.02626)."""
    return weight.abs()


def wanda(weight: Tensor, gram: Tensor) -> Tensor:
    """|W_ij| · ‖X_j‖, to be compared within a row (Sun et al., arXiv:2306.11695)."""
    return weight.abs() * gram.diagonal().clamp_min(0).sqrt()


def ria(weight: Tensor, gram: Tensor, power: float = 0.5) -> Tensor:
    """(|W_ij| / Σ_i |W_ij| + |W_ij| / Σ_j |W_ij|) · ‖X_j‖^a (Zhang et al., ICLR 2024, "Plug-and-Play").

    A column or row of zeros counts as nothing.
    """
    sizes = weight.abs()
    columns = sizes.sum(dim=0, keepdim=True).clamp_min(1e-30)
    rows = sizes.sum(dim=1, keepdim=True).clamp_min(1e-30)
    return (sizes / columns + sizes / rows) * gram.diagonal().clamp_min(0).sqrt() ** power
