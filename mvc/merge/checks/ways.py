"""What to do where models do not match: the words of ``--mismatch``, and which of them settles what.

Owns the words and their order; must not know tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mvc.errors import UsageError
from mvc.values import dataclass

#: Rows that one model lacks are taken from those that have them; the others are merged.
PAD = "pad"
#: As the first model has it.
SKIP = "skip"
#: As the named model has it.
TAKE = "take"
#: By who changed it since the common ancestor, as everything that no strategy computes.
THREE_WAY = "three-way"
_TAKE = f"{TAKE}="


@dataclass(frozen=True, slots=True)
class Way:
    """``model``: the number, from 0, of the model that ``take`` and ``skip`` take."""

    word: str
    model: int = 0


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways that were allowed, the first that can settle a mismatch counts; ``labels`` name the models."""

    allowed: tuple[Way, ...] = ()
    labels: tuple[str, ...] = ()

    @staticmethod
    def of(words: Sequence[str], labels: Sequence[str]) -> Ways:
        """Those that a recipe has.

        Raises:
            UsageError: it takes from a model that there is not.
        """
        return Ways(tuple(_way(word, len(labels)) for word in words), tuple(labels))

    def first(self, able: Iterable[str]) -> Way | None:
        """The way for a mismatch that each of the words ``able`` could settle."""
        able = frozenset(able)
        return next((way for way in self.allowed if way.word in able), None)


def read_words(value: object) -> tuple[str, ...]:
    """The words of a recipe: one, several with commas between, or a list.

    Raises:
        UsageError: one is none.
    """
    if value is None:
        return ()
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Sequence):
        raise _refused(value)
    for part in parts:
        if not isinstance(part, str) or not _is_word(part):
            raise _refused(part)
    return tuple(parts)


def numbered(word: str) -> int | None:
    """The number, from 1, of the model that ``take=NUMBER`` names; None of anything else."""
    number = word.removeprefix(_TAKE)
    short = number.isascii() and number.isdigit() and len(number) < 4
    return int(number) if word.startswith(_TAKE) and short else None


def named(word: str) -> str | None:
    """What ``take=REVISION`` takes, where that is no number."""
    return word.removeprefix(_TAKE) if word.startswith(_TAKE) and numbered(word) is None else None


def take(number: int) -> str:
    """The word that takes from the model with this number, from 1."""
    return f"{_TAKE}{number}"


def _way(word: str, models: int) -> Way:
    number = numbered(word)
    if number is None:
        return Way(word)
    if not 1 <= number <= models:
        raise UsageError(f"--mismatch {word}: there are {models} models")
    return Way(TAKE, number - 1)


def _is_word(word: str) -> bool:
    return word in (PAD, SKIP, THREE_WAY) or (word.startswith(_TAKE) and word != _TAKE)


def _refused(value: object) -> UsageError:
    return UsageError(
        f"mismatch is {value!r:.60}, and must be {PAD}, {SKIP}, {THREE_WAY} or {TAKE}=REVISION",
        hint="several with commas between: the first that can settle a mismatch counts",
    )
