"""Many objects to many places, on all cores: what checkout spends its time in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mvc import limits
from mvc.ids import ObjectId
from mvc.store import reading, workers
from mvc.store.bases import Bases
from mvc.store.catalog import Catalog, Location

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

        file = catalog.holder(place)
        for _ in reading.windows(file, place, ids[place], memory, bases, emit):
            pass

    def work(group: list[Location]) -> None:
        run, scratch = _lane.enter(catalog.holder(group[0]), group)
        for place in group:
            positions = wanted[ids[place]]
            for view, offset in reading.serial(run, place, ids[place], scratch, bases):
                for position in positions:
                    write_at(view, position + offset)

    for _ in workers.run(work, reading.neighbours(ids.keys() - set(large))):
        pass
