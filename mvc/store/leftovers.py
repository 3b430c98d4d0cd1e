"""What lies in the store's folders and is neither a pack nor an index, or not as it should be, harmlessly."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mvc.store import index, pack
from mvc.store.catalog import Catalog

INCOMING = "incoming"


def leftovers(root: str, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Path and explanation of each."""
    packs = catalog.packs()
    for name in _files(catalog.packs_folder):
        if name.removesuffix(pack.SUFFIX) not in packs:
            yield os.path.join(catalog.packs_folder, name), "is no pack; nothing reads it"
    for name in _files(catalog.index_folder):
        if not name.endswith(index.SUFFIX):
            yield os.path.join(catalog.index_folder, name), "is no index; nothing reads it"
    for name in _files(os.path.join(root, INCOMING)):
        yield (
            os.path.join(root, INCOMING, name),
            "was being written by a command that runs, or was killed; the next one clears it",
        )
    covered = {name for one in catalog.indexes() if one.name for name in one.packs}
    for name in sorted(packs - covered):
        path = os.path.join(catalog.packs_folder, name + pack.SUFFIX)
        yield path, "has no index: reading it takes longer to begin"


def _files(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
