"""The options of ``merge`` that make a recipe."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mvc.errors import MvcError, UsageError
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.merge.recipe import Recipe

Verb = TypeVar("Verb", bound=Callable[..., Any])

#: What a recipe file may weigh, in bytes; ``parse_recipe`` counts again, in characters.
_LARGEST = 1 << 22


@dataclass(frozen=True, slots=True)
class RecipeWords:
    """The options as they were typed."""

    parameters: tuple[tuple[str, str], ...] = ()
    rules: tuple[str, ...] = ()
    seed: int | None = None
    dtype: str | None = None
    file: str | None = None
    again: bool = True
    mismatch: str | None = None
    adapters: str | None = None
    rank: int | None = None

    def recipe(self, strategy: str | None) -> Recipe | None:
        """The recipe that they make with ``strategy``; None if that is none or a three-way one, alone.

        Raises:
            UsageError: a word is off.
        """
        from mvc.merge import strategies
        from mvc.merge.recipe import Recipe

        plain = strategy is None or strategy not in strategies.COMBINATIONS
        if plain and not (self.parameters or self.rules or self.file):
            if any(value is not None for _, value in self._own()):
                raise UsageError(
                    "--seed, --dtype, --mismatch, --adapters and --rank say how a strategy computes, "
                    "and none is given",
                    hint="mvc merge --strategy ties",
                )
            return None
        values: dict[str, object] = {} if self.file is None else _of_file(self.file)
        rules = [_rule(rule) for rule in self.rules]
        if rules:
            earlier = values.get("rules") or []
            values["rules"] = [*rules, *(earlier if isinstance(earlier, list) else [earlier])]
        if strategy is not None:
            values["strategy"] = strategy
        for word, value in self._own():
            if value is not None:
                values[word] = value
        values.update({word: _value(value) for word, value in self.parameters})
        return Recipe.read(values)

    def _own(self) -> list[tuple[str, object]]:
        """What is said beside the strategy, its parameters and rules."""
        words = ("seed", "dtype", "mismatch", "adapters", "rank")
        return [(word, getattr(self, word)) for word in words]

    def scale(self) -> float:
        """What an adapter is multiplied by, for which nothing but a weight can be said.

        Raises:
            UsageError: something else was said, or the weight is no number.
        """
        known = dict(self.parameters)
        word = known.pop("weight", "1")
        if known or self.rules or self.file or any(value is not None for _, value in self._own()):
            raise UsageError("an adapter has a --weight, and no other parameter")
        try:
            weight = float(word)
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight):
            raise UsageError(f"weight is {word!r:.60}, and must be a number")
        return weight


def recipe_options(verb: Verb) -> Verb:
    """Add the options; the verb gets them as ``words``."""

    @wraps(verb)  # with the options that it has already
    def gathered(*args: Any, **given: Any) -> Any:
        named = [(word, given.pop(word)) for word in ("weight", "density", "lambda_", "t")]
        parameters = [(word.strip("_"), value) for word, value in named if value is not None]
        for text in given.pop("parameters"):
            word, equals, value = text.partition("=")
            if not equals or not word:
                raise UsageError(f"--param {text}: it must be NAME=VALUE")
            parameters.append((word, value))
        words = RecipeWords(
            tuple(parameters),
            given.pop("rules"),
            given.pop("seed"),
            given.pop("dtype"),
            given.pop("recipe_file"),
            not given.pop("from_result", False),
            given.pop("mismatch", None),
            given.pop("adapters", None),
            given.pop("rank", None),
        )
        return verb(*args, words=words, **given)

    made: Any = gathered
    for option in reversed(_OPTIONS):
        made = option(made)
    return made  # type: ignore[no-any-return]


#: Of a merge alone: what is settled later has no models to be made of again.
from_result = click.option(
    "--from-result", is_flag=True, help="Take a merged model as it is, not what it was made of."
)


_OPTIONS: list[Callable[[Any], Any]] = [
    click.option("--weight", metavar="W,…", help="Each model's weight, HEAD's first; or one."),
    click.option("--density", metavar="D,…", help="The share of each change to keep."),
    click.option("--lambda", "lambda_", metavar="L", help="What merged changes are scaled by."),
    click.option("-t", "t", metavar="T", help="How far slerp goes to the other model."),
    click.option(
        "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Any other parameter."
    ),
    click.option(
        "--rule",
        "rules",
        multiple=True,
        metavar="GLOB=NAME[:PARAM=VALUE]…",
        help="Another strategy for tensors that match; the first match counts.",
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), help="For strategies that draw; 0 unless given."
    ),
    click.option(
        "--dtype",
        type=click.Choice(["float32", "float64"]),
        help="What to compute in; float64 only where a model has it.",
    ),
    click.option(
        "--mismatch",
        metavar="WAY,…",
        help="Where models do not match: pad, skip, take=REVISION or three-way; refused without.",
    ),
    click.option(
        "--adapters",
        type=click.Choice(["cat", "svd", "factors"]),
        help="LoRA adapters: factors side by side, the closest product, or A and B each by itself.",
    ),
    click.option("--rank", type=click.IntRange(min=1), help="The rank that svd gives adapters."),
    click.option(
        "--recipe", "recipe_file", metavar="FILE", help="All of this from a YAML or JSON file."
    ),
]


def _rule(text: str) -> dict[str, object]:
    glob, equals, rest = text.partition("=")
    name, *parameters = rest.split(":")
    if not glob or not equals or not name:
        raise UsageError(f"--rule {text}: it must be GLOB=NAME, as 'layers.*.mlp.*=ties'")
    found: dict[str, object] = {"match": glob, "strategy": name}
    for one in parameters:
        word, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"--rule {text}: after the name, {one} must be PARAM=VALUE")
        found[word] = _value(value)
    return found


def _value(text: str) -> object:
    """A number, several of them with commas between, or a word."""
    if "," in text:
        return [_value(part) for part in text.split(",")]
    return text.strip()


def _of_file(path: str) -> dict[str, object]:
    from mvc.merge.recipe_text import recipe_values

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_LARGEST)
    except (OSError, UnicodeDecodeError) as error:
        raise MvcError(f"cannot read the recipe {path}: {error}") from error
    return recipe_values(text, path)
