"""The linear algebra that operations have in common: output error, damping, Cholesky factors.

Factors are made in float64 from the damped G; what can't be factored is an error that says so, and is never
replaced by the identity.
"""

from __future__ import annotations

import hashlib
import math

from compress.matrix import Tensor
from compress.unworkable import Unworkable

#: Rows of Δ whose product with G is held at once.
_ROWS = 1024


def output_error(delta: Tensor, gram: Tensor | None) -> float:
    """tr(Δ G Δᵀ): the mean over inputs of the squared error of all outputs; NaN without G."""
    if gram is None:
        return math.nan
    parts = (delta[start : start + _ROWS] for start in range(0, delta.shape[0], _ROWS))
    return float(sum(float(((part @ gram) * part).sum()) for part in parts))


def damped(gram: Tensor, damping: float) -> Tensor:
    """G + λ I in float64, λ being ``damping`` times the mean of G's diagonal."""
    wide = gram.double()
    wide.diagonal().add_(damping * float(wide.diagonal().mean()))
    return wide


def cholesky(wide: Tensor, name: str, *, upper: bool = False) -> Tensor:
    """The Cholesky factor of a symmetric matrix in float64.

    Raises:
        Unworkable: it is not positive definite; ``name`` says of what.
    """
    import torch

    factor, info = torch.linalg.cholesky_ex(wide, upper=upper)
    if int(info):
        raise Unworkable(
            f"{name}: G is singular (its leading minor {int(info)} of {wide.shape[0]} is not positive)",
            hint="more calibration (--samples), or --damping 0.1",
        )
    return factor


def inverse_factor(gram: Tensor, damping: float, name: str) -> Tensor:
    """U, upper triangular, with UᵀU = (G + λI)⁻¹, in float32: what SparseGPT and GPTQ walk along.

    Raises:
        Unworkable: the damped G is singular.
    """
    import torch

    inverse = torch.cholesky_inverse(cholesky(damped(gram, damping), name))
    return cholesky(inverse, name, upper=True).float()


def seed_of(seed: int, name: str) -> int:
    """A seed for the matrix ``name`` of its own, the same on every machine (BLAKE2b of both)."""
    digest = hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
