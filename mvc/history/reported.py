"""Numbers in what a program printed: the last JSON object of its output, or the last number.

Knows no repository. Nested objects come out flat, their keys joined by dots: ``results.mmlu.acc``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|inf)(?![\w]|\.\d)", re.IGNORECASE
)
#: What can't stand in the name of a metric.
_ODD = re.compile(r"[\s=\x00-\x1f\x7f]+")
#: Nothing deeper, longer or further up is looked at.
_DEPTH, _NAME, _TAIL = 20, 200, 1 << 20
_PATIENCE, _FAR = 200, 1000


def numbers(text: str) -> dict[str, float]:
    """The numbers of the last JSON object in ``text`` that has any, by their dotted keys."""
    decoder, text = json.JSONDecoder(), text[-_TAIL:]
    found: dict[str, float] = {}
    at, patience = text.find("{"), _PATIENCE
    while at >= 0 and patience:
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            # What fails far behind its start, over and over, was made to take long.
            patience -= error.pos - at > _FAR
            at += 1
        except (RecursionError, ValueError):  # too deep, or too many digits
            at, patience = at + 1, patience - 1
        else:
            found = dict(_flat(value, "")) or found
        at = text.find("{", at)
    return found


def last_number(text: str) -> float | None:
    """The last number in ``text``, ``nan`` and ``inf`` among them."""
    found = _NUMBER.findall(text[-_TAIL:])
    return float(found[-1]) if found else None


def value(text: str, name: str) -> float | None:
    """What a program said of ``name``: in its JSON, under a key that ends in it; else its last number."""
    found = numbers(text)
    if name in found:
        return found[name]
    ending = [key for key in found if key.endswith(f".{name}")]
    if len(ending) == 1:
        return found[ending[0]]
    return None if found else last_number(text)


def _flat(found: object, prefix: str, depth: int = 0) -> Iterator[tuple[str, float]]:
    if isinstance(found, dict) and depth < _DEPTH:
        for key, inner in found.items():
            name = _ODD.sub("_", str(key))
            yield from _flat(inner, f"{prefix}.{name}" if prefix else name, depth + 1)
    elif isinstance(found, int | float) and not isinstance(found, bool) and len(prefix) <= _NAME:
        try:
            yield prefix.lstrip("-"), float(found)
        except OverflowError:
            return
