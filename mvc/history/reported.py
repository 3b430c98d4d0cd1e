"""Numbers in what a program printed: the last JSON object of its output, or the last number.

Knows no repository. Nested objects come out flat, their keys joined by dots: ``results.mmlu.acc``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])|(?<!\w)[-+]?(?:nan|inf)(?!\w)",
    re.I,
)
#: Objects may nest as deep as people write them; nothing deeper is looked into.
_DEPTH = 20


def numbers(text: str) -> dict[str, float]:
    """The numbers of the last JSON object in ``text`` that has any, by their dotted keys."""
    decoder = json.JSONDecoder()
    for start in _candidates(text):
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        flat = dict(_flat(found, ""))
        if flat:
            return flat
    return {}


def last_number(text: str) -> float | None:
    """The last number in ``text``, ``nan`` and ``inf`` among them."""
    found = _NUMBER.findall(text)
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


def _candidates(text: str) -> Iterator[int]:
    """Where an object may begin, from the end; braces at the start of a line first: others lie in objects."""
    lines = [match.start(1) for match in re.finditer(r"^[ \t]*(\{)", text, re.M)]
    outer = [at for at in lines if text[at - 1 : at] in ("", "\n")]
    yield from reversed(outer)
    yield from reversed([match.start() for match in re.finditer(r"\{", text)][-1000:])


def _flat(found: object, prefix: str, depth: int = 0) -> Iterator[tuple[str, float]]:
    if isinstance(found, bool) or depth > _DEPTH:
        return
    if isinstance(found, int | float):
        yield prefix, float(found)
    elif isinstance(found, dict):
        for key, inner in found.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key), depth + 1)
