"""The encoder's forward pass on a dictionary of its tensors: BERT (Devlin et al., arXiv:1810.04805).

Written out, because the weights are what is measured; layers and widths are read off the tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

#: Width of an attention head.
HEAD = 32
Weights = dict[str, Tensor]


def layers(weights: Weights) -> int:
    """How many layers the weights have."""
    return sum(name.endswith("attention.self.query.weight") for name in weights)


def states(weights: Weights, ids: Tensor, mask: Tensor, dropout: float) -> Tensor:
    """The last layer's states (batch × length × width) of token ids under their mask."""
    place = torch.arange(ids.shape[1])
    hidden = (
        weights["embeddings.word_embeddings.weight"][ids]
        + weights["embeddings.position_embeddings.weight"][place]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    hidden = functional.dropout(_norm(weights, "embeddings.LayerNorm", hidden), dropout)
    for number in range(layers(weights)):
        hidden = _layer(weights, f"encoder.layer.{number}", hidden, mask, dropout)
    return hidden


def embed(weights: Weights, ids: Tensor, mask: Tensor, dropout: float) -> Tensor:
    """Unit vectors (batch × width): the mean over the tokens, as sentence-transformers has it."""
    summed = (states(weights, ids, mask, dropout) * mask[..., None]).sum(1)
    return functional.normalize(summed / mask.sum(1, keepdim=True), dim=-1)


def _layer(weights: Weights, name: str, hidden: Tensor, mask: Tensor, dropout: float) -> Tensor:
    batch, length, width = hidden.shape

    def heads(part: str) -> Tensor:
        projected = _linear(weights, f"{name}.attention.self.{part}", hidden)
        return projected.view(batch, length, width // HEAD, HEAD).transpose(1, 2)

    mixed = functional.scaled_dot_product_attention(
        heads("query"), heads("key"), heads("value"), attn_mask=mask.bool()[:, None, None, :]
    )
    mixed = mixed.transpose(1, 2).reshape(batch, length, width)
    attended = _linear(weights, f"{name}.attention.output.dense", mixed)
    hidden = _norm(
        weights,
        f"{name}.attention.output.LayerNorm",
        hidden + functional.dropout(attended, dropout),
    )
    inner = functional.gelu(_linear(weights, f"{name}.intermediate.dense", hidden))
    outer = functional.dropout(_linear(weights, f"{name}.output.dense", inner), dropout)
    return _norm(weights, f"{name}.output.LayerNorm", hidden + outer)


def _linear(weights: Weights, name: str, hidden: Tensor) -> Tensor:
    return functional.linear(hidden, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _norm(weights: Weights, name: str, hidden: Tensor) -> Tensor:
    shape = hidden.shape[-1:]
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return functional.layer_norm(hidden, shape, weight, bias, 1e-12)
