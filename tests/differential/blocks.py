"""Files of named values: as a text for Git, as a model for mvc.

A text has a block of lines a name, and only one line of it changes, far from those of other names: so Git's
merge of lines is a merge of values, and a marker in a block says of which value it is a conflict. A name
without a value has its block all the same: giving it a value on one side and another one on the other meet
in that line, as they do in a tensor.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping

NAMES = ("a", "b", "c")
#: Stands for a value on which the sides do not agree.
CONFLICT = -1.0

Values = Mapping[str, float]

_AROUND = 4
_VALUE = re.compile(r"^\w = (\d+|nothing)$", re.MULTILINE)


def is_model(path: str) -> bool:
    return path.endswith(".safetensors")


def as_text(origin: str, content: Values) -> str:
    """``content`` as lines; ``origin`` is in most of them, so that no file looks like another one renamed."""
    lines = []
    for name in NAMES:
        lines += [f"{origin} {name} before {n}" for n in range(_AROUND)]
        value = content.get(name)
        lines.append(f"{name} = {'nothing' if value is None else int(value)}")
        lines += [f"{origin} {name} after {n}" for n in range(_AROUND)]
    return "\n".join(lines) + "\n"


def of_text(text: str) -> dict[str, float]:
    """The values of a text; ``CONFLICT`` where there are markers."""
    found: dict[str, float] = {}
    for name in NAMES:
        start = text.index(f" {name} before {_AROUND - 1}\n")
        block = text[start : text.index(f" {name} after 0\n")]
        value = _VALUE.search(block)
        if "<<<<<<<" in block:
            found[name] = CONFLICT
        elif value is not None and value[1] != "nothing":
            found[name] = float(value[1])
    return found


def origin_of(text: str) -> str:
    """The ``origin`` that a text was made with."""
    return text.split(" ", 1)[0]


def as_model(origin: str, content: Values) -> bytes:
    """``content`` as tensors of one element; ``origin`` is metadata.

    In the library's spelling, which is mvc's for merged files: who takes back an edit has the file of before.
    """
    header: dict[str, object] = {"__metadata__": {"origin": origin}}
    for at, name in enumerate(sorted(content)):
        header[name] = {"dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    values = [content[name] for name in sorted(content)]
    return struct.pack(f"<Q{len(text)}s{len(values)}f", len(text), text, *values)


def of_model(data: bytes) -> dict[str, float]:
    """The values of a model."""
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    return {
        name: struct.unpack_from("<f", data, 8 + size + entry["data_offsets"][0])[0]
        for name, entry in header.items()
        if name != "__metadata__"
    }
