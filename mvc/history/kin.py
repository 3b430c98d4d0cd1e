"""Earlier versions of a tensor: what a new one may be stored as the difference to.

The likeliest come first: the same name in the same file of the last commits, in the order in which they came,
the other side of a merge among them; for a file that is new, the same name in any other file of HEAD, such as
the base that a fine-tune was copied from, or the shards of a model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from mvc.errors import IntegrityError
from mvc.history.context import Context
from mvc.history.expired import GONE, read
from mvc.history.manifest import Manifest, is_manifest
from mvc.history.transaction import head_snapshot
from mvc.history.unfinished import read_unfinished
from mvc.ids import BlobId, CommitId
from mvc.store.source import Candidate

#: Commits looked at, and different versions of a file that are candidates.
_COMMITS = 12
_VERSIONS = 3

#: By a storage's key, or a tensor's name.
Objects = Mapping[str, Candidate]


class Kin:
    """Reads what it needs when it is first asked."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_path: dict[str, list[Objects]] = {}
        self._decoded: dict[str, Objects] = {}

    def of(self, path: str, key: str, dtype: str | None) -> Sequence[Candidate]:
        """Objects that what lies under ``key`` in the file ``path`` may resemble.

        Where the history is damaged there are none: a file can be stored without, and may be the cure.
        """
        try:
            if path not in self._by_path:
                self._by_path[path] = [self._objects(blob) for blob in self._versions(path)]
            versions = self._by_path[path] or self._others
        except IntegrityError:
            return ()
        found = dict.fromkeys(version[key] for version in versions if key in version)
        return sorted(found, key=lambda one: one.dtype != dtype)[:_VERSIONS]

    def _versions(self, path: str) -> list[BlobId]:
        """Different blobs at ``path``, the latest first."""
        found: dict[BlobId, None] = {}
        for tree in self._trees:
            entry = self._context.git.entry(tree, path)
            if entry is not None:
                found[BlobId(entry[1])] = None
            if len(found) == _VERSIONS:
                break
        return list(found)

    @cached_property
    def _trees(self) -> list[str]:
        """Trees of the last commits, breadth first from HEAD and from what is being merged."""
        waiting = read_unfinished(self._context)
        head = self._context.refs.head()
        ends = [head, waiting.theirs if waiting else None]
        queue = deque(CommitId(end) for end in ends if end)
        gone = read(self._context, GONE)  # what they name is missed without an error
        trees: dict[CommitId, str] = {}
        while queue and len(trees) < _COMMITS:
            id_ = queue.popleft()
            if id_ not in trees:
                commit = self._context.git.commit(id_)
                if id_ not in gone:
                    trees[id_] = commit.tree
                queue.extend(commit.parents)
        return list(trees.values())

    @cached_property
    def _others(self) -> list[Objects]:
        """All models of HEAD."""
        head = head_snapshot(self._context)
        return [self._objects(blob) for blob in dict.fromkeys(blob for _, blob in head.values())]

    def _objects(self, blob: BlobId) -> Objects:
        if blob not in self._decoded:
            data = self._context.git.blob(blob)
            manifest = Manifest.decode(data) if is_manifest(data) else None
            self._decoded[blob] = dict(_objects(manifest)) if manifest else {}
        return self._decoded[blob]


def _objects(manifest: Manifest) -> Iterator[tuple[str, Candidate]]:
    dtypes: dict[str, str | None] = {}
    for entry in manifest.tensors:
        if entry.storage is None:
            yield entry.name, Candidate(entry.id, entry.dtype)
        else:
            known = dtypes.setdefault(entry.storage, entry.dtype)
            dtypes[entry.storage] = known if known == entry.dtype else None
    for storage in manifest.storages:
        yield storage.key, Candidate(storage.id, dtypes.get(storage.key))
