"""Every tree of files that a power cut may leave behind, for each prefix of a trace.

Where the pending effects of a prefix have few combinations, all are given. Else: all kept, all dropped,
each one dropped alone, each kept alone, each torn or zeroed alone, all names kept with all bytes lost
(and the reverse), and a seeded random sample. Equal trees that follow the same acknowledgements are
given once.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from faults.trace import Acknowledge, Step, Tree, write_tree
from faults.volume import Data, Fate, Names, Pending, Volume


@dataclass(frozen=True, slots=True)
class Budget:
    """How far one prefix is enumerated: exhaustively up to ``exhaustive``, else with ``random`` more.

    ``parted``: the two halves of a rename across folders may part ways.
    """

    exhaustive: int = 96
    random: int = 6
    parted: bool = True


DEFAULT = Budget()
FULL = Budget(exhaustive=4096, random=200)


@dataclass(frozen=True, slots=True)
class CrashState:
    """One tree that may be found, what the user had been told by then, and how it came about."""

    tree: Tree
    acknowledged: tuple[Acknowledge, ...]
    step: int
    doing: str
    effects: tuple[Pending, ...]
    fates: tuple[Fate, ...]

    def materialise(self, root: str) -> None:
        """Write the tree into the empty folder ``root``."""
        write_tree(self.tree, root)

    def describe(self) -> str:
        """Where the power went, and what became of each effect that was not durable."""
        told = ", ".join(mark.label for mark in self.acknowledged) or "nothing"
        lines = [f"power cut after step {self.step} ({self.doing}); acknowledged: {told}"]
        lines += [
            f"  {fate.value:8}{effect.label}"
            for effect, fate in zip(self.effects, self.fates, strict=True)
        ]
        return "\n".join(lines if len(lines) > 1 else [*lines, "  nothing was pending"])


@dataclass(frozen=True, slots=True)
class Cut:
    """One way for the power to go: not yet a tree, so that a sample need not build them all."""

    volume: Volume
    acknowledged: tuple[Acknowledge, ...]
    step: int
    doing: str
    fates: tuple[Fate, ...]

    def state(self) -> CrashState:
        effects = tuple(self.volume.pending)
        tree = self.volume.after(self.fates)
        return CrashState(tree, self.acknowledged, self.step, self.doing, effects, self.fates)


def cuts(
    start: Tree, trace: Sequence[Step], budget: Budget = DEFAULT, seed: int = 0
) -> Iterator[Cut]:
    """The ways to cut ``trace``, begun on the durable ``start``, after each of its prefixes."""
    volume = Volume.holding(start)
    acknowledged: tuple[Acknowledge, ...] = ()
    chance = random.Random(seed)
    for number in range(len(trace) + 1):
        doing = "the start"
        if number:
            step = trace[number - 1]
            volume.apply(step)
            doing = describe_step(step)
            if isinstance(step, Acknowledge):
                acknowledged = (*acknowledged, step)
        frozen = volume.copy()
        for fates in _combinations(frozen.pending, budget, chance):
            if budget.parted or _halves_together(frozen.pending, fates):
                yield Cut(frozen, acknowledged, number, doing, fates)


def distinct(cuts: Iterable[Cut]) -> Iterator[CrashState]:
    """The states behind ``cuts``, each once for what had been acknowledged."""
    seen: set[tuple[int, int]] = set()
    for cut in cuts:
        state = cut.state()
        key = (hash(frozenset(state.tree.items())), len(state.acknowledged))
        if key not in seen:
            seen.add(key)
            yield state


def crash_states(
    start: Tree, trace: Sequence[Step], budget: Budget = DEFAULT, seed: int = 0
) -> Iterator[CrashState]:
    """The states that a cut may leave after each prefix of ``trace``."""
    yield from distinct(cuts(start, trace, budget, seed))


def describe_step(step: Step) -> str:
    """One line on a step of a trace."""
    words = []
    for name in step.__dataclass_fields__:
        value = getattr(step, name)
        if name != "handle":
            words.append(f"{len(value)} bytes" if isinstance(value, bytes) else str(value))
    return " ".join([type(step).__name__, *words])


def _combinations(
    effects: Sequence[Pending], budget: Budget, chance: random.Random
) -> Iterator[tuple[Fate, ...]]:
    if math.prod(len(effect.fates) for effect in effects) <= budget.exhaustive:
        yield from itertools.product(*(effect.fates for effect in effects))
        return
    kept, dropped = [Fate.KEPT] * len(effects), [Fate.DROPPED] * len(effects)
    yield tuple(kept)
    yield tuple(dropped)
    for lost in (Fate.DROPPED, Fate.TORN, Fate.ZEROED):
        yield _where(effects, Data, lost, Fate.KEPT)
    yield _where(effects, Names, Fate.DROPPED, Fate.KEPT)
    for number, effect in enumerate(effects):
        for fate in effect.fates:
            base = dropped if fate is Fate.KEPT else kept
            yield (*base[:number], fate, *base[number + 1 :])
    for _ in range(budget.random):
        yield tuple(chance.choice(effect.fates) for effect in effects)


def _halves_together(effects: Sequence[Pending], fates: Sequence[Fate]) -> bool:
    """Whether each rename across folders has happened wholly or not at all, where both halves pend."""
    for number, effect in enumerate(effects[:-1]):
        if effect.label.endswith("(the new name)") and fates[number] != fates[number + 1]:
            return False
    return True


def _where(
    effects: Sequence[Pending], kind: type[Pending], fate: Fate, other: Fate
) -> tuple[Fate, ...]:
    return tuple(
        fate if isinstance(effect, kind) and fate in effect.fates else other for effect in effects
    )
