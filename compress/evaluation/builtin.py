"""Evaluators for mvc's own verbs, as the entry points of ``mvc.evaluators`` name them: one a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from compress import environment
from compress.chain import chain
from compress.matrix import Tensor
from compress.model.weights import Committed, Weights
from mvc.errors import UsageError

if TYPE_CHECKING:
    from compress.evaluation.outputs import Outputs
    from mvc.repository import Repository

#: Sequences that are judged, and their tokens.
_SEQUENCES, _LENGTH = 32, 256
#: What a kind of model has: by itself, and against the dense model.
_ALONE = {"causal": ("perplexity", "loss", "accuracy"), "masked": (), "states": ()}
_AGAINST = {
    "causal": ("kl", "agreement"),
    "masked": ("agreement", "kl"),
    "states": ("similarity",),
}


def value(metric: str, repository: object, revision: str, data: Sequence[str]) -> float:
    """The ``metric`` of the model at ``revision`` on the texts ``data``; nothing is checked out.

    Over 32 sequences of 256 tokens (or as many as there are, or as long as the model takes), spread evenly. NaN
    where what the model says is no number.

    Raises:
        UsageError: no texts, no model, or one of a kind that has no such metric.
        MvcError: the extra is not installed.
    """
    environment.require()
    repo = cast("Repository", repository)
    committed = Committed(repo, revision)
    measuring = Measuring(repo, committed, metric, sequences(metric, committed, data))
    return measuring.of(committed)


perplexity = partial(value, "perplexity")
loss = partial(value, "loss")
accuracy = partial(value, "accuracy")
kl = partial(value, "kl")
agreement = partial(value, "agreement")
similarity = partial(value, "similarity")


def sequences(metric: str, committed: Committed, data: Sequence[str]) -> Tensor:
    """What the model ``committed`` is measured on: tokens of the texts ``data``, ``[n, length]``, int64.

    Raises:
        UsageError: there are none, or too few.
    """
    from compress.calibration.texts import fitting, read, tokenizer_of, windows

    if not data:
        raise UsageError(f"{metric} needs texts to be measured on", hint="--data FILE…")
    length = fitting(committed, _LENGTH)
    text = read(data)
    ids = text.tokens(tokenizer_of(committed), _SEQUENCES * length)
    return windows(ids, text.files, _SEQUENCES, length, seed=None).ids


class Measuring:
    """Models like ``committed`` by ``metric`` over ``ids``; the dense one of its chain runs once at most."""

    def __init__(self, repo: Repository, committed: Committed, metric: str, ids: Tensor) -> None:
        self._repo, self._committed, self._metric, self._ids = repo, committed, metric, ids
        self._dense: Outputs | None = None

    def of(self, weights: Weights) -> float:
        """Of the model with ``weights``; NaN where what it says is no number.

        Raises:
            UsageError: its kind has no such metric.
        """
        from compress.evaluation.language import measured
        from compress.evaluation.outputs import run
        from compress.model.skeleton import Skeleton

        outputs = run(Skeleton(self._committed, weights), self._ids)
        against = _AGAINST[outputs.kind]
        if self._metric not in (*_ALONE[outputs.kind], *against):
            better = (*_ALONE[outputs.kind], *against)[0]
            raise UsageError(
                f"the model of {self._committed.revision[:7]} is of a kind that has no {self._metric}",
                hint=f"--metric {better}",
            )
        if self._metric in against and self._dense is None:
            self._dense = self._run_dense()
        found = measured(outputs, self._dense).values
        known = found.get("loss", 0.0) if self._metric == "perplexity" else found[self._metric]
        return math.nan if math.isnan(known) else found[self._metric]

    def _run_dense(self) -> Outputs:
        from compress.evaluation.outputs import run
        from compress.model.skeleton import Skeleton

        revision = chain(self._repo, self._committed.revision).dense
        dense = Committed(self._repo, revision, self._committed.path)
        return run(Skeleton(dense, dense), self._ids)
