"""How a tensor came to be what it is: its versions, each with those that it was made from.

A version is a commit whose tensor no parent has; what lies between two versions ``blame.py`` finds. So a
merge that took one side's tensor is no version, and one that made a new tensor of two stands on both. What a
commit's record says of its operation is told with the version.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Literal

from mvc.history import revisions
from mvc.history.blame import Scoreboard, no_model
from mvc.history.commits import record_of
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.inventory import (
    Inventory,
    Line,
    chosen,
    entry_of,
    line_named,
    name_of,
    value_of,
)
from mvc.history.manifest import Entry
from mvc.history.ordering import graph_order
from mvc.history.record import Json, Record
from mvc.ids import CommitId
from mvc.values import dataclass

How = Literal["added", "changed", "renamed", "merged", "resolved", "reverted", "picked", "restored"]
#: Operations that bring over, or take back, what one commit did.
_OF_ONE: Mapping[str, How] = {
    "resolve": "resolved",
    "revert": "reverted",
    "cherry-pick": "picked",
    "rebase": "picked",
}


@dataclass(frozen=True, slots=True)
class Version:
    """``entry`` is None for an undecided tensor; ``path`` is the file that it lies in, ``before`` what it was
    made from.

    ``merged``: a merge made it, by ``strategy`` where one is recorded; ``resolved``: it was undecided before.
    ``reverted``: by the revert of ``source``. ``picked``: brought over from ``source``. ``restored``: it is
    again what it was at ``source``. ``renamed``: it is what ``before`` has under another name. ``operation``
    is what the commit's record says.
    """

    commit: Commit
    path: str
    name: str
    entry: Entry | None
    how: How
    before: tuple[CommitId, ...] = ()
    operation: str | None = None
    strategy: str | None = None
    source: CommitId | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """A tensor of the model ``model``; its versions, each before those that it was made from."""

    model: str
    name: str
    versions: tuple[Version, ...]


def lineages(
    context: Context, revision: str, models: Sequence[str], globs: Sequence[str]
) -> Iterator[Lineage]:
    """Of each tensor of ``models`` that a glob names at ``revision``, by model and name.

    Raises:
        UsageError: no such revision, a model that has no tensors there, or a glob that matches none.
    """
    inventory = Inventory(context)
    commit = context.git.commit(revisions.resolve(context, revision))
    named: dict[str, dict[str, Line]] = {}
    for path in models:
        model = inventory.model(commit.tree, path)
        lines = inventory.tensors(model) if model is not None else frozenset()
        if model is None or not lines:
            raise no_model(path, revision, there=model is not None)
        named[path] = {name_of(line): line for line in sorted(lines)}
    every = sorted({name for names in named.values() for name in names})
    wanted = set(chosen(every, globs, ", ".join(models) or revision))
    return _told(context, inventory, commit, named, wanted)


def _told(
    context: Context,
    inventory: Inventory,
    commit: Commit,
    named: Mapping[str, Mapping[str, Line]],
    wanted: set[str],
) -> Iterator[Lineage]:
    for path, names in named.items():
        for name, line in sorted(names.items()):
            if name in wanted:
                versions = _Trace(context, inventory).versions(commit, path, line)
                yield Lineage(path, name, tuple(versions))


@dataclass(slots=True)
class _Found:
    """A version while it is looked into; ``before`` are keys of others."""

    commit: Commit
    model: str
    line: Line
    before: list[CommitId] = field(default_factory=list)
    renamed: bool = False


class _Trace:
    """From one tensor back: a version is known by its commit, which has the tensor once."""

    def __init__(self, context: Context, inventory: Inventory) -> None:
        self._context = context
        self._inventory = inventory
        self._scoreboard = Scoreboard(context, inventory)
        self._found: dict[CommitId, _Found] = {}
        self._times = Counter[Line]()

    def versions(self, commit: Commit, path: str, line: Line) -> Iterator[Version]:
        """All of them, the newest first."""
        waiting = [self._origin(commit, path, line)]
        while waiting:
            found = waiting.pop()
            if found.commit.id in self._found:
                continue
            self._found[found.commit.id] = found
            self._times[found.line] += 1
            for one in self._before(found):
                found.before.append(one.commit.id)
                waiting.append(one)
        found_ = sorted(self._found.values(), key=lambda one: -one.commit.committer.time)
        for id_ in graph_order({one.commit.id: one.before for one in found_}):
            yield self._version(self._found[CommitId(id_)])

    def _origin(self, commit: Commit, path: str, line: Line) -> _Found:
        guilty, model = self._scoreboard.assign(commit, path, {line})[line]
        return _Found(guilty, model, line)

    def _before(self, found: _Found) -> list[_Found]:
        """What it was made from: the tensor of that name in each parent, else of that value."""
        name, known = name_of(found.line), dict[CommitId, _Found]()
        origins = self._scoreboard.origins(found.commit, found.model)
        for parent, model in origins:
            line = line_named(self._inventory.tensors(model), name)
            if line is not None:
                one = self._origin(parent, model.name, line)
                known.setdefault(one.commit.id, one)
        if known:
            return [*known.values()]
        for parent, model in origins:
            line = self._renamed(found, self._inventory.tensors(model))
            if line is not None:
                found.renamed = True
                return [self._origin(parent, model.name, line)]
        return []

    def _renamed(self, found: _Found, earlier: frozenset[Line]) -> Line | None:
        """The tensor of a parent that has gone, and has the same value."""
        entry = entry_of(found.line)
        model = self._inventory.model(found.commit.tree, found.model)
        if entry is None or model is None:
            return None
        kept = {name_of(line) for line in self._inventory.tensors(model)}
        ending = " " + value_of(entry)
        gone = [line for line in earlier if line.endswith(ending) and name_of(line) not in kept]
        return min(gone, default=None)

    def _version(self, found: _Found) -> Version:
        commit = found.commit
        record = record_of(self._context, commit)
        entry, name = entry_of(found.line), name_of(found.line)
        version = Version(
            commit,
            self._home(found),
            name,
            entry,
            "changed" if found.before else "added",
            tuple(found.before),
            operation=record.operation if record else None,
        )
        again = self._again(found)
        if found.renamed:
            return replace(version, how="renamed")
        if found.before and len(commit.parents) > 1:
            return replace(version, how="merged", strategy=_strategy(record, name))
        if record is not None and record.operation in _OF_ONE:
            how, strategy = _OF_ONE[record.operation], _strategy(record, name)
            return replace(version, how=how, strategy=strategy, source=_theirs(record))
        if again is not None:
            return replace(version, how="restored", source=again)
        return version

    def _home(self, found: _Found) -> str:
        model = self._inventory.model(found.commit.tree, found.model)
        files = model.files if model is not None else ()
        homes = (file for file, blob in files if found.line in self._inventory.of_blob(blob))
        return next(homes, found.model)

    def _again(self, found: _Found) -> CommitId | None:
        """The nearest version behind it that is the same."""
        if self._times[found.line] == 1:
            return None
        waiting, met = deque(found.before), set(found.before)
        while waiting:
            one = self._found[waiting.popleft()]
            if one.line == found.line:
                return one.commit.id
            fresh = [id_ for id_ in one.before if id_ not in met]
            met.update(fresh)
            waiting += fresh
        return None


def _strategy(record: Record | None, name: str) -> str | None:
    """What merged the tensor ``name``: the first rule that matches, else the strategy for all."""
    from fnmatch import fnmatchcase

    if record is None:
        return None
    recipe = record.parameters.get("recipe")
    for of in (recipe, record.parameters):
        rules = of.get("rules") if isinstance(of, Mapping) else None
        for rule in rules if isinstance(rules, list) else ():
            if isinstance(rule, Mapping) and fnmatchcase(name, str(rule.get("match"))):
                return _text(rule.get("strategy"))
        strategy = of.get("strategy") if isinstance(of, Mapping) else None
        if strategy is not None:
            return _text(strategy)
    return None


def _theirs(record: Record) -> CommitId | None:
    theirs = _text(record.parameters.get("theirs"))
    return None if theirs is None else CommitId(theirs)


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
