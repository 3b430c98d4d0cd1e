"""What a merge did, tensor by tensor, in a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mvc.history.revisions import shorten
from mvc.merge.merging import Outcome

_WORDS = {
    "ours": "changed by us",
    "theirs": "changed by them",
    "both": "changed alike on both sides",
    "strategy": "settled by the strategy",
    "mismatch": "taken as a whole",
    "adapter": "with the adapter added",
    "conflict": "kept undecided",
}


def made_lines(repository: Any, outcome: Outcome) -> list[str]:
    """How the merge was made; of a recipe, from how many models, and of which merge these come."""
    record = repository.record(outcome.commit)
    strategy = record.parameters.get("strategy") if record is not None else None
    models = record.parameters.get("models") if record is not None else None
    adapter = record.parameters.get("adapter") if record is not None else None
    if record is not None and isinstance(adapter, dict):
        return [f"Merged the adapter {adapter['path']} into {record.parameters.get('into')}."]
    if not isinstance(models, list):
        return ["Merge made by the tensor three-way strategy."]
    how = f"strategy {strategy}" if strategy else "tensor three-way strategy"
    made = [f"Merge made by the {how} from {len(models)} models."]
    parents = set(repository.read_commit(outcome.commit).parents)
    again = [one["commit"] for one in models if one["commit"] not in parents]
    if again:
        names = ", ".join(map(shorten, again))
        made.append(f" merged again from what earlier merges were made of: {names}")
    return made


def merged_lines(outcome: Outcome) -> Iterator[str]:
    """`` tensors: 3 changed by them, 2 changed by us`` for models that both sides changed."""
    tally = outcome.merged.tally if outcome.merged else {}
    parts = [f"{tally[key]} {words}" for key, words in _WORDS.items() if tally.get(key)]
    if parts:
        yield f" tensors: {', '.join(parts)}"
    for note in outcome.merged.notes if outcome.merged else ():
        yield f" {note}"
