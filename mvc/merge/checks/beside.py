"""What stands beside a model's weights and says what they mean: ``config.json`` and the tokenizer.

Promises never to fail: a file that can't be read says nothing. It must not know tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from mvc.errors import MvcError
from mvc.formats.strict_json import parse
from mvc.history.snapshot import Snapshot
from mvc.merge.texts import read_text
from mvc.store.store import Store
from mvc.values import dataclass

CONFIG = "config.json"
#: Of these the first that can be read tells which token has which row.
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt")
_SENTENCE_PIECES = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
#: What belongs to a tokenizer and goes where it goes.
TOKENIZER = (
    *_VOCABULARIES,
    *_SENTENCE_PIECES,
    "added_tokens.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer_config.json",
)


@dataclass(frozen=True, slots=True)
class Beside:
    """One model's. ``tokens`` maps each to its row; None where nothing was or could be read."""

    config: Mapping[str, Any] = field(default_factory=dict)
    tokens: Mapping[str, int] | None = None
    blobs: tuple[object, ...] = ()

    @property
    def rows(self) -> int | None:
        """Rows of the matrices that have one for each token, as the configuration has it."""
        size = self.config.get("vocab_size")
        return size if isinstance(size, int) and not isinstance(size, bool) else None


def folder_of(group: Iterable[str]) -> str:
    """The folder of a model's files, with its slash; the root's is empty."""
    return min(group).rpartition("/")[0] + "/" if "/" in min(group) else ""


def read_beside(store: Store, sides: Sequence[Snapshot], folder: str) -> list[Beside]:
    """What each side has in ``folder``, the base first.

    Tokenizers are read only where the models' are not all one file, and each once.
    """
    names = (*_VOCABULARIES, *_SENTENCE_PIECES, "added_tokens.json")
    blobs = [tuple(side.get(folder + name) for name in names) for side in sides]
    one = len(set(blobs[1:])) < 2
    known: dict[tuple[object, ...], Mapping[str, int] | None] = {}
    found = []
    for side, files in zip(sides, blobs, strict=True):
        if files not in known:
            known[files] = None if one else _tokens(store, side, folder)
        found.append(Beside(read_json(store, side, folder + CONFIG), known[files], files))
    return found


def read_json(store: Store, side: Snapshot, path: str) -> dict[str, Any]:
    """The object in the file at ``path``; an empty one where there is none."""
    value = _json(store, side, path)
    return value if isinstance(value, dict) else {}


def _json(store: Store, side: Snapshot, path: str) -> Any:
    if path not in side:
        return None
    try:
        return parse(read_text(store, side, path))
    except MvcError:
        return None


def _tokens(store: Store, side: Snapshot, folder: str) -> Mapping[str, int] | None:
    whole = _json(store, side, f"{folder}tokenizer.json")
    if isinstance(whole, dict):
        model = whole.get("model")
        listed = _listed(model.get("vocab") if isinstance(model, dict) else None)
        if listed is not None:
            return {**listed, **_added(whole.get("added_tokens"))}
    more = _listed(_json(store, side, f"{folder}added_tokens.json")) or {}
    listed = _listed(_json(store, side, f"{folder}vocab.json"))
    if listed is None and f"{folder}vocab.txt" in side:
        try:
            text = read_text(store, side, f"{folder}vocab.txt").decode("utf-8", "surrogateescape")
        except MvcError:
            return None
        # One token a line; some end in a carriage return, and a token may be any other character.
        lines = text.removesuffix("\n").split("\n")
        listed = {line.removesuffix("\r"): row for row, line in enumerate(lines)}
    return None if listed is None else {**listed, **more}


def _listed(value: Any) -> dict[str, int] | None:
    """``{token: row}``, or a list of ``[token, score]`` in the order of the rows."""
    if isinstance(value, dict):
        rows = {token: row for token, row in value.items() if _is_row(row)}
        return rows if len(rows) == len(value) and rows else None
    if isinstance(value, list) and value:
        pieces = [one[0] for one in value if isinstance(one, list) and one]
        if len(pieces) == len(value) and all(isinstance(piece, str) for piece in pieces):
            return {piece: row for row, piece in enumerate(pieces)}
    return None


def _added(value: Any) -> dict[str, int]:
    found = value if isinstance(value, list) else []
    return {
        one["content"]: one["id"]
        for one in found
        if isinstance(one, dict) and isinstance(one.get("content"), str) and _is_row(one.get("id"))
    }


def _is_row(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31
