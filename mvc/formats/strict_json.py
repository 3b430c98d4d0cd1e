"""JSON as strict as serde_json, which decides what the safetensors library accepts.

Owns the one JSON reader for bytes that a stranger wrote. It promises one parse or a ``MalformedFile`` that
names the byte, never another exception. The standard library's parser does the work; what it lets
through and serde_json does not (NaN, lone surrogates, numbers beyond a double, any nesting) is refused
here. It knows nothing of tensors.

Objects come back as dictionaries, one that has a key twice as ``Repeated``, which the caller judges; so no
value is lost. ``-0`` and integers beyond 64 bits come back as floats, as in serde_json.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from mvc.errors import LimitExceeded, MalformedFile

#: Containers that serde_json lets stand inside each other (its recursion limit is 128).
NESTING = 127

_U64_END = 2**64
_I64_MIN = -(2**63)

#: An escape in a JSON string; group 1 is half of a surrogate pair without its other half.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F])|.)", re.DOTALL
)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Repeated(dict[str, Any]):
    """An object with a key twice: the last value under each key, and all ``pairs`` as they stood."""

    pairs: tuple[tuple[str, Any], ...] = ()


class _OutOfRange(ValueError):
    """A number that JSON can spell and a double can't hold."""


def parse(data: bytes, at: int = 0) -> Any:
    """The one value that ``data``, found at byte ``at`` of its file, spells out.

    Raises:
        MalformedFile: with the byte's offset in the file and the reason.
        LimitExceeded: the values don't fit into memory.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(at + error.start, f"is not UTF-8 ({error.reason})", error)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        _refuse(at + len(text[: error.pos].encode()), f"is not JSON ({error.msg})", error)
    except _OutOfRange as error:
        _refuse(at + max(data.find(str(error).encode()), 0), "has a number out of range", error)
    except RecursionError as error:
        _refuse(at, "is nested too deeply", error)
    except MemoryError as error:
        raise LimitExceeded(f"the JSON at byte {at} does not fit into memory") from error
    if _SURROGATE.search(data):
        for escape in _ESCAPE.finditer(text):
            if escape.group(1):
                _refuse(at + len(text[: escape.start()].encode()), "has a lone surrogate", None)
    return value


def depth(value: Any) -> int:
    """How many containers of ``value`` stand inside each other; 0 for a number or a string."""
    level = 0
    containers = [value] if isinstance(value, (list, dict)) else []
    while containers:
        level += 1
        containers = [
            child
            for container in containers
            for child in _children(container)
            if isinstance(child, (list, dict))
        ]
    return level


def _children(container: Any) -> Iterable[Any]:
    if isinstance(container, Repeated):
        return [value for _, value in container.pairs]
    return container.values() if isinstance(container, dict) else container


def _refuse(offset: int, reason: str, cause: Exception | None) -> NoReturn:
    raise MalformedFile(f"the JSON {reason} at byte {offset}") from cause


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    repeated = Repeated(plain)
    repeated.pairs = tuple(pairs)
    return repeated


def _integer(text: str) -> int | float:
    if len(text) < 20:
        value = int(text)
        return value if value or text == "0" else -0.0
    if len(text) == 20:  # 18446744073709551615, -9223372036854775808
        value = int(text)
        if _I64_MIN <= value < _U64_END:
            return value
    return _real(text)


def _real(text: str) -> float:
    """The double; near the largest one, whether serde_json's rounder arithmetic would overflow decides.

    It multiplies the leading digits that fit into 64 bits by a power of ten (``f64_from_parts``), so that
    1.7976931348623158e308 is out of range although the nearest double is not.
    """
    value = float(text)
    if abs(value) < 1e308:
        return value
    mantissa, _, power = text.lstrip("-").lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = digits[:20] if int(digits[:20]) < _U64_END else digits[:19]
    shift = len(digits) - len(leading) - len(fraction)
    steps = int(power.lstrip("+-0")[:12] or 0)
    exponent = shift + (-steps if power.startswith("-") else steps)
    magnitude = float(leading) * float(f"1e{exponent}") if exponent <= 308 else math.inf
    if math.isinf(magnitude):
        raise _OutOfRange(text)
    return math.copysign(magnitude, value)


def _constant(text: str) -> NoReturn:
    raise _OutOfRange(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant
)
