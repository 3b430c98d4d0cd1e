"""Everything that a set of roots reaches: Git objects, and through manifests the objects of the store.

Memory grows with the number of objects, about 100 bytes each, never with their sizes. Nothing is visited
twice, but what is first reached without its weights and then with them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from mvc.errors import MvcError
from mvc.history.context import Context
from mvc.history.expired import weights
from mvc.history.git import Git
from mvc.history.gitobjects import TREE_MODE
from mvc.history.manifest import Manifest, is_manifest

#: A submodule: its commit belongs to another repository.
_LINK_MODE = 0o160000


#: How a step came to where it is: as a root, from something else, or from a commit whose weights have expired.
ROOT, PASSED, LIGHT = range(3)
#: An id, its kind where that is known, and how it was come to.
_Step = tuple[str, str | None, int]


class Reach:
    """``git`` and ``store``: ids, as bytes, of what was reached so far."""

    def __init__(
        self, context: Context, ends: Collection[str], expired: Collection[str] = ()
    ) -> None:
        """``ends`` are the commits whose parents are not followed; ``expired`` those whose weights count only
        where something names the commit itself."""
        self._context = context
        self._git: Git = context.git
        self._ends = ends
        self._expired = expired
        self.git: set[bytes] = set()
        self.store: set[bytes] = set()
        #: What was reached with the weights below it: all, where nothing has expired.
        self._whole = set[bytes]() if expired else self.git

    def follow(
        self, ids: Iterable[str], *, strict: bool = True, spared: Collection[str] = ()
    ) -> None:
        """Reach all that ``ids`` do, and they themselves. Unless ``strict``, what can't be read ends there.
        Of ``spared`` ids the weights don't count, if they have expired.

        Raises:
            MissingObject, CorruptPack: of something that is reached, with ``strict``.
        """
        waiting: list[_Step] = [(id_, None, ROOT) for id_ in ids]
        while waiting:
            id_, kind, how = waiting.pop()
            raw = bytes.fromhex(id_)
            if id_ in self._expired and (how == PASSED or id_ in spared):
                how = LIGHT
            if raw in (self.git if how == LIGHT else self._whole):
                continue
            try:
                waiting += self._links(id_, kind or self._git.kind(id_), how)
            except MvcError:
                if strict:
                    raise
                continue
            self.git.add(raw)
            if how != LIGHT:
                self._whole.add(raw)

    def forgive(self, commits: Iterable[str]) -> None:
        """Let what is in no pack any more not count: ``commits`` are those whose weights have gone."""
        store = self._context.store
        for commit in commits:
            if bytes.fromhex(commit) not in self.git:
                continue
            for id_ in weights(self._context, commit):
                if bytes.fromhex(id_) in self.store and id_ not in store:
                    self.store.discard(bytes.fromhex(id_))

    def _links(self, id_: str, kind: str, how: int) -> list[_Step]:
        below = LIGHT if how == LIGHT else PASSED
        if kind == "commit":
            commit = self._git.commit(id_)
            parents = () if id_ in self._ends else commit.parents
            return [
                (commit.tree, "tree", below),
                *((parent, "commit", PASSED) for parent in parents),
            ]
        if kind == "tree":
            return [
                (entry, "tree" if mode == TREE_MODE else "blob", below)
                for mode, entry in self._git.folder(id_).values()
                if mode != _LINK_MODE
            ]
        if kind == "tag":
            return [(self._git.tag_target(id_), None, how)]
        data = self._git.blob(id_) if how != LIGHT else b""
        if is_manifest(data):
            self.store.update(map(bytes.fromhex, Manifest.decode(data).object_ids()))
        return []
