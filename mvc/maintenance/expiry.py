"""What the logs may forget: operations and reflog entries that are older than all of a certain age.

Both logs are cut at one place, and everything younger stays, so that a clock that jumped back can't tear a
hole into them. Operations go behind the horizon; the lines of reflogs are dropped as ``git reflog expire``
does. Whatever is left is a root: nothing that it names may be collected.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import field

from mvc.errors import MvcError
from mvc.history import horizon, reflog
from mvc.history.context import Context
from mvc.history.operation import Operation, is_operation
from mvc.history.refs import KEPT, STASH
from mvc.ids import CommitId
from mvc.maintenance import logged
from mvc.values import dataclass

_ANY_ID = re.compile(rb"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")


@dataclass(slots=True)
class Expiry:
    """``horizon``: the commits whose histories shall end there, ``operations`` the number forgotten with it.

    ``logs``: the new content of each reflog that loses lines, ``moves`` the number of these. ``refs``: what
    was kept for ``undo`` alone and no operation names any more. ``roots``: every id that the rest names;
    ``doubtful``: ids in lines that can't be read, which are kept if they are there.
    """

    horizon: frozenset[str]
    operations: int = 0
    logs: dict[str, bytes] = field(default_factory=dict)
    moves: int = 0
    refs: list[str] = field(default_factory=list)
    roots: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)

    def carry_out(self, context: Context) -> None:
        """Forget. Nothing is removed by it but lines and refs; the horizon is durable first."""
        folder, disk = context.folder, context.disk
        if self.horizon != horizon.read(folder):
            horizon.write(folder, disk, self.horizon)
        for ref, text in self.logs.items():
            disk.write_whole(reflog.path(folder, ref), text, via=folder)
        for name in self.refs:
            disk.remove(os.path.join(folder, *name.split("/")))


def plan(context: Context, before: float) -> Expiry:
    """What may be forgotten of the time ``before`` (seconds since 1970).

    Raises:
        MvcError: an operation or a reflog can't be read.
    """
    expiry = Expiry(horizon.read(context.folder))
    _operations(context, before, expiry)
    for ref in logged.reflogs(context.folder, strict=True):
        _reflog(context, ref, before, expiry)
    return expiry


def _operations(context: Context, before: float, expiry: Expiry) -> None:
    found = [(one, one.who.time >= before) for one in context.operations.walk()]
    count = max((number + 1 for number, (_, young) in enumerate(found) if young), default=0)
    places = {one.id: number for number, (one, _) in enumerate(found)}
    number = 0
    while number < count:  # an undo needs what it took back: the next one goes on from there
        undone = found[number][0].undoes
        count = max(count, places.get(CommitId(undone), -1) + 1 if undone else 0)
        number += 1
    kept = [one for one, _ in found[:count]]
    named = {id_ for one in kept for id_ in _named(one)}
    expiry.roots |= named
    if count < len(found):
        last = found[count][0]
        assert last.id is not None
        expiry.operations = len(found) - count
        expiry.horizon = frozenset({last.id, *_foreign(context, expiry.horizon)})
        named |= set(_named(last))
        refs = context.refs.list(KEPT)
        expiry.refs = [name for name, id_ in refs.items() if id_ not in named]


def _named(operation: Operation) -> Iterator[str]:
    for change in operation.changes:
        for value in (change.old, change.new):
            if value is not None and not value.startswith("ref: "):
                yield value


def _foreign(context: Context, ids: frozenset[str]) -> Iterator[str]:
    """Ends of histories that are no operations: another tool's, which stay."""
    for id_ in ids:
        try:
            if not is_operation(context.git.commit(id_).message):
                yield id_
        except MvcError:
            continue  # an end that was collected itself


def _reflog(context: Context, ref: str, before: float, expiry: Expiry) -> None:
    lines = logged.lines(context.folder, ref, strict=True)
    young = [n for n, (_, move) in enumerate(lines) if move is None or move.who.time >= before]
    first = 0
    if ref != STASH:  # a list of things that people put there, as for Git
        first = min(young, default=len(lines))
    if first:
        expiry.logs[ref] = b"".join(line for line, _ in lines[first:])
        expiry.moves += first
    for line, move in lines[first:]:
        if move is None:
            expiry.doubtful.update(id_.decode("ascii") for id_ in _ANY_ID.findall(line))
        else:
            expiry.roots |= {move.old, move.new} - {reflog.NONE}
