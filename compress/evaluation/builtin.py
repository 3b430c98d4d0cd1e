"""Evaluators for mvc's own verbs, as the entry points of ``mvc.evaluators`` name them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from compress import environment
from compress.matrix import Tensor
from compress.model.weights import Committed, Weights
from mvc.errors import UsageError

if TYPE_CHECKING:
    from mvc.repository import Repository

#: Sequences that are judged, and their tokens.
_SEQUENCES, _LENGTH = 32, 256


def perplexity(repository: object, revision: str, data: Sequence[str]) -> float:
    """The perplexity of the language model at ``revision`` on the texts ``data``; nothing is checked out.

    Over 32 sequences of 256 tokens (or as many as there are, or as long as the model takes), spread evenly. NaN
    where the model's loss is no number.

    Raises:
        UsageError: no texts, no model, or one that predicts no next token.
        MvcError: the extra is not installed.
    """
    environment.require()
    committed = Committed(cast("Repository", repository), revision)
    return perplexity_of(committed, committed, sequences(committed, data))


def sequences(committed: Committed, data: Sequence[str]) -> Tensor:
    """What the model ``committed`` is measured on: tokens of the texts ``data``, ``[n, length]``, int64.

    Raises:
        UsageError: there are none, or too few.
    """
    from compress.calibration.texts import fitting, read, tokenizer_of, windows

    if not data:
        raise UsageError("perplexity needs texts to be measured on", hint="--data FILE…")
    length = fitting(committed, _LENGTH)
    text = read(data)
    ids = text.tokens(tokenizer_of(committed), _SEQUENCES * length)
    return windows(ids, text.files, _SEQUENCES, length, seed=None).ids


def perplexity_of(committed: Committed, weights: Weights, ids: Tensor) -> float:
    """Of the model ``committed`` with ``weights`` over ``ids``; NaN where its loss is no number.

    Raises:
        UsageError: it predicts no next token.
    """
    from compress.evaluation.language import measured
    from compress.evaluation.outputs import run
    from compress.model.skeleton import Skeleton

    found = measured(run(Skeleton(committed, weights), ids)).values
    if "perplexity" not in found:
        raise UsageError(
            f"the model of {committed.revision[:7]} predicts no next token: it has no perplexity"
        )
    return math.nan if math.isnan(found["loss"]) else found["perplexity"]
