"""Recipes in files: JSON, or YAML where PyYAML is installed.

Of YAML only what JSON can say is read: no tags, no aliases (a few lines of them can stand for gigabytes), no
key twice.
"""

from __future__ import annotations

import json
from typing import Any

from mvc.errors import UsageError
from mvc.merge.recipe import Recipe

#: Characters of a recipe; a rule for each of 10,000 tensors is a tenth of it.
LARGEST = 1 << 20


def parse_recipe(text: str, where: str) -> Recipe:
    """The recipe in ``text``; ``where`` it stands is for messages.

    Raises:
        UsageError: it is none, or it is YAML and there is no PyYAML.
    """
    return Recipe.read(recipe_values(text, where))


def recipe_values(text: str, where: str) -> dict[str, object]:
    """The same, not yet checked: what ``Recipe.read`` takes."""
    if len(text) > LARGEST:
        raise UsageError(f"{where} is too long for a recipe: more than {LARGEST} characters")
    try:
        values = _json(text) if text.lstrip().startswith("{") else _yaml(text, where)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is no recipe: {error or 'it is nested too deeply'}") from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise UsageError(f"{where} is no recipe: it must map words to values, as strategy: ties")
    return values


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} stands there twice")
        found[key] = value
    return found


def _yaml(text: str, where: str) -> Any:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise UsageError(
            f"{where} is YAML, and PyYAML is not installed",
            hint="pip install pyyaml, or write the recipe as JSON",
        ) from error
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise ValueError("it has an alias, which recipes may not have")
        _refuse_twice(yaml.compose(text, yaml.SafeLoader))
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _refuse_twice(node: Any) -> None:
    """Let a tree of YAML nodes pass only if no mapping has a key twice."""
    if node is None or isinstance(node.value, str):
        return
    if node.id == "sequence":
        for one in node.value:
            _refuse_twice(one)
        return
    _once([(str(key.value), None) for key, _ in node.value])
    for _, value in node.value:
        _refuse_twice(value)
