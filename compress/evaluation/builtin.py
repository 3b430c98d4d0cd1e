"""Evaluators for mvc's own verbs, as the entry points of ``mvc.evaluators`` name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from compress import environment
from mvc.errors import UsageError

if TYPE_CHECKING:
    from mvc.repository import Repository

#: Sequences that are judged, and their tokens.
_SEQUENCES, _LENGTH = 32, 256


def perplexity(repository: object, revision: str, data: Sequence[str]) -> float:
    """The perplexity of the language model at ``revision`` on the texts ``data``; nothing is checked out.

    Over 32 sequences of 256 tokens (or as many as there are, or as long as the model takes), spread evenly.

    Raises:
        UsageError: no texts, no model, or one that predicts no next token.
        MvcError: the extra is not installed, or the loss is no number.
    """
    environment.require()
    from compress.calibration.texts import read, tokenizer_of, windows
    from compress.evaluation.language import measure
    from compress.evaluation.outputs import run
    from compress.model.skeleton import Skeleton
    from compress.model.weights import Committed

    if not data:
        raise UsageError("perplexity needs texts to be measured on", hint="--data FILE…")
    committed = Committed(cast("Repository", repository), revision)
    most = committed.config.get("max_position_embeddings")
    length = min(_LENGTH, most) if isinstance(most, int) and most > 0 else _LENGTH
    text = read(data)
    ids = text.tokens(tokenizer_of(committed), _SEQUENCES * length)
    samples = windows(ids, text.files, _SEQUENCES, length, seed=None)
    found = measure(run(Skeleton(committed), samples.ids)).values
    if "perplexity" not in found:
        raise UsageError(
            f"the model of {revision[:7]} predicts no next token: it has no perplexity"
        )
    return found["perplexity"]
