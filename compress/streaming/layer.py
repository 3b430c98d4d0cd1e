"""A finished block: the tensors it shall be stored as, and what was found out. A value, with its encoding.

One safetensors file: tensors by the names that the model's file will have, the rest as JSON in its metadata, so
that a file is whole or not there. ``decode(encode(x)) == x``.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from compress.matrix import Tensor
from mvc.errors import CorruptPack
from mvc.history.record import Json
from mvc.values import dataclass

_KEY = "mvc-compress-layer"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Layer:
    """``key``: ``0003`` for block 3, ``whole`` for a model at once. By the weight's name: ``losses`` (NaN: not
    known), ``decisions``, ``invariants``. ``gone``: tensors that are stored no more. ``files``: others beside
    the model, by name; None removes.
    """

    key: str
    tensors: Mapping[str, Tensor]
    gone: tuple[str, ...] = ()
    losses: Mapping[str, float] = field(default_factory=dict)
    decisions: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    invariants: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    files: Mapping[str, bytes | None] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The file."""
        from safetensors.torch import save

        told = {
            "version": _VERSION,
            "key": self.key,
            "gone": list(self.gone),
            "losses": {n: None if math.isnan(v) else v for n, v in self.losses.items()},
            "decisions": {name: dict(one) for name, one in self.decisions.items()},
            "invariants": {name: dict(one) for name, one in self.invariants.items()},
            "warnings": list(self.warnings),
            "files": {
                n: None if v is None else b64encode(v).decode() for n, v in self.files.items()
            },
        }
        tensors = {name: values.contiguous() for name, values in self.tensors.items()}
        return bytes(save(tensors, {_KEY: json.dumps(told, allow_nan=False)}))

    @staticmethod
    def open(path: str) -> Layer:
        """The layer in a file, its tensors read when they are asked for.

        Raises:
            CorruptPack: it is none.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                told, names = json.loads(file.metadata()[_KEY]), file.keys()
            if told["version"] != _VERSION:
                raise ValueError(f"version {told['version']!r}: written by a newer mvc")
            return Layer(
                told["key"],
                Lazily(path, names),
                tuple(told["gone"]),
                {n: math.nan if v is None else float(v) for n, v in told["losses"].items()},
                told["decisions"],
                told["invariants"],
                tuple(told["warnings"]),
                {n: None if v is None else b64decode(v) for n, v in told["files"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            hint = "mvc compress resume --from-layer K does blocks from K on again; --drop forgets the run"
            raise CorruptPack(
                f"the finished layer {path} is damaged: {error}", hint=hint
            ) from error


class Lazily(Mapping[str, Tensor]):
    """The tensors ``names`` of a safetensors file, each read whenever it is asked for.

    The file is opened for each: one that stays open is mapped, and all that was read of it stays resident.
    """

    def __init__(self, path: str, names: Iterable[str]) -> None:
        self._path = path
        self._names = dict.fromkeys(names)

    def __getitem__(self, name: str) -> Tensor:
        from safetensors import safe_open

        if name not in self._names:
            raise KeyError(name)
        with safe_open(self._path, framework="pt") as file:
            return file.get_tensor(name)

    def __iter__(self) -> Any:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names
