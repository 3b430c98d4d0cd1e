"""The Git side of garbage collection: loose objects into a pack, packs into fewer, the unreachable away.

What is reachable and loose goes into one new pack, with all that lives in the packs up to twice as large (so
that n collections leave about log n packs) and in those that hold garbage. As in the store, an object's home is
the youngest pack that has it, and a pack that is left over is removed once its heir has stood for the grace
period. Loose objects that are unreachable and younger than that stay, with all that they name: until
it is written completely, whatever a killed writer left looks just like them.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from mvc.history import packs
from mvc.history.context import Context
from mvc.maintenance.reachability import Reach
from mvc.values import dataclass

_FOLDER = re.compile(r"[0-9a-f]{2}")
_REST = re.compile(r"[0-9a-f]{38}")


class _Loose(NamedTuple):
    id: str
    size: int
    time: float


@dataclass(frozen=True, slots=True)
class Plan:
    """``packed`` and ``garbage``: loose objects that go into the new pack, and those that go for good.

    ``absorbed`` packs go into the new one as far as they are alive, ``doomed`` ones are removed. ``replaced``
    are the bytes of what the new pack stands for and that go with it, ``freed`` those of garbage. ``objects``
    are nowhere afterwards. ``waiting`` bytes lie in packs left over, which may go at ``until``.
    """

    packed: tuple[str, ...]
    garbage: tuple[str, ...]
    absorbed: frozenset[str]
    doomed: frozenset[str]
    replaced: int
    freed: int
    objects: int
    waiting: int
    until: float


class Packing:
    """One look at all Git objects. ``reach`` has followed every root; what stays visible is added to it."""

    def __init__(
        self, context: Context, reach: Reach, *, before: float, now: float, grace: float
    ) -> None:
        """What was left over ``before`` that time may go at once, and what is ``now``, in ``grace`` seconds.

        Raises:
            CorruptPack: a pack's index is damaged.
        """
        self._context = context
        self._objects = os.path.join(context.folder, "objects")
        self._alive = frozenset(reach.git)
        self._packs = packs.survey(self._objects)
        self._home = {
            id_: number
            for number, pack in sorted(enumerate(self._packs), key=lambda one: one[1].guarded)
            for id_ in pack.ids
            if id_ in self._alive
        }
        self.plan = self._decide(reach, before, now, grace)

    def carry_out(self) -> int | None:
        """Do what ``plan`` says; the bytes of the new pack, if there was need for one.

        Raises:
            IntegrityError: an object can't be read back from the new pack; nothing was removed.
            StorageError
        """
        plan, disk = self.plan, self._context.disk
        doomed = set(plan.doomed)
        size = None
        if plan.packed or plan.absorbed:
            gathered = dict.fromkeys(map(bytes.fromhex, plan.packed))
            for number, pack in enumerate(self._packs):
                if pack.name in plan.absorbed:
                    gathered |= dict.fromkeys(i for i in pack.ids if self._home.get(i) == number)
            name, size = packs.publish(self._context.folder, gathered, disk)
            doomed.discard(name)
        for id_ in (*plan.packed, *plan.garbage):
            # Its folder stays: the next commit is spared the making, and syncing, of a new one.
            disk.remove(os.path.join(self._objects, id_[:2], id_[2:]))
        if plan.objects or doomed:
            packs.forget_derived(self._objects, disk)
        packs.remove(self._objects, doomed, disk)
        return size

    def _decide(self, reach: Reach, before: float, now: float, grace: float) -> Plan:
        loose = list(_loose(self._objects))
        packed = [one for one in loose if bytes.fromhex(one.id) in self._alive]
        absorbed = self._absorbed(len(packed), before)
        left = dict(self._left(absorbed))
        doomed = {n for n, since in left.items() if since <= before}
        waiting = {n: min(since, now) for n, since in left.items() if n not in doomed}
        # Whatever stays visible must stay whole: somebody may name it again.
        young = (
            one.id for one in loose if one.time > before and bytes.fromhex(one.id) not in reach.git
        )
        reach.follow(young, strict=False)
        for number, pack in enumerate(self._packs):
            if number not in doomed:
                reach.follow((id_.hex() for id_ in pack.ids if id_ not in reach.git), strict=False)
        garbage = [
            one for one in loose if one.time <= before and bytes.fromhex(one.id) not in reach.git
        ]
        lost = {id_ for n in doomed for id_ in self._packs[n].ids if id_ not in reach.git}
        lost.update(bytes.fromhex(one.id) for one in garbage)
        return Plan(
            packed=tuple(one.id for one in packed),
            garbage=tuple(one.id for one in garbage),
            absorbed=frozenset(self._packs[n].name for n in absorbed),
            doomed=frozenset(self._packs[n].name for n in doomed),
            replaced=sum(one.size for one in packed) + sum(self._packs[n].size for n in doomed),
            freed=sum(one.size for one in garbage),
            objects=len(lost),
            waiting=sum(self._packs[n].size for n in waiting),
            until=max(waiting.values(), default=0.0) + grace,
        )

    def _absorbed(self, total: int, before: float) -> set[int]:
        """The packs that the new one takes in, if there are ``total`` objects for it already."""
        alive = [0] * len(self._packs)
        for number in self._home.values():
            alive[number] += 1
        free = [n for n, pack in enumerate(self._packs) if alive[n] and not pack.guarded]
        chosen = {n for n in free if self._packs[n].time <= before and self._has_garbage(n)}
        total += sum(alive[n] for n in chosen)
        for number in sorted(free, key=alive.__getitem__):
            if number not in chosen and alive[number] <= 2 * total:
                chosen.add(number)
                total += alive[number]
        return chosen

    def _has_garbage(self, number: int) -> bool:
        return not self._alive.issuperset(self._packs[number].ids)

    def _left(self, absorbed: set[int]) -> Iterator[tuple[int, float]]:
        """Packs that are left over once the new one is there, and since when."""
        heirs = self._heirs()
        used = set(self._home.values()) - absorbed
        for number, pack in enumerate(self._packs):
            if number in absorbed:
                yield number, math.inf
            elif number not in used and not pack.guarded:
                heir = heirs.get(number)
                yield number, pack.time if heir is None else max(pack.time, self._packs[heir].time)

    def _heirs(self) -> dict[int, int]:
        """For each pack the youngest of the packs that hold the next copies of its objects."""
        copies: dict[bytes, list[int]] = {}
        for number, pack in enumerate(self._packs):
            for id_ in pack.ids:
                if self._home.get(id_, number) != number:
                    copies.setdefault(id_, [self._home[id_]]).append(number)
        heirs: dict[int, int] = {}
        for numbers in copies.values():
            for older, younger in pairwise(sorted(numbers)):
                heirs[older] = max(heirs.get(older, -1), younger)
        return heirs


def _loose(objects: str) -> Iterator[_Loose]:
    for folder in sorted(filter(_FOLDER.fullmatch, os.listdir(objects))):
        with os.scandir(os.path.join(objects, folder)) as entries:
            for entry in entries:
                if _REST.fullmatch(entry.name):
                    status = entry.stat(follow_symlinks=False)
                    yield _Loose(folder + entry.name, status.st_size, status.st_mtime)
