"""The singular values of a matrix as its inputs use it, and its two factors at any rank.

All methods are one: with R from the inputs, W R = U S Vᵀ, and U_k U_kᵀ W is the matrix of rank k that is
nearest to W in ‖· R‖. R is the identity (SVD), a diagonal (ASVD, FWSVD), or the Cholesky factor of G (SVD-LLM):
then S_k² is just what leaving out term k adds to the output's error. R, never divided by, may have zeros.
"""

from __future__ import annotations

from compress.matrix import Tensor
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Spectrum:
    """``basis`` ``[out, k]``: U, and ``values`` ``[k]``, falling: S, float64; of ``weight`` ``[out, in]``."""

    weight: Tensor
    basis: Tensor
    values: Tensor

    def factors(self, rank: int) -> tuple[Tensor, Tensor]:
        """``first`` ``[rank, in]`` and ``second`` ``[out, rank]``, float32; ``second @ first`` is the nearest.

        Row k of the one is as long as column k of the other: what is fine-tuned or rounded should be of a size.
        """
        second = self.basis[:, :rank]
        first = second.T @ self.weight.double()
        size = first.norm(dim=1).clamp_min(1e-30).sqrt()  # columns of U have length 1
        return (first / size[:, None]).float(), (second * size).float()

    def lost(self, felt: Tensor | None = None) -> Tensor:
        """``[k + 1]``: Σ S² of what is left out at rank 0, 1, … k; output i counts ``felt`` ``[out]`` times.

        Exact, as the right singular vectors are orthogonal: term k adds S_k² Σ_i felt_i U_ik² to the error.
        """
        import torch

        terms = self.values.square()
        if felt is not None:
            terms = terms * (felt.double() @ self.basis.square())
        return torch.cat([terms.flip(0).cumsum(0).flip(0), terms.new_zeros(1)])


def spectrum(weight: Tensor, inputs: Tensor | None = None) -> Spectrum:
    """Of ``weight`` ``[out, in]`` times ``inputs``: R ``[in, in]``, its diagonal ``[in]``, or None for 1."""
    import torch

    wide = weight.double()
    if inputs is not None:
        wide = wide * inputs if inputs.dim() == 1 else wide @ inputs
    basis, values, _ = torch.linalg.svd(wide, full_matrices=False)
    return Spectrum(weight, basis, values)
