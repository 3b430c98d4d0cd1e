"""Scales of columns that make a matrix easier to quantize: AWQ's, which is searched, and SmoothQuant's.

W X = (W · s)(X / s): a column that is multiplied by s is rounded s times finer; what makes X is divided by s.
Pure functions; the matrices ``[out, in]`` share one input, G = XᵀX/n is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from compress.matrix import Tensor
from compress.numbers import output_error

_STEPS = 20
#: Round a matrix, its columns scaled, on a grid of its own.
Rounded = Callable[[int, Tensor], Tensor]


def awq(
    weights: Sequence[Tensor], gram: Tensor, rounded: Rounded, tied: Callable[[Tensor], Tensor]
) -> tuple[Tensor, str]:
    """The scale ``[in]`` with the least output error of all matrices, and how it came to be, for the record.

    Activation-aware weight quantization (Lin et al., arXiv:2306.00978): s = x^α, or x^α / w^(1-α), of twenty α;
    x is √G_jj, w the columns' mean magnitude. ``tied``: makes of a scale one that what makes the input can take
    in.
    """
    import torch

    best, how, least = torch.ones(weights[0].shape[1]), "none", torch.inf
    for said, tried in [("none", best), *_candidates(weights, gram)]:
        scale = tied(tried)
        loss = 0.0
        for number, weight in enumerate(weights):
            found = rounded(number, weight * scale) / scale
            loss += output_error(found - weight, gram)
        if loss < least:
            best, how, least = scale, said, loss
    return best, how


def smooth(weights: Sequence[Tensor], peak: Tensor, exponent: float) -> Tensor:
    """SmoothQuant's scale ``[in]`` (Xiao et al., arXiv:2211.10438): max|X_j|^α / max|W_j|^(1-α).

    ``peak`` ``[in]``: max|X_j|. The matrices' columns are *multiplied* by it, as the paper does.
    """
    import torch

    largest = torch.stack([weight.abs().amax(dim=0) for weight in weights]).amax(dim=0)
    found = peak.clamp_min(1e-5) ** exponent / largest.clamp_min(1e-5) ** (1 - exponent)
    return found.clamp_min(1e-5)


def _candidates(weights: Sequence[Tensor], gram: Tensor) -> Iterator[tuple[str, Tensor]]:
    import torch

    inputs = _level(gram.diagonal().clamp_min(0).sqrt())
    sizes = _level(torch.cat(list(weights)).abs().mean(dim=0))
    for step in range(1, _STEPS + 1):
        power = step / _STEPS
        yield f"x^{power:g}", _level(inputs**power)
        yield f"x^{power:g}/w^{1 - power:g}", _level(inputs**power / sizes ** (1 - power))


def _level(scale: Tensor) -> Tensor:
    """Positive, with √(largest · least) at 1, so that neither matrix nor input leaves its dtype's range."""
    scale = scale.clamp_min(float(scale.max()) * 1e-4 + 1e-12)
    return scale / (scale.max() * scale.min()).sqrt()
