"""A recipe: which strategy merges which tensor, with which parameters; what a commit records of it.

Owns reading and writing it, and picking the strategy of a tensor by its name. Knows no bytes and no commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeGuard

from mvc.errors import UsageError
from mvc.history.record import Json
from mvc.merge import strategies
from mvc.merge.checks.ways import read_words
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.merge.strategies.combination import Combination
    from mvc.merge.strategies.strategy import Strategy

#: What merges can compute in; without a word float64 where a model has it, else float32.
DTYPES = ("float32", "float64")
#: How factors of LoRA are merged: side by side, by the closest product, or each as a tensor.
ADAPTERS = ("cat", "svd", "factors")
_LARGEST_SEED = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Rule:
    """Tensors whose name matches ``glob`` (as ``fnmatch`` has it, case counts) take ``strategy``."""

    glob: str
    strategy: str
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """The first rule that matches a tensor's name decides, else ``strategy``; None leaves conflicts open.

    ``parameters`` are for every strategy that has them; a rule's own come first. ``mismatch``: what to do where
    models do not match (``checks/ways.py``); without a word such a merge is refused. ``adapters`` and
    ``rank``: how LoRA adapters are merged with each other (``adapters/uniting.py``).
    """

    strategy: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    seed: int = 0
    dtype: str | None = None
    mismatch: tuple[str, ...] = ()
    adapters: str | None = None
    rank: int | None = None

    @staticmethod
    def read(values: Mapping[str, object]) -> Recipe:
        """The recipe that ``values`` are; the inverse of ``written``, and what recipe files hold.

        Keys besides ``strategy``, ``rules``, ``seed``, ``dtype``, ``mismatch``, ``adapters``, ``rank`` and
        ``parameters`` are parameters.

        Raises:
            UsageError: a value is not what it must be.
        """
        rest = dict(values)
        strategy, rules = rest.pop("strategy", None), rest.pop("rules", None)
        seed, dtype = rest.pop("seed", 0), rest.pop("dtype", None)
        parameters = rest.pop("parameters", None) or {}
        mismatch = read_words(rest.pop("mismatch", None))
        adapters, rank = rest.pop("adapters", None), rest.pop("rank", None)
        if adapters is not None and adapters not in ADAPTERS:
            raise UsageError(f"adapters is {adapters!r:.60}, and must be {' or '.join(ADAPTERS)}")
        if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int) or rank < 1):
            raise UsageError(f"rank is {rank!r:.60}, and must be a whole number of at least 1")
        if strategy is not None and not isinstance(strategy, str):
            raise UsageError(f"strategy is {strategy!r:.60}, and must be a name")
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= _LARGEST_SEED:
            raise UsageError(f"seed is {seed!r:.60}, and must be a whole number of at least 0")
        if dtype is not None and dtype not in DTYPES:
            raise UsageError(f"dtype is {dtype!r:.60}, and must be {' or '.join(DTYPES)}")
        if not isinstance(parameters, Mapping):
            raise UsageError("parameters must be a mapping of names to values")
        return Recipe(
            strategy,
            {**parameters, **rest},
            tuple(_rules(rules)),
            seed,
            dtype and str(dtype),
            mismatch,
            adapters and str(adapters),
            rank,
        )

    def choices(self) -> Choices:
        """The strategies themselves, their parameters checked.

        Raises:
            UsageError: a name is unknown, or a parameter that no strategy of the recipe has.
        """
        rules = [(rule.glob, self._chosen(rule.strategy, rule.parameters)) for rule in self.rules]
        default = None if self.strategy is None else self._chosen(self.strategy, {})
        used = [self.strategy, *(rule.strategy for rule in self.rules)]
        known = {
            word
            for name in used
            if name in strategies.COMBINATIONS
            for word in strategies.words(name)
        }
        for word in self.parameters:
            if word not in known:
                names = ", ".join(dict.fromkeys(name for name in used if name)) or "the merge"
                hint = f"its parameters: {', '.join(sorted(known))}" if known else None
                raise UsageError(f"{names} has no parameter '{word}'", hint=hint)
        return Choices(tuple(rules), default)

    def _chosen(self, name: str, own: Mapping[str, object]) -> Strategy | Combination:
        if name not in strategies.COMBINATIONS:
            if own:
                raise UsageError(f"{name} has no parameter '{next(iter(own))}'")
            return strategies.named(name)
        words = strategies.words(name)
        shared = {word: value for word, value in self.parameters.items() if word in words}
        return strategies.combining(name, {**shared, **own})

    def written(self) -> dict[str, Json]:
        """What a commit records: every parameter of every strategy, those left to their defaults too."""
        choices = self.choices()
        rules: list[Json] = [
            {"match": glob, "strategy": chosen.name, **_parameters(chosen)}
            for glob, chosen in choices.rules
        ]
        own = {} if choices.default is None else _parameters(choices.default)
        return {
            "strategy": self.strategy,
            "parameters": own,
            "rules": rules,
            "seed": self.seed,
            "dtype": self.dtype,
            "mismatch": list(self.mismatch),
            **({"adapters": self.adapters} if self.adapters else {}),
            **({"rank": self.rank} if self.rank else {}),
        }


@dataclass(frozen=True, slots=True)
class Choices:
    """A recipe's strategies."""

    rules: tuple[tuple[str, Strategy | Combination], ...]
    default: Strategy | Combination | None

    def of(self, name: str) -> Strategy | Combination | None:
        """What settles the tensor called ``name``."""
        for glob, chosen in self.rules:
            if fnmatchcase(name, glob):
                return chosen
        return self.default

    def combinations(self) -> list[Combination]:
        """Those that merge whole models."""
        found = [*(chosen for _, chosen in self.rules), self.default]
        return [chosen for chosen in found if is_combination(chosen)]

    def accept(self, models: int) -> None:
        """Let a merge of so many models begin.

        Raises:
            UsageError: a strategy takes another number.
        """
        for chosen in self.combinations():
            chosen.accept(models)
        everything = [*(chosen for _, chosen in self.rules), self.default]
        if models > 2 and any(chosen and chosen.name == "average" for chosen in everything):
            raise UsageError(
                f"average is the mean of two sides, and there are {models}",
                hint="mvc merge --strategy linear",
            )


def is_combination(chosen: Strategy | Combination | None) -> TypeGuard[Combination]:
    """Whether it merges whole models, rather than settle conflicts."""
    return chosen is not None and chosen.name in strategies.COMBINATIONS


def _parameters(chosen: Strategy | Combination) -> dict[str, Json]:
    return dict(chosen.written()) if is_combination(chosen) else {}


def _rules(value: object) -> list[Rule]:
    """``{glob: name}``, ``{glob: {strategy: name, …}}``, or a list of those or of what is recorded."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [_rule(glob, of) for glob, of in value.items()]
    if isinstance(value, Sequence) and not isinstance(value, str):
        found = []
        for one in value:
            if isinstance(one, Mapping) and "match" in one:
                found.append(_rule(one["match"], {k: v for k, v in one.items() if k != "match"}))
            else:
                found += _rules(one)
        return found
    raise UsageError("rules must map globs of tensor names to strategies")


def _rule(glob: object, of: object) -> Rule:
    if isinstance(of, str):
        of = {"strategy": of}
    if not isinstance(glob, str) or not isinstance(of, Mapping):
        raise UsageError("rules must map globs of tensor names to strategies")
    parameters = {str(word): value for word, value in of.items() if word != "strategy"}
    name = of.get("strategy")
    if not isinstance(name, str):
        raise UsageError(f"the rule for {glob} names no strategy")
    return Rule(glob, name, parameters)
