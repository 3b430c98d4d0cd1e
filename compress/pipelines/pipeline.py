"""A pipeline: steps in order, each with its own gate, from one YAML or JSON file. A value.

::

    options: {data: [known.txt], length: 256, limit: 5%}
    steps:
      - {operation: prune, method: sparsegpt, sparsity: 50%, limit: 40%}
      - {operation: quantize, format: int4, group-size: 64}

``options`` are for all steps; a step's own options stand among its recipe's keys and come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from compress import operations, recipe
from compress.options import Options
from mvc.errors import UsageError
from mvc.merge.recipe_text import recipe_values
from mvc.values import dataclass

_OWN = tuple(field.name for field in fields(Options))


@dataclass(frozen=True, slots=True)
class Stage:
    """One step: a recipe, and how it is run."""

    recipe: Any
    options: Options


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Steps in their order."""

    stages: tuple[Stage, ...]


def parse(text: str, where: str, given: Mapping[str, Any] | None = None) -> Pipeline:
    """The pipeline in ``text``; ``given`` are options that come before the file's.

    Raises:
        UsageError: it is none, with the step, the key and the nearest that there is.
    """
    values = recipe_values(text, where)
    rest = set(values) - {"options", "steps"}
    if rest:
        raise recipe.unknown(min(rest), ("options", "steps"), where)
    shared, said = values.get("options") or {}, values.get("steps")
    if not isinstance(shared, Mapping) or not isinstance(said, list) or not said:
        raise UsageError(
            f"{where} must have steps, a list of recipes", hint="steps: [{operation: prune}]"
        )
    stages = []
    for number, one in enumerate(said, 1):
        place = f"{where}, step {number}"
        if not isinstance(one, Mapping):
            raise UsageError(f"{place} is no recipe: it must map words to values")
        words = {str(word).replace("-", "_"): value for word, value in one.items()}
        own = {word: words.pop(word) for word in _OWN if word in words}
        plain = {str(word).replace("-", "_"): value for word, value in shared.items()}
        options = recipe.decode(Options, {**plain, **own, **(given or {})}, place)
        _, of = operations.read(words, place)
        stages.append(Stage(of, options))
    return Pipeline(tuple(stages))
