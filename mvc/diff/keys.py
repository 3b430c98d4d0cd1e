"""What changed in a JSON document, key by key: a config, a tokenizer.

It compares values, not text: order, spaces and escapes make no difference. Long values are cut, and of a
document that changed all over only the first keys are kept; the counts are of all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mvc.errors import MvcError
from mvc.formats.strict_json import NESTING, depth, parse
from mvc.values import dataclass

#: Keys that are listed, and characters of a value that are shown.
_LISTED, _SHOWN = 200, 160
#: A longer list, or one of plain values, is one value.
_ITEMS = 64


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key, its way from the top written with dots; None where a side lacks it. Values are JSON."""

    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """``changes`` in the order of the documents, at most 200; the counts are of all."""

    changes: tuple[KeyChange, ...]
    added: int
    removed: int
    changed: int


def key_changes(old: bytes, new: bytes) -> KeyChanges | None:
    """What changed between two documents; None when one of them is no JSON object, or both are equal."""
    documents = []
    for data in (old, new):
        try:
            value = parse(data)
        except MvcError:
            return None
        if not isinstance(value, dict) or depth(value) > NESTING:
            return None
        documents.append(dict(_flat(value, "")))
    before, after = documents
    found: list[KeyChange] = []
    added = removed = changed = 0
    for key in dict.fromkeys([*before, *after]):
        was, is_ = before.get(key), after.get(key)
        if was == is_:
            continue
        added += was is None
        removed += is_ is None
        changed += was is not None and is_ is not None
        if len(found) < _LISTED:
            found.append(KeyChange(key, _cut(was), _cut(is_)))
    return KeyChanges(tuple(found), added, removed, changed) if found else None


def _flat(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Ends of the document with their JSON; an empty object is an end, too."""
    inner: Iterator[tuple[str, Any]] | None = None
    if isinstance(value, dict) and value:
        inner = iter(value.items())
    elif isinstance(value, list) and any(isinstance(one, (dict, list)) for one in value):
        inner = ((str(n), one) for n, one in enumerate(value)) if len(value) <= _ITEMS else None
    if inner is None:
        yield at, json.dumps(value, ensure_ascii=False, sort_keys=True)
        return
    for name, one in inner:
        yield from _flat(one, f"{at}.{name}" if at else name)


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
