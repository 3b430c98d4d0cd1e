"""``.weight_hashes.json``: what each weight file of a Git repository holds, as text that Git versions.

Owns the values and their canonical text; ``decode(encode(w)) == w`` and equal values have equal bytes. A line
a tensor, sorted, so that Git's own diff and merge work on it. It knows no file but its own and no Git.
Schema: ``docs/reference/weight-hashes.md``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii as _quote
from typing import Any, NoReturn

from mvc.errors import FormatError, MalformedFile

#: Beside the Git repository's top folder's other files.
NAME = ".weight_hashes.json"
VERSION = 1

#: The format of a file whose tensors are not looked at.
BYTES = "bytes"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_MARKER = re.compile(rb"^(<{7}|={7}|>{7}|\|{7})( |\r?$)", re.MULTILINE)


class Conflicted(MalformedFile):
    """The text has Git's conflict markers in it."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """``id`` is BLAKE3-256 of the row-major bytes: mvc's own id of the tensor."""

    dtype: str
    shape: tuple[int, ...]
    id: str


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight file. ``size`` in bytes.

    ``metadata`` is BLAKE3-256 of what the file holds besides its tensors' bytes, ``weights`` the Merkle root
    over its tensors (``mvc.history.merkle``); both are None, and ``tensors`` empty, for ``bytes``.
    """

    sha256: str
    size: int
    format: str = BYTES
    metadata: str | None = None
    weights: str | None = None
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


#: Weights by path: from the top of the repository, with ``/``.
Weights = Mapping[str, Weight]


def encode(files: Weights) -> bytes:
    """The canonical text, ASCII (names are escaped)."""
    lines = list(_file_lines(files))
    body = "{\n" + ",\n".join(lines) + "\n  }" if lines else "{}"
    return f'{{\n  "files": {body},\n  "version": {VERSION}\n}}\n'.encode("ascii")


def encode_one(path: str, weight: Weight) -> bytes:
    """The text of one file's entry, as it stands in ``encode``."""
    return next(_file_lines({path: weight})).encode("ascii")


def _file_lines(files: Weights) -> Iterator[str]:
    for path, weight in sorted(files.items()):
        rows = [f'"format": {_quote(weight.format)}']
        if weight.metadata is not None:
            rows.append(f'"metadata": "{weight.metadata}"')
        rows += [f'"sha256": "{weight.sha256}"', f'"size": {weight.size}']
        if weight.weights is not None:
            rows.append(f'"tensors": {_tensors(weight.tensors)}')
            rows.append(f'"weights": "{weight.weights}"')
        inner = ",\n".join(f"      {row}" for row in rows)
        yield f"    {_quote(path)}: {{\n{inner}\n    }}"


def _tensors(tensors: Mapping[str, Tensor]) -> str:
    if not tensors:
        return "{}"
    rows = ",\n".join(
        f'        {_quote(name)}: {{"dtype": {_quote(t.dtype)}, "id": "{t.id}", '
        f'"shape": [{", ".join(map(str, t.shape))}]}}'
        for name, t in sorted(tensors.items())
    )
    return f"{{\n{rows}\n      }}"


def decode(data: bytes) -> dict[str, Weight]:
    """The weights that ``data`` describes; any layout of the JSON will do.

    Raises:
        Conflicted: a merge left its markers.
        MalformedFile: no such JSON; the message says where.
        FormatError: a newer mvc wrote it.
    """
    if _MARKER.search(data):
        raise Conflicted(f"{NAME} has conflict markers")
    try:
        top = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise MalformedFile(f"{NAME} is damaged: {error}") from error
    if not isinstance(top, dict):
        _damaged("it is not an object")
    version = top.get("version")
    if type(version) is not int or not isinstance(top.get("files"), dict):
        _damaged('"files" or "version" is missing')
    if version > VERSION:
        raise FormatError(
            f"{NAME} has version {version}; this mvc knows {VERSION}", hint="update mvc-weights"
        )
    if version != VERSION:
        _damaged(f"there is no version {version}")
    return {path: _weight(path, value) for path, value in top["files"].items()}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):  # what merging line by line can leave
        raise ValueError("a name is given twice in an object")
    return found


def _weight(path: str, value: Any) -> Weight:
    of = f"the entry of {path!r}"
    fields = value if isinstance(value, dict) else {}
    sha256, format_ = _digest(of, fields, "sha256"), _word(of, fields, "format")
    if not _natural(fields.get("size")):
        _damaged(f'{of} has no "size"')
    if "tensors" not in fields:
        return Weight(sha256, fields["size"], format_)
    if not isinstance(fields["tensors"], dict):
        _damaged(f'{of} has "tensors" that are no object')
    tensors = {name: _tensor(path, name, one) for name, one in fields["tensors"].items()}
    digests = _digest(of, fields, "metadata"), _digest(of, fields, "weights")
    return Weight(sha256, fields["size"], format_, *digests, tensors)


def _tensor(path: str, name: str, value: Any) -> Tensor:
    of = f"the tensor {name!r} of {path!r}"
    fields = value if isinstance(value, dict) else {}
    shape = fields.get("shape")
    if not isinstance(shape, list) or not all(map(_natural, shape)):
        _damaged(f'{of} has no "shape"')
    return Tensor(_word(of, fields, "dtype"), tuple(shape), _digest(of, fields, "id"))


def _digest(of: str, fields: Mapping[str, Any], key: str) -> str:
    return _matching(_DIGEST, of, fields, key)


def _word(of: str, fields: Mapping[str, Any], key: str) -> str:
    return _matching(_WORD, of, fields, key)


def _matching(pattern: re.Pattern[str], of: str, fields: Mapping[str, Any], key: str) -> str:
    text = fields.get(key)
    if not isinstance(text, str) or not pattern.fullmatch(text):
        _damaged(f'{of} has no "{key}"')
    return text


def _natural(value: Any) -> bool:
    return type(value) is int and value >= 0


def _damaged(reason: str) -> NoReturn:
    raise MalformedFile(f"{NAME} is damaged: {reason}")
