"""Tensors that only one side has under their names: which of them are the same under another.

Owns the rule of a renaming, as ``model.`` put before every name. It judges by ids and names; no tensor is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from mvc.diff.changes import TensorChange, TensorVersion
from mvc.history.manifest import Entry
from mvc.values import dataclass

_Place = tuple[str, Entry]
#: Tensors whose names end alike; more than so many say nothing about a rule.
_ALIKE = 8
#: From so many tensors on that share a fate, one line says more than one for each.
_MANY = 4


@dataclass(frozen=True, slots=True)
class Rule:
    """Names that began with ``old`` begin with ``new``; what follows is the same."""

    old: str
    new: str

    def apply(self, name: str) -> str | None:
        """The new name; None where the rule says nothing."""
        return self.new + name[len(self.old) :] if name.startswith(self.old) else None


@dataclass(frozen=True, slots=True)
class Renaming:
    """``count`` tensors whose names changed by one rule."""

    rule: Rule
    count: int


def rule_between(old: str, new: str) -> Rule:
    """The rule that makes ``new`` of ``old`` and keeps most of it, in whole parts between dots."""
    was, is_ = old.split("."), new.split(".")
    kept = 0
    while kept < min(len(was), len(is_)) and was[-1 - kept] == is_[-1 - kept]:
        kept += 1
    tail = len(".".join(was[len(was) - kept :])) if kept else 0
    return Rule(old[: len(old) - tail], new[: len(new) - tail])


def renamings(tensors: Iterable[TensorChange]) -> list[Renaming]:
    """The rules by which tensors got other names, those of most tensors first."""
    votes: Counter[Rule] = Counter()
    for tensor in tensors:
        if tensor.name_changed and tensor.old and tensor.new:
            votes[rule_between(tensor.old.entry.name, tensor.new.entry.name)] += 1
    found = [Renaming(rule, count) for rule, count in votes.items()]
    return sorted(found, key=lambda one: (-one.count, one.rule.old, one.rule.new))


@dataclass(frozen=True, slots=True)
class Gist:
    """What can be said of many tensors at once.

    ``renamed``: the rules by which many got other names, unchanged. ``compared``: those by which tensors
    that changed are compared under other names. ``moved``: how many lie in another file, if they are many.
    ``rest``: indexes of the tensors that are still to be told one by one.
    """

    renamed: tuple[Renaming, ...]
    compared: tuple[Renaming, ...]
    moved: int
    rest: tuple[int, ...]


def gist(tensors: Sequence[TensorChange]) -> Gist:
    """The gist of a model's changes."""
    renamed = {
        one.rule: one for one in renamings(t for t in tensors if t.status == "renamed")
        if one.count >= _MANY
    }  # fmt: skip
    compared = renamings(t for t in tensors if t.status != "renamed")
    moved = sum(tensor.status == "moved" for tensor in tensors)
    moved = moved if moved >= _MANY else 0
    rest = []
    for index, tensor in enumerate(tensors):
        if tensor.status == "moved" and moved:
            continue
        if tensor.status == "renamed" and tensor.old and tensor.new and renamed:
            if rule_between(tensor.old.entry.name, tensor.new.entry.name) in renamed:
                continue
        rest.append(index)
    return Gist(tuple(renamed.values()), tuple(compared), moved, tuple(rest))


def unmatched(gone: Sequence[_Place], come: Sequence[_Place]) -> Iterator[TensorChange]:
    """What became of tensors without a namesake: renamed, changed under a new name, removed or added."""
    pairs = list(_equal(gone, come))
    yield from (TensorChange("renamed", _version(a), _version(b)) for a, b in pairs)
    matched = {id(place) for pair in pairs for place in pair}
    gone, come = ([one for one in side if id(one) not in matched] for side in (gone, come))
    pairs = list(_by_rule(gone, come))
    yield from (TensorChange("changed", _version(a), _version(b)) for a, b in pairs)
    matched = {id(place) for pair in pairs for place in pair}
    yield from (TensorChange("removed", _version(p), None) for p in gone if id(p) not in matched)
    yield from (TensorChange("added", None, _version(p)) for p in come if id(p) not in matched)


def _equal(gone: Sequence[_Place], come: Sequence[_Place]) -> Iterator[tuple[_Place, _Place]]:
    """Pairs of one value. Where several have it, as norms of ones do, what most of the others say about
    names decides, and then their order."""
    waiting: dict[object, list[_Place]] = {}
    for place in sorted(gone, key=_name):
        waiting.setdefault(place[1].value, []).append(place)
    wanted: dict[object, list[_Place]] = {}
    for place in sorted(come, key=_name):
        if place[1].value in waiting:
            wanted.setdefault(place[1].value, []).append(place)
    votes: Counter[Rule] = Counter()
    for value, targets in wanted.items():
        if len(targets) == len(waiting[value]) == 1:
            votes[rule_between(_name(waiting[value][0]), _name(targets[0]))] += 1
    for value, targets in wanted.items():
        sources = {_name(place): place for place in waiting[value]}
        left = {_name(place): place for place in targets}
        if len(sources) > 1 or len(left) > 1:
            for rule, _ in votes.most_common(_ALIKE):
                for old in list(sources):
                    new = rule.apply(old)
                    if new is not None and new in left:
                        yield sources.pop(old), left.pop(new)
        yield from zip(sources.values(), left.values(), strict=False)


def _by_rule(gone: Sequence[_Place], come: Sequence[_Place]) -> Iterator[tuple[_Place, _Place]]:
    """Pairs of which only the names agree, by the rule that holds for most: at least two tensors, and half
    of a side's."""
    if len(gone) < 2 or len(come) < 2:
        return
    ends: dict[str, list[_Place]] = {}
    for place in come:
        for tail in _tails(_name(place)):
            ends.setdefault(tail, []).append(place)
    votes: Counter[Rule] = Counter()
    for place in gone:
        for tail in _tails(_name(place)):  # the longest first
            if tail in ends:
                alike = ends[tail]
                for other in alike if len(alike) <= _ALIKE else ():
                    if other[1].shape == place[1].shape:
                        votes[rule_between(_name(place), _name(other))] += 1
                break
    if not votes:
        return
    rule, count = votes.most_common(1)[0]
    if count < 2 or 2 * count < min(len(gone), len(come)):
        return
    targets = {_name(place): place for place in come}
    for place in gone:
        new = rule.apply(_name(place))
        if new is not None and new in targets:
            yield place, targets.pop(new)


def _tails(name: str) -> Iterator[str]:
    """The name, and what is left of it without its first part, its first two, and so on."""
    while name:
        yield name
        _, _, name = name.partition(".")


def _name(place: _Place) -> str:
    return place[1].name


def _version(place: _Place) -> TensorVersion:
    return TensorVersion(*place)
