"""Parameters of combinations: fields of a frozen dataclass that know their bounds.

A field's type says what it may be; ``Parameters`` checks them all when an instance is made, and reads and
writes them under the names of mergekit.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple, Self, TypeAlias, get_args, get_type_hints

from mvc.errors import UsageError
from mvc.history.record import Json
from mvc.merge.strategies.combination import Statistic

#: One value for all models, or one for each.
Each: TypeAlias = float | tuple[float, ...]


class Bounds(NamedTuple):
    """What a number may be, both ends included; it must be finite."""

    least: float = -math.inf
    most: float = math.inf


Number: TypeAlias = Annotated[float, Bounds()]
Positive: TypeAlias = Annotated[float, Bounds(0)]
Share: TypeAlias = Annotated[float, Bounds(0, 1)]
Count: TypeAlias = Annotated[int, Bounds(0)]
#: Of each model, or one for all.
Weights: TypeAlias = Annotated[Each, Bounds()]
Positives: TypeAlias = Annotated[Each, Bounds(0)]
Shares: TypeAlias = Annotated[Each, Bounds(0, 1)]


@dataclasses.dataclass(frozen=True)
class Parameters:
    """What combinations have in common besides arithmetic: checked fields and a few answers."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self), include_extras=True)
        for field in dataclasses.fields(self):
            value = _checked(_word(field.name), getattr(self, field.name), hints[field.name])
            object.__setattr__(self, field.name, value)

    @property
    def elementwise(self) -> bool:
        """Most look at more than one element at a time."""
        return False

    @property
    def piecewise(self) -> bool:
        """Most take their tensors whole."""
        return False

    @property
    def scratch(self) -> int:
        """Most keep nothing beside the pieces."""
        return 0

    @property
    def needs_base(self) -> bool:
        """Most merge what models changed."""
        return True

    @property
    def keeps_equal(self) -> bool:
        """Nearly all do."""
        return True

    @property
    def statistic(self) -> Statistic | None:
        """Most need none."""
        return None

    @classmethod
    def read(cls, values: Mapping[str, object]) -> Self:
        """An instance with these values by the names that users write.

        Raises:
            UsageError: a name is unknown, or a value is out of bounds.
        """
        fields = {_word(field.name): field.name for field in dataclasses.fields(cls)}
        for word in values:
            if word not in fields:
                known = ", ".join(fields) or "none"
                raise UsageError(
                    f"{_strategy(cls)} has no parameter '{word}'", hint=f"it has {known}"
                )
        return cls(**{fields[word]: value for word, value in values.items()})

    @classmethod
    def words(cls) -> frozenset[str]:
        """The names of all parameters, as users write them."""
        return frozenset(_word(field.name) for field in dataclasses.fields(cls))

    def written(self) -> dict[str, Json]:
        """The inverse of ``read``."""
        values = ((f.name, getattr(self, f.name)) for f in dataclasses.fields(self))
        return {_word(k): list(v) if isinstance(v, tuple) else v for k, v in values}

    def accept(self, models: int) -> None:
        """Whether every sequence has a value for each model; see ``Combination``."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) and len(value) != models:
                raise UsageError(
                    f"{_word(field.name)} has {len(value)} values for {models} models",
                    hint="one value for all, or one for each model, in the order of the merge",
                )


def spread(value: Each, models: int) -> tuple[float, ...]:
    """The value of each model."""
    return value if isinstance(value, tuple) else (value,) * models


def require_models(strategy: str, models: int, least: int, most: int | None = None) -> None:
    """Let a strategy go on only with as many models as it takes.

    Raises:
        UsageError: there are too few or too many.
    """
    if models < least or (most is not None and models > most):
        wanted = f"{least}" if most == least else f"at least {least}"
        raise UsageError(
            f"{strategy} merges {wanted} models, and there are {models}",
            hint="mvc merge --strategy ties takes any number",
        )


def _word(field: str) -> str:
    return field.removesuffix("_")  # ``lambda_``


def _strategy(cls: type[Parameters]) -> str:
    return str(getattr(cls, "name", cls.__name__))


def _refused(word: str, value: object, wanted: str) -> UsageError:
    return UsageError(f"{word} is {value!r:.60}, and must be {wanted}")


def _checked(word: str, value: object, of: Any) -> Each | bool:
    if of is bool:
        return _flag(word, value)
    kind, bounds = get_args(of)
    if kind is int:
        return _count(word, value, bounds)
    if kind is float:
        return _number(word, value, bounds)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return _number(word, value, bounds)
    if not value:
        raise _refused(word, value, "a number, or one for each model")
    return tuple(_number(word, one, bounds) for one in value)


def _number(word: str, value: object, bounds: Bounds) -> float:
    wanted = "a number"
    if bounds.most < math.inf:
        wanted = f"a number from {bounds.least:g} to {bounds.most:g}"
    elif bounds.least > -math.inf:
        wanted = f"a number of at least {bounds.least:g}"
    if isinstance(value, str):  # YAML 1.1 takes 1e-3 for a word
        try:
            value = float(value)
        except ValueError:
            raise _refused(word, value, wanted) from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _refused(word, value, wanted)
    if not math.isfinite(value) or not bounds.least <= value <= bounds.most:
        raise _refused(word, value, wanted)
    return float(value)


def _count(word: str, value: object, bounds: Bounds) -> int:
    found = _number(word, value, bounds)
    if found != int(found):
        raise _refused(word, value, "a whole number")
    return int(found)


def _flag(word: str, value: object) -> bool:
    known = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    if not isinstance(value, bool):
        raise _refused(word, value, "true or false")
    return value
