"""Whether models can be merged as they are: what differs between them that a mean would not survive.

Sees names, dtypes, shapes and ids, and what stands beside the weights; never a tensor's bytes. A ``Finding``
names the tensors and says which ways settle it; ``settling.py`` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from itertools import pairwise

from mvc.merge.checks import ways
from mvc.merge.checks.beside import CONFIG, Beside
from mvc.merge.checks.named import has_row_for_each_token, is_input, is_output
from mvc.merge.many import Several
from mvc.merge.strategies.numbers import FLOATS
from mvc.merge.terms import Piece
from mvc.values import dataclass

_SIDES = (ways.SKIP, ways.TAKE, ways.THREE_WAY)
#: Keys of ``config.json`` that change what weights mean.
AGREE = (
    "model_type", "architectures", "hidden_size", "d_model", "n_embd", "intermediate_size",
    "num_hidden_layers", "n_layer", "num_attention_heads", "n_head", "num_key_value_heads",
    "head_dim", "hidden_act", "activation_function", "position_embedding_type", "rope_theta",
    "rope_scaling", "rope_parameters", "partial_rotary_factor",
)  # fmt: skip
TIED = "tie_word_embeddings"


@dataclass(frozen=True, slots=True)
class Models:
    """What is compared: each name that a strategy makes of all models, and what stands beside them.

    ``base`` is what stands beside the common ancestor's.
    """

    path: str
    names: dict[str, Several]
    base: Beside
    besides: tuple[Beside, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """``kind``: shape, vocabulary, dtype, tied or config; ``says`` is a line; ``able``: ways that settle it.

    ``names`` are tensors, of a configuration its keys; ``partner``: the input to which outputs are tied.
    """

    kind: str
    says: str
    names: tuple[str, ...]
    able: tuple[str, ...] = _SIDES
    partner: dict[str, str] = field(default_factory=dict)


def findings(models: Models) -> list[Finding]:
    """Everything that does not match, the gravest first."""
    counted, other = _by_vocabulary(models)
    found = [*_vocabulary(models, counted), *_shapes(models, other), *_dtypes(models)]
    return [*found, *_tied(models), *_config(models)]


def ties(models: Models, number: int) -> dict[str, str]:
    """The outputs that a model has tied, each with its input: stored twice, or only as the input."""
    having = {
        name: piece
        for name, one in models.names.items()
        if (piece := one.models[number]) is not None
    }
    inputs = {name: piece for name, piece in having.items() if is_input(name)}
    found = {}
    for name, one in models.names.items():
        if not is_output(name) or not any(one.models):
            continue
        own, like = one.models[number], next(p for p in one.models if p is not None)
        for other, piece in inputs.items():
            same = own is not None and own.entry.value == piece.entry.value
            alone = own is None and piece.entry.shape[1:] == like.entry.shape[1:]
            if same or alone:
                found[name] = other
                break
    return found


def is_alike(one: Several) -> bool:
    """Whether all models have the tensor to the bit, or none has it."""
    values = [None if piece is None else piece.entry.value for piece in one.models]
    return all(value == values[0] for value in values[1:])


def _by_vocabulary(models: Models) -> tuple[list[str], list[str]]:
    """The tensors that have a row for each token, and those others whose shapes differ."""
    counted, other = [], []
    for name, one in models.names.items():
        if is_alike(one):
            continue
        shapes = [None if piece is None else piece.entry.shape for piece in one.models]
        if any(
            shape is not None and has_row_for_each_token(name, shape, beside)
            for shape, beside in zip(shapes, models.besides, strict=True)
        ):
            counted.append(name)
        elif len({shape for shape in shapes if shape is not None}) > 1:
            other.append(name)
    return counted, other


def _vocabulary(models: Models, names: Sequence[str]) -> Iterator[Finding]:
    having = [
        (label, beside)
        for label, beside in zip(models.labels, models.besides, strict=True)
        if any(beside.blobs)
    ]
    differ = len({beside.blobs for _, beside in having}) > 1
    unread = differ and any(beside.tokens is None for _, beside in having)
    differ = differ and (unread or any(a.tokens != b.tokens for (_, a), (_, b) in pairwise(having)))
    grown = [name for name in names if len(_shapes_of(models.names[name])) > 1]
    affected = tuple(names if differ else grown)
    if not affected:
        return
    told = f"tokens differ: {_difference(having)}; " if differ and not unread else ""
    if unread:
        told = "the tokenizers differ, and can't all be read; "
    able: tuple[str, ...] = _SIDES
    if not unread and not _refuses_rows(models, affected) and (not differ or leads(models)):
        able = (ways.PAD, *_SIDES)
    yield Finding("vocabulary", f"vocabulary: {told}{_listed(models, affected)}", affected, able)


def leads(models: Models) -> list[int]:
    """The models whose tokenizer has every token that any has."""
    every: set[str] = set()
    for beside in models.besides:
        every.update(beside.tokens or ())
    return [
        number
        for number, beside in enumerate(models.besides)
        if len(beside.tokens or ()) == len(every) and every.issubset(beside.tokens or ())
    ]


def _difference(having: Sequence[tuple[str, Beside]]) -> str:
    """The first token that two models do not have alike."""
    for (label, one), (other, two) in pairwise(having):
        mine, theirs = one.tokens or {}, two.tokens or {}
        moved = [t for t, row in mine.items() if theirs.get(t, row) != row]
        if moved:
            token = moved[0]
            more = f", and {len(moved) - 1} more" if len(moved) > 1 else ""
            return f"{token!r:.40} is {mine[token]} in {label} and {theirs[token]} in {other}{more}"
        for name, here, there in ((label, mine, theirs), (other, theirs, mine)):
            own = [token for token in here if token not in there]
            if own:
                more = f" and {len(own) - 1} more" if len(own) > 1 else ""
                return f"{own[0]!r:.40}{more} only in {name}"
    return ""


def _shapes(models: Models, names: Sequence[str]) -> Iterator[Finding]:
    padded = tuple(name for name in names if not _refuses_rows(models, [name]))
    rest = tuple(name for name in names if name not in padded)
    for some, able in ((padded, (ways.PAD, *_SIDES)), (rest, _SIDES)):
        if some:
            yield Finding("shape", f"shape: {_listed(models, some)}", some, able)


def _dtypes(models: Models) -> Iterator[Finding]:
    names = tuple(
        name
        for name, one in models.names.items()
        if len({p.entry.dtype in FLOATS for p in one.models if p is not None}) > 1
    )
    if names:
        kinds = [None if p is None else p.entry.dtype for p in models.names[names[0]].models]
        told = " and ".join(
            f"{kind} in {label}"
            for label, kind in zip(models.labels, kinds, strict=True)
            if kind is not None
        )
        yield Finding("dtype", f"dtype: {_some(names)}: {names[0]} is {told}", names)


def _tied(models: Models) -> Iterator[Finding]:
    of_each = [ties(models, number) for number in range(len(models.labels))]
    partner: dict[str, str] = {}
    told = ""
    for name, one in models.names.items():
        tied = [name in of for of in of_each]
        if not is_output(name) or not any(tied) or all(tied):
            continue
        if any(
            is_tied
            and one.models[number] is None
            and models.besides[number].config.get(TIED) is False
            for number, is_tied in enumerate(tied)
        ):
            continue  # a model without this head, and not one that shares it
        partner[name] = next(of[name] for of in of_each if name in of)
        here, there = tied.index(True), tied.index(False)
        told = told or (
            f"{name} is tied to {partner[name]} in {models.labels[here]} and not in "
            f"{models.labels[there]}"
        )
    if partner:
        able = (ways.PAD, *_SIDES)
        yield Finding("tied", f"tied weights: {told}", tuple(partner), able, partner)


def _config(models: Models) -> Iterator[Finding]:
    names, told = [], []
    for key in AGREE:
        found = [
            (label, beside.config[key])
            for label, beside in zip(models.labels, models.besides, strict=True)
            if key in beside.config
        ]
        other = next((pair for pair in found if pair[1] != found[0][1]), None)
        if other is not None:
            names.append(key)
            (label, value), (there, another) = found[0], other
            told.append(f"{key} is {value!r:.60} in {label} and {another!r:.60} in {there}")
    if names:
        yield Finding("config", f"{CONFIG}: {'; '.join(told)}", tuple(names))


def _refuses_rows(models: Models, names: Sequence[str]) -> bool:
    """Whether some of the tensors differ in more than the number of their rows."""
    for name in names:
        pieces = [piece for piece in models.names[name].models if piece is not None]
        inner = {piece.entry.shape[1:] for piece in pieces}
        if len(inner) > 1 or not all(piece.entry.shape for piece in pieces):
            return True
        if len(pieces) < len(models.labels) or any(p.entry.dtype not in FLOATS for p in pieces):
            return True
    return False


def _shapes_of(one: Several) -> set[tuple[int, ...]]:
    return {piece.entry.shape for piece in one.models if piece is not None}


def _listed(models: Models, names: Sequence[str]) -> str:
    """``2 tensors: a (100×8 in HEAD, 102×8 in chat), b``: the shapes of the first where they differ."""
    first = models.names[names[0]]
    shapes = [_shape(piece) for piece in first.models]
    told = ", ".join(
        f"{shape} in {label}" for label, shape in zip(models.labels, shapes, strict=True)
    )
    plain = f"{len(names)} tensor{'s' if len(names) > 1 else ''}: "
    first_told = f"{names[0]} ({told})" if len(set(shapes)) > 1 else names[0]
    return plain + _some((first_told, *names[1:]))


def _shape(piece: Piece | None) -> str:
    return "none" if piece is None else "×".join(map(str, piece.entry.shape)) or "scalar"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
