"""The numbers and strings at the top of a checkpoint (epoch, step, version): shown as its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mvc.formats.pytorch import nodes
from mvc.formats.pytorch.nodes import Node

#: What is longer, or beyond so many, is no key-value that people look at.
_LENGTH: Final = 200
_COUNT: Final = 64


def read_scalars(root: Node) -> dict[str, str]:
    """The short scalars of a dict at the root, as text; of a repeated key the last one counts."""
    if not isinstance(root, nodes.Mapping):
        return {}
    texts: dict[str, str] = {}
    for key, value in zip(root.keys, root.values, strict=True):
        text = _to_text(value)
        if isinstance(key, str) and key.isprintable() and text is not None:
            texts[key] = text
            if len(texts) == _COUNT:
                break
    return texts


def write_scalars(root: Node, wanted: Mapping[str, str]) -> None:
    """Give the scalars that ``read_scalars`` shows the values in ``wanted``, each in the type it has.

    Keys that the root does not have, and texts that are no value of the type, are left out.
    """
    if not isinstance(root, nodes.Mapping):
        return
    shown = read_scalars(root)
    for index, key in enumerate(root.keys):
        if isinstance(key, str) and key in shown and key in wanted and wanted[key] != shown[key]:
            root.values[index] = _from_text(wanted[key], root.values[index])


def _to_text(value: Node) -> str | None:
    if isinstance(value, str):
        return value if len(value) <= _LENGTH and value.isprintable() else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64):
        return repr(value)
    return None


def _from_text(text: str, old: Node) -> Node:
    try:
        if isinstance(old, str):
            return text
        if isinstance(old, bool):
            return {"true": True, "false": False}[text]
        return int(text) if isinstance(old, int) else float(text)
    except (ValueError, KeyError):
        return old
