"""What is learned: to think as the dense model does, to predict the next token, or both.

``cosine``: 1 - cos of the states behind each block; ``kl``: the divergence of the next token's distribution.
Both are against the dense model on the same tokens. The next token itself counts only on request: few
sequences teach a model their own kind of text, and take it further from the dense one (Muralidharan et al.,
arXiv:2407.14679, distil without it, too).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch.nn import functional

from compress.architectures.heads import predicts
from compress.matrix import Tensor
from mvc.errors import UsageError

Distill = Literal["none", "cosine", "kl"]


class Objective:
    """``weight`` times the distance to ``teacher`` and ``labels`` times the cross-entropy of the next token.

    Without a teacher the cross-entropy alone, without a head the distance alone.

    Raises:
        UsageError: the model has nothing to predict and no teacher.
    """

    def __init__(
        self, model: Any, teacher: Any | None, distill: Distill, weight: float, labels: float
    ) -> None:
        self.predicts = predicts(model)
        if not self.predicts and distill != "cosine":
            raise UsageError(
                f"{type(model).__name__} predicts no next token: "
                "it can only learn from the dense model's states",
                hint="--distill cosine",
            )
        self._teacher, self._distill, self._weight = teacher, distill, weight
        if teacher is None:
            labels = 1.0
        self._labels = labels if self.predicts else 0.0

    def __call__(self, model: Any, ids: Tensor) -> Tensor:
        """The mean loss over ``ids`` ``[n, length]``."""
        states = self._distill == "cosine"
        out = self._run(model, ids, head=not states or self._labels > 0)
        loss = torch.zeros(())
        if self._labels:
            logits = out.logits[:, :-1].flatten(0, 1)
            loss = self._labels * functional.cross_entropy(logits, ids[:, 1:].flatten())
        if self._teacher is None:
            return loss
        with torch.no_grad():
            dense = self._run(self._teacher, ids, head=not states)
        return loss + self._weight * self._apart(out, dense)

    def _run(self, model: Any, ids: Tensor, *, head: bool) -> Any:
        """``head``: whether anybody reads what it says, which takes a fifth of a small model's time."""
        options = {"use_cache": False} if self.predicts else {}
        running = model if head else model.base_model
        return running(input_ids=ids, output_hidden_states=self._distill == "cosine", **options)

    def _apart(self, out: Any, dense: Any) -> Tensor:
        if self._distill == "kl":
            logs, wanted = out.logits.log_softmax(-1), dense.logits.log_softmax(-1)
            return (wanted.exp() * (wanted - logs)).sum(-1).mean()
        pairs = zip(out.hidden_states[1:], dense.hidden_states[1:], strict=True)
        each = [
            1 - functional.cosine_similarity(ours, theirs, dim=-1).mean() for ours, theirs in pairs
        ]
        return torch.stack(each).mean()
