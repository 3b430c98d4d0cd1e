"""What each object takes: raw, by itself, and as it is stored.

Only headers and indexes are read. What a difference would take by itself is nowhere written; it is taken to
come to the share of its raw bytes that the whole object below it came to, as versions of a tensor look alike.
"""

from __future__ import annotations

from typing import NamedTuple

from mvc.store.catalog import Catalog
from mvc.store.census import Census, deltas, records


class Size(NamedTuple):
    """Bytes: ``raw``, ``alone`` (an estimate for a difference), and ``stored`` with all headers; and the
    ``base`` of a difference."""

    raw: int
    alone: int
    stored: int
    base: bytes | None = None


NOTHING = Size(0, 0, 0)


def sizes(catalog: Catalog) -> dict[bytes, Size]:
    """Every object, in the home that it has when all are alive.

    Raises:
        MissingObject, CorruptPack: a base is gone, or the header of a difference is damaged.
    """
    catalog.refresh()
    digests = {record.digest for _, record in records(catalog)}
    census = Census(catalog, digests, deltas(catalog))
    found = {}
    for digest in digests:
        home, root = census.copy(digest), digest
        while (base := census.base(root)) is not None:
            root = base
        whole = census.copy(root)
        assert home is not None and whole is not None
        alone = home.stored
        if root != digest and whole.length:
            alone = max(alone, home.length * whole.stored // whole.length)
        found[digest] = Size(home.length, alone, home.stored, census.base(digest))
    return found
