"""Everything that a set of roots reaches: Git objects, and through manifests the objects of the store.

Memory grows with the number of objects, about 100 bytes each, never with their sizes. Nothing is visited
twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from mvc.errors import MvcError
from mvc.history.context import Context
from mvc.history.git import Git
from mvc.history.gitobjects import TREE_MODE
from mvc.history.manifest import Manifest, is_manifest

#: A submodule: its commit belongs to another repository.
_LINK_MODE = 0o160000


class Reach:
    """``git`` and ``store``: ids, as bytes, of what was reached so far."""

    def __init__(self, context: Context, ends: Collection[str]) -> None:
        """``ends`` are the commits whose parents are not followed."""
        self._git: Git = context.git
        self._ends = ends
        self.git: set[bytes] = set()
        self.store: set[bytes] = set()

    def follow(self, ids: Iterable[str], *, strict: bool = True) -> None:
        """Reach all that ``ids`` do, and they themselves. Unless ``strict``, what can't be read ends there.

        Raises:
            MissingObject, CorruptPack: of something that is reached, with ``strict``.
        """
        waiting: list[tuple[str, str | None]] = [(id_, None) for id_ in ids]
        while waiting:
            id_, kind = waiting.pop()
            raw = bytes.fromhex(id_)
            if raw in self.git:
                continue
            try:
                waiting += self._links(id_, kind or self._git.kind(id_))
            except MvcError:
                if strict:
                    raise
                continue
            self.git.add(raw)

    def _links(self, id_: str, kind: str) -> list[tuple[str, str | None]]:
        if kind == "commit":
            commit = self._git.commit(id_)
            parents = () if id_ in self._ends else commit.parents
            return [(commit.tree, "tree"), *((parent, "commit") for parent in parents)]
        if kind == "tree":
            return [
                (entry, "tree" if mode == TREE_MODE else "blob")
                for mode, entry in self._git.folder(id_).values()
                if mode != _LINK_MODE
            ]
        if kind == "tag":
            return [(self._git.tag_target(id_), None)]
        data = self._git.blob(id_)
        if is_manifest(data):
            self.store.update(map(bytes.fromhex, Manifest.decode(data).object_ids()))
        return []
