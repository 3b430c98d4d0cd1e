"""Fine-tuning, as people do it: all weights, the last blocks, or an adapter that is merged.

Two objectives. *Contrastive*: two passes over a sentence with different dropout are a pair, the batch's other
sentences are not (SimCSE, Gao et al., arXiv:2104.08821); the rows of words that no batch has stay as they are.
*Masked words*: 15 % of the tokens are guessed with the word embeddings as output layer, which moves all of
them. AdamW on 32-bit weights, linear decay to zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.families.encoder import Weights, embed, states
from benchmarks.families.text import WordPiece, sentences

_BATCH, _LENGTH, _TEMPERATURE, _DROPOUT = 16, 48, 0.05, 0.1
_MASKED = 0.15
_WEIGHT_DECAY = 0.01
_WORDS = "embeddings.word_embeddings.weight"

#: Loss of the weights on a batch: token ids and their mask.
Objective = Callable[[Weights, Tensor, Tensor, WordPiece], Tensor]


@dataclass(frozen=True, slots=True)
class Run:
    """What makes a training repeatable."""

    seed: int
    steps: int
    rate: float


def contrastive(weights: Weights, ids: Tensor, mask: Tensor, words: WordPiece) -> Tensor:
    one, other = (embed(weights, ids, mask, _DROPOUT) for _ in range(2))
    return functional.cross_entropy(one @ other.T / _TEMPERATURE, torch.arange(len(ids)))


def masked_words(weights: Weights, ids: Tensor, mask: Tensor, words: WordPiece) -> Tensor:
    hidden = (torch.rand(ids.shape) < _MASKED) & mask.bool()
    hidden[0, 0] = True  # so that there is one
    seen = states(weights, ids.masked_fill(hidden, words.mask), mask, _DROPOUT)
    return functional.cross_entropy(seen[hidden] @ weights[_WORDS].T, ids[hidden])


def full(
    base: Weights,
    words: WordPiece,
    run: Run,
    objective: Objective = contrastive,
    some: Callable[[str], bool] = lambda name: True,
) -> Weights:
    """All weights trained, or ``some`` by name."""
    weights = {name: value.clone() for name, value in base.items()}
    trained = [
        value.requires_grad_()
        for name, value in weights.items()
        if value.is_floating_point() and some(name)
    ]
    _train(trained, lambda: weights, words, run, objective)
    return {name: value.detach() for name, value in weights.items()}


def low_rank(base: Weights, words: WordPiece, run: Run, rank: int = 8) -> Weights:
    """LoRA on queries and values (Hu et al., arXiv:2106.09685) at twice its product, merged into the base."""
    torch.manual_seed(run.seed)
    chosen = [name for name in base if name.endswith(("query.weight", "value.weight"))]
    down = {name: torch.randn(rank, base[name].shape[1]) * 0.02 for name in chosen}
    up = {name: torch.zeros(base[name].shape[0], rank) for name in chosen}
    factors = [tensor.requires_grad_() for name in chosen for tensor in (down[name], up[name])]

    def merged() -> Weights:
        return base | {name: base[name] + 2 * up[name] @ down[name] for name in chosen}

    _train(factors, merged, words, run, contrastive)
    return {name: value.detach() for name, value in merged().items()}


def _train(
    trained: Iterable[Tensor],
    weights: Callable[[], Weights],
    words: WordPiece,
    run: Run,
    objective: Objective,
) -> None:
    torch.manual_seed(run.seed)
    texts = sentences(run.seed)
    optimizer = torch.optim.AdamW(trained, lr=run.rate, weight_decay=_WEIGHT_DECAY)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, run.steps)
    for step in range(run.steps):
        batch = [words.ids(texts[(step * _BATCH + n) % len(texts)], _LENGTH) for n in range(_BATCH)]
        length = max(map(len, batch))
        ids = torch.tensor([row + [0] * (length - len(row)) for row in batch])
        mask = torch.tensor([[1.0] * len(row) + [0.0] * (length - len(row)) for row in batch])
        optimizer.zero_grad()
        objective(weights(), ids, mask, words).backward()
        optimizer.step()
        decay.step()
