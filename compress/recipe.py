"""Recipes: frozen dataclasses that say what an operation shall do, as JSON, as YAML and back.

Owns the conversion, driven by a recipe's own fields; ``decode(encode(r)) == r``. Of YAML only what JSON can say
is read (``mvc.merge.recipe_text``). A recipe has a ``version``; older ones are migrated, so that old commits
stay readable. Knows no operation: their registry is ``compress.operations``.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from mvc.errors import UsageError
from mvc.history.record import Json

#: What a mapping calls the operation that the rest is a recipe of.
KEY = "operation"


def encode(operation: str, recipe: Any) -> dict[str, Json]:
    """The recipe as JSON has it: ``operation``, then every field, defaults too."""
    return {
        KEY: operation,
        **{field.name: _plain(getattr(recipe, field.name)) for field in fields(recipe)},
    }


def decode(kind: type, values: Mapping[str, object], where: str = "the recipe") -> Any:
    """The recipe of type ``kind`` that ``values`` describe; keys may have hyphens.

    Raises:
        UsageError: an unknown key (the nearest is named), one that is missing, or a value of another kind.
    """
    known = {field.name: field for field in fields(kind)}
    hints = typing.get_type_hints(kind)
    given: dict[str, Any] = {}
    for word, value in values.items():
        name = word.replace("-", "_")
        if name not in known:
            raise unknown(word, known, where)
        given[name] = _value(hints[name], value, f"{where}: {word}")
    missing = [name for name, field in known.items() if name not in given and _required(field)]
    if missing:
        raise UsageError(f"{where} does not say {' or '.join(missing)}")
    return kind(**given)


def unknown(word: str, known: Iterable[str], where: str) -> UsageError:
    """What to raise for a word that is none of ``known``."""
    names = [name.replace("_", "-") for name in known]
    near = difflib.get_close_matches(word.replace("_", "-"), names, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(names))}"
    return UsageError(f"{where} has the unknown key '{word}'", hint=hint)


def share(value: object, where: str) -> float:
    """``0.5`` or ``"50%"`` as a number.

    Raises:
        UsageError: it is neither.
    """
    text = str(value).strip()
    try:
        found = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise UsageError(
            f"{where} is {value!r:.60}, and must be a number or a percentage"
        ) from None
    return found


def to_yaml(values: Mapping[str, Json]) -> str:
    """``values`` as YAML, in their order."""
    import yaml  # type: ignore[import-untyped]

    return str(yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True))


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _plain(value: Any) -> Json:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a recipe can't hold {value!r}")


def _value(kind: Any, value: object, where: str) -> Any:
    """``value`` as the annotation ``kind`` has it."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        options = typing.get_args(kind)
        if value is None and type(None) in options:
            return None
        return _value(next(one for one in options if one is not type(None)), value, where)
    if origin is typing.Literal:
        allowed = typing.get_args(kind)
        if value not in allowed:
            words = ", ".join(map(str, allowed))
            raise UsageError(f"{where} is {value!r:.60}, and must be one of {words}")
        return value
    if origin is tuple and isinstance(value, list | tuple):
        inner = typing.get_args(kind)[0]
        return tuple(_value(inner, one, where) for one in value)
    if origin in (dict, Mapping) or origin is types.MappingProxyType:
        if isinstance(value, Mapping):
            return dict(value)
    elif kind is float and not isinstance(value, bool) and isinstance(value, int | float | str):
        return share(value, where)
    elif kind in (str, bool, int) and type(value) is kind:
        return value
    word = getattr(kind, "__name__", str(kind))
    raise UsageError(f"{where} is {value!r:.60}, and must be {_KINDS.get(word, word)}")


_KINDS = {
    "int": "a whole number",
    "float": "a number or a percentage",
    "str": "a word",
    "bool": "true or false",
    "tuple": "a list",
}
