"""What garbage collection does to packs: gathers what is alive into fewer, and removes those left over.

A pack never changes. One that holds too much garbage, or is one of many small ones, is copied, as far as it
is alive, into one new pack. A pack that is left over is removed once its heir has stood for the grace period,
so that no reader who knew the old place loses it. What stays meanwhile stays whole: it may need the copy of a
base that is less deep than the base's home.

Here it is decided; ``gathering`` carries it out. The caller holds every writer off.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from mvc.errors import MissingObject
from mvc.limits import MIB
from mvc.store.catalog import Catalog
from mvc.store.census import FRAME, Census, Delta, deltas, records
from mvc.store.gathering import Gathering, Progress, index_groups
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.store.fs import Disk

#: Packs with less alive in them than this are small. A larger one is only copied when it holds garbage: its
#: size would be taken twice for the length of the grace period, and opening a pack is cheap.
SMALL = 32 * MIB
#: Small packs that are left alone for the same reason; more are gathered. Git is as patient with its own.
FEW = 50
#: Share of a pack that may be garbage before it is copied: what goes is then a third of what is copied.
GARBAGE = 0.25
#: The same where density is asked for.
_LITTLE = 0.02


@dataclass(frozen=True, slots=True)
class Plan:
    """``gathered`` packs are copied as far as they are alive, ``doomed`` ones removed, ``indexes`` merged.

    ``written`` are the bytes of the new pack, ``freed`` those of the doomed ones. ``objects`` are in no pack
    any more afterwards. ``waiting`` bytes lie in packs that are left over and may go at ``until`` (seconds
    since 1970).
    """

    gathered: frozenset[str]
    doomed: frozenset[str]
    indexes: int
    written: int
    freed: int
    objects: int
    waiting: int
    until: float


class Compaction:
    """One look at all packs, and what to do about them."""

    def __init__(
        self,
        root: str,
        disk: Disk,
        catalog: Catalog,
        alive: set[bytes],
        *,
        before: float,
        now: float,
        grace: float,
        dense: bool = False,
    ) -> None:
        """``alive`` are ids; what they stand on lives with them. What was left over ``before`` that time may
        go at once; what is left over ``now`` may go ``grace`` seconds later. ``dense``: packs that hold little
        garbage, or are young, are gathered too.

        Raises:
            MissingObject: something alive is in no pack.
            CorruptPack: an index or a pack can't be read, so that nothing is certain.
        """
        self._incoming = os.path.join(root, "incoming")
        self._disk = disk
        self._catalog = catalog
        catalog.refresh()
        for error in catalog.damaged():
            raise error
        self._garbage = _LITTLE if dense else GARBAGE
        self._dense = dense
        self._held: set[str] = set()
        standing = deltas(catalog)
        demands: dict[bytes, int] = {}
        while True:
            self._census = Census(catalog, alive, standing, demands)
            self.plan = self._decide(before, now, grace)
            if not self._unsupported(standing, demands):
                break

    def carry_out(self, progress: Progress | None = None) -> None:
        """Do what ``plan`` says.

        Raises:
            CorruptPack: what is to be kept is damaged; no pack was removed.
            StorageError
        """
        where = self._incoming, self._disk, self._catalog
        plan = self.plan.gathered, self.plan.doomed, self.plan.written
        Gathering(*where, self._census, *plan).carry_out(progress)

    def _unsupported(self, standing: list[Delta], demands: dict[bytes, int]) -> bool:
        """Whether something that stays would lose what it stands on, garbage too; sees to it for the next try.

        A base of what is left over and waits needs no new home: its old pack is held with it.
        """
        doomed, census = self.plan.doomed, self._census
        used = {census.packs[number].name for number in census.home.values()}
        wanted: dict[bytes, int] = {}
        by_used: set[bytes] = set()
        for one in standing:
            home = census.copy(one.base)
            if one.pack not in doomed and (home is None or home.depth >= one.depth):
                wanted[one.base] = min(one.depth, wanted.get(one.base, one.depth))
                if one.pack in used and one.pack not in self.plan.gathered:
                    by_used.add(one.base)
        if not wanted:
            return False
        copies: dict[bytes, tuple[int, str]] = {}
        for name, record in records(self._catalog):
            if record.digest not in wanted:
                continue
            if name not in doomed and record.depth < wanted[record.digest]:
                wanted.pop(record.digest)
            else:
                copy = (record.depth, name)
                copies[record.digest] = min(copy, copies.get(record.digest, copy))
        for base, depth in wanted.items():
            if base in by_used:
                demands[base] = min(depth, demands.get(base, depth))
            elif base in copies:
                self._held.add(copies[base][1])
            else:
                raise MissingObject(
                    f"object {base.hex()} is in no pack; nothing was removed",
                    hint="run: mvc fsck --full",
                )
        return bool(wanted)

    def _decide(self, before: float, now: float, grace: float) -> Plan:
        packs = self._census.packs
        used = {number for number, one in enumerate(packs) if one.alive}
        gathered = {
            n
            for n in used
            if (packs[n].time <= before or self._dense)
            and packs[n].garbage > self._garbage * packs[n].size
        }
        small = {n for n in used if packs[n].stored < SMALL}
        if len(small) > (1 if before == math.inf else FEW):
            gathered |= small

        def left_since(number: int) -> float:
            one = packs[number]
            if number in gathered:
                return math.inf
            return max(one.time, packs[one.heir].time if one.heir >= 0 else 0.0)

        left = {n: left_since(n) for n in range(len(packs)) if n in gathered or n not in used}
        held = {n for n in left if packs[n].name in self._held}
        doomed = {n for n, since in left.items() if since <= before} - held
        waiting = {n: min(since, now) for n, since in left.items() if n not in doomed}
        names = frozenset(packs[n].name for n in doomed)
        return Plan(
            gathered=frozenset(packs[n].name for n in gathered),
            doomed=names,
            indexes=sum(len(group) for group in index_groups(self._catalog, names)),
            written=sum(packs[n].needed for n in gathered) + FRAME if gathered else 0,
            freed=sum(packs[n].size for n in doomed),
            objects=len(self._lost(names)),
            waiting=sum(packs[n].size for n in waiting),
            until=max(waiting.values(), default=0.0) + grace,
        )

    def lost(self) -> set[bytes]:
        """The objects that are in no pack afterwards."""
        return self._lost(self.plan.doomed)

    def _lost(self, doomed: Collection[str]) -> set[bytes]:
        """The objects that lie in no other packs than those."""
        dead = {
            record.digest
            for name, record in records(self._catalog)
            if name in doomed and record.digest not in self._census.home
        }
        for name, record in records(self._catalog) if dead else ():
            if name not in doomed:
                dead.discard(record.digest)
        return dead
