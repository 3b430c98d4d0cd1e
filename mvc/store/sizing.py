"""What each object takes: raw, by itself, and as it is stored.

Only headers and indexes are read. What a difference would take by itself is nowhere written; it is taken to
come to the share of its raw bytes that the whole object below it came to, as versions of a tensor look alike.
"""

from __future__ import annotations

from typing import NamedTuple

from mvc.store.catalog import Catalog
from mvc.store.census import deltas, records


class Size(NamedTuple):
    """Bytes: ``raw``, ``alone`` (an estimate for a difference), and ``stored`` with all headers."""

    raw: int
    alone: int
    stored: int


NOTHING = Size(0, 0, 0)


def sizes(catalog: Catalog) -> dict[bytes, Size]:
    """Every object; of several copies the smallest.

    Raises:
        CorruptPack: the header of a difference is damaged.
    """
    catalog.refresh()
    bases = {(one.digest, one.pack): one.base for one in deltas(catalog)}
    homes: dict[bytes, tuple[int, int, str]] = {}
    for name, record in records(catalog):
        found = (record.stored, record.length, name)
        if record.digest not in homes or found < homes[record.digest]:
            homes[record.digest] = found

    def alone(digest: bytes) -> int:
        stored, raw, _ = homes[digest]
        root, seen = digest, {digest}
        while (base := bases.get((root, homes[root][2]))) in homes and base not in seen:
            root = base
            seen.add(base)
        under, whole, _ = homes[root]
        return stored if root == digest or not whole else max(stored, raw * under // whole)

    return {digest: Size(raw, alone(digest), stored) for digest, (stored, raw, _) in homes.items()}
