"""What a merge did, tensor by tensor, in a line."""

from __future__ import annotations

from collections.abc import Iterator

from mvc.merge.merging import Outcome

_WORDS = {
    "ours": "changed by us",
    "theirs": "changed by them",
    "both": "changed alike on both sides",
    "strategy": "settled by the strategy",
}


def merged_lines(outcome: Outcome) -> Iterator[str]:
    """`` tensors: 3 changed by them, 2 changed by us`` for models that both sides changed."""
    tally = outcome.merged.tally if outcome.merged else {}
    parts = [f"{tally[key]} {words}" for key, words in _WORDS.items() if tally.get(key)]
    if parts:
        yield f" tensors: {', '.join(parts)}"
