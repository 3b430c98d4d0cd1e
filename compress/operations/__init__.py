"""The registry: which operations there are. A module is imported when its operation is named, not before.

A new one is a line here, a module beside this file, and a section of ``docs/reference/compression.md``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from compress import recipe as recipes
from compress.operation import Operation
from mvc.errors import UsageError

#: name → module, whose ``OPERATION`` it is
OPERATIONS: dict[str, str] = {
    "prune": "compress.operations.prune",
    "quantize": "compress.operations.quantize",
    "dequantize": "compress.operations.dequantize",
    "factor": "compress.operations.factor",
    "unfactor": "compress.operations.unfactor",
    "heal": "compress.operations.heal",
}


def named(name: str) -> Operation:
    """The operation called ``name``.

    Raises:
        UsageError: there is none.
    """
    if name not in OPERATIONS:
        near = difflib.get_close_matches(name, OPERATIONS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(OPERATIONS)}"
        raise UsageError(f"there is no operation '{name}'", hint=hint)
    found: Operation = import_module(OPERATIONS[name]).OPERATION
    return found


def of(recipe: object) -> Operation:
    """The operation that ``recipe`` is for, by its type.

    Raises:
        UsageError: none.
    """
    for name in OPERATIONS:
        operation = named(name)
        if operation.recipe is type(recipe):
            return operation
    raise UsageError(f"{type(recipe).__name__} is no recipe of any operation")


def read(values: Mapping[str, object], where: str = "the recipe") -> tuple[Operation, Any]:
    """Operation and recipe of what ``compress.recipe.encode`` wrote, or a person; older versions too.

    Raises:
        UsageError: no such operation, a newer version, or a key or value that the recipe does not have.
    """
    rest = dict(values)
    name = rest.pop(recipes.KEY, None)
    if not isinstance(name, str):
        raise UsageError(f"{where} names no operation", hint="operation: prune")
    operation = named(name)
    newest = operation.recipe().version
    version = rest.get("version", newest)
    if not isinstance(version, int) or not 1 <= version <= newest:
        raise UsageError(f"{where} is a {name} recipe of version {version!r}, beyond {newest}")
    while version < newest:
        rest = operation.migrations[version](rest)
        version += 1
        rest["version"] = version
    return operation, recipes.decode(operation.recipe, rest, where)
