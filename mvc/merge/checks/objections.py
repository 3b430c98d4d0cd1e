"""Why a tensor that two sides changed should not be computed from them: LoRA factors, other rows.

For three-way strategies that compute, such as ``average``; what is objected to stays a conflict. Those over
models have ``settling.py``, and for adapters ``adapters/uniting.py``.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from mvc.history.snapshot import Snapshot
from mvc.merge.adapters.reading import FACTORS, is_adapter
from mvc.merge.checks.beside import Beside, folder_of, read_beside
from mvc.merge.checks.named import has_row_for_each_token
from mvc.merge.terms import Clash, Computed, Decision, Kept, Term
from mvc.store.store import Store

#: Why two factors are not added up, after "the tensor …".
FACTOR = "is a factor of LoRA, and a sum of factors is no factor of the sum of products"


def objected(
    store: Store,
    sides: Sequence[Snapshot],
    group: Iterable[str],
    decisions: Mapping[str, Decision],
) -> dict[str, Decision]:
    """``decisions`` with those undone that compute what means nothing; ``sides`` are base, ours and theirs."""
    found = dict(decisions)
    computed = {name: one for name, one in found.items() if isinstance(one, Computed)}
    if not computed:
        return found
    if is_adapter(sides, group):
        shared = {name for name, one in decisions.items() if _shared(one)}
        for name, one in computed.items():
            if is_half_of_a_product(name, shared):
                found[name] = Clash(one.term, FACTOR)
        return found
    besides = read_beside(store, sides, folder_of(group))
    for name, one in computed.items():
        if _means_other_tokens(one.term, besides[1:]):
            why = "has a row for each token, and the sides' tokenizers have them in other places"
            found[name] = Clash(one.term, why)
    return found


def is_half_of_a_product(name: str, shared: Container[str]) -> bool:
    """Whether the tensor of an adapter is a factor, and the other factor is not ``shared`` by the sides."""
    return name.endswith(FACTORS) and _partner(name) not in shared


def _partner(name: str) -> str:
    """The other factor of the same product."""
    here, there = ("_A", "_B") if "_A" in name.rpartition(".lora_")[2] else ("_B", "_A")
    start, dot, end = name.rpartition(".lora_")
    return f"{start}{dot}{end.replace(here, there)}"


def _shared(decision: Decision) -> bool:
    """Whether both sides have the same."""
    return isinstance(decision, Kept) and decision.how in ("unchanged", "both")


def _means_other_tokens(term: Term, besides: Sequence[Beside]) -> bool:
    ours, theirs = besides
    if not ours.tokens or not theirs.tokens or ours.tokens == theirs.tokens:
        return False
    pieces = ((term.ours, ours), (term.theirs, theirs))
    return any(
        piece is not None and has_row_for_each_token(term.name, piece.entry.shape, beside)
        for piece, beside in pieces
    )
