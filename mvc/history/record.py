"""The record of a commit: what made it, as canonical JSON at a reserved path of its tree.

It is never checked out. The commit message carries the Merkle root of the weights as a trailer, so that a
signature over the commit reaches every tensor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, NoReturn

from mvc.errors import CorruptPack
from mvc.ids import ObjectId
from mvc.values import dataclass

PATH = ".mvc/record.json"
TRAILER = "Tensor-Merkle-Root"
_VERSION = 1
_TRAILER_LINE = re.compile(rf"(?m)^{TRAILER}: ([0-9a-f]{{64}})$")

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Record:
    """``operation`` names what ran; ``inputs`` and ``result`` are Merkle roots.

    ``undecided`` counts, by path, the tensors that the commit holds as conflicts.
    """

    operation: str
    result: ObjectId
    inputs: tuple[ObjectId, ...] = ()
    parameters: Mapping[str, Json] = field(default_factory=dict)
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    undecided: Mapping[str, int] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Canonical JSON: sorted keys, no spare blanks, one line."""
        body: dict[str, Json] = {
            "mvc-record": _VERSION,
            "operation": self.operation,
            "result": self.result,
            "inputs": list(self.inputs),
            "parameters": dict(self.parameters),
            "seed": self.seed,
            "versions": dict(self.versions),
            "metrics": dict(self.metrics),
        }
        if self.undecided:
            body["undecided"] = dict(self.undecided)
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return text.encode() + b"\n"

    @staticmethod
    def decode(data: bytes) -> Record:
        """The inverse of ``encode``.

        Raises:
            CorruptPack: not a record, or one of a newer version.
        """
        try:
            body = json.loads(data, parse_constant=_refuse_constant)
            if body["mvc-record"] != _VERSION:
                raise ValueError(f"version {body['mvc-record']!r}: written by a newer mvc")
            return Record(
                operation=str(body["operation"]),
                result=ObjectId(str(body["result"])),
                inputs=tuple(ObjectId(str(id_)) for id_ in body["inputs"]),
                parameters=_mapping(body["parameters"]),
                seed=body["seed"],
                versions=_mapping(body["versions"]),
                metrics=_mapping(body["metrics"]),
                undecided=_mapping(body.get("undecided", {})),
            )
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise CorruptPack(f"damaged record: {error}") from error


def _mapping(value: Json) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"an object was expected, not {value!r:.80}")
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def with_trailer(message: str, root: ObjectId) -> str:
    """``message`` ending in the trailer for ``root``; an older one is replaced."""
    text = _TRAILER_LINE.sub("", message).strip()
    *_, last = text.split("\n\n")
    # Trailers are the last paragraph: one that is there already is joined (git-interpret-trailers).
    joins = "\n\n" in text and all(re.match(r"[A-Za-z-]+: ", line) for line in last.split("\n"))
    gap = "\n" if joins else "\n\n"
    return f"{text}{gap}{TRAILER}: {root}\n"


def trailer(message: str) -> ObjectId | None:
    """The Merkle root that a commit message carries."""
    found = _TRAILER_LINE.findall(message)
    return ObjectId(found[-1]) if found else None


def without_trailer(message: str) -> str:
    """The message as the user wrote it."""
    return _TRAILER_LINE.sub("", message).strip() + "\n"
