"""Many objects to many places, on all cores: what checkout spends its time in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mvc import limits
from mvc.ids import ObjectId
from mvc.store import reading, workers
from mvc.store.bases import Bases
from mvc.store.catalog import Catalog, Location
from mvc.store.packfile import PackFile

#: Takes bytes and the position where they belong; called from several threads.
WriteAt = Callable[[memoryview, int], None]

_lane = reading.Lane()


def extract(catalog: Catalog, items: Sequence[tuple[ObjectId, int]], write_at: WriteAt) -> None:
    """See ``Store.extract``.

    An object of up to a window is one worker's affair from end to end, so that a frame is decoded,
    hashed and written while it is in the cache; a larger one is decoded by all workers.
    """
    wanted: dict[ObjectId, list[int]] = {}
    for object_id, position in items:
        wanted.setdefault(object_id, []).append(position)
    bases = Bases(catalog)
    ids = {catalog.place(object_id): object_id for object_id in wanted}
    large = [place for place in ids if place.length > limits.WINDOW]
    memory = reading.memory_for(limits.WINDOW)
    for place in large:
        positions = wanted[ids[place]]

        def emit(view: memoryview, offset: int, positions: list[int] = positions) -> None:
            for position in positions:
                write_at(view, position + offset)

        file, now = _reach(catalog, place, ids[place])
        for _ in reading.windows(file, now, ids[place], memory, bases, emit):
            pass

    def work(group: list[Location]) -> None:
        try:
            file = catalog.pack(group[0].pack)
        except FileNotFoundError:
            # gc has removed it since it was looked up; what it held lies in others, maybe in several.
            for place in group:
                file, now = catalog.reach(ids[place])
                one(file, [now], [ids[place]])
        else:
            one(file, group, [ids[place] for place in group])

    def one(file: PackFile, group: Sequence[Location], names: Sequence[ObjectId]) -> None:
        run, scratch = _lane.enter(file, group)
        for place, name in zip(group, names, strict=True):
            for view, offset in reading.serial(run, place, name, scratch, bases):
                for position in wanted[name]:
                    write_at(view, position + offset)

    def first(group: list[Location]) -> int:
        return min(position for place in group for position in wanted[ids[place]])

    # In the order of the target, whatever packs they lie in: what it holds of it half done stays little.
    for _ in workers.run(work, sorted(reading.neighbours(ids.keys() - set(large)), key=first)):
        pass


def _reach(catalog: Catalog, place: Location, id_: ObjectId) -> tuple[PackFile, Location]:
    try:
        return catalog.pack(place.pack), place
    except FileNotFoundError:
        return catalog.reach(id_)
