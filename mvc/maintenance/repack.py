"""``repack``: plan anew, over the whole history, which version of a tensor is stored as the difference to
which.

It finds the versions: those of a tensor's name, over all files, in the order in which they came. Which are
worth standing on which is the store's to try. Old packs stay until ``gc`` removes them, so nothing here can
lose anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field

from mvc.history import expired, revisions
from mvc.history.context import Context, writes_objects
from mvc.history.manifest import Manifest, is_manifest
from mvc.history.refs import OPERATIONS, STAGE
from mvc.ids import BlobId, CommitId
from mvc.store.repacking import Repacked
from mvc.values import dataclass

__all__ = ["Repacked", "repack"]


@writes_objects
def repack(
    context: Context,
    *,
    dry_run: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Repacked:
    """Write what had better stand on something else into a new pack; others may work meanwhile.

    Raises:
        IntegrityError: something is missing or damaged; nothing has changed.
    """
    versions = _Versions(context)
    versions.gather()
    lines = versions.lines.values()
    return context.store.repack(versions.dtypes, lines, dry_run=dry_run, progress=progress)


@dataclass(slots=True)
class _Versions:
    """``lines``: the objects of each name, oldest first; ``dtypes``: each object's."""

    context: Context
    dtypes: dict[bytes, str | None] = field(default_factory=dict)
    lines: dict[str, list[bytes]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def gather(self) -> None:
        """Look into every file of every commit that a ref reaches, and of the stage."""
        git = self.context.git
        for tree in self._trees():
            for blob in self._new_blobs(tree):
                data = git.blob(blob)
                if is_manifest(data):
                    self._take(Manifest.decode(data))

    def _trees(self) -> Iterator[str]:
        """Of commits, oldest first; then of the stage."""
        refs = self.context.refs
        names = [name for name in refs.list("refs/") if name not in (OPERATIONS, STAGE)]
        ends = {revisions.try_resolve(self.context, name) for name in [*names, "HEAD"]}
        found: list[CommitId] = sorted(end for end in ends if end is not None)
        git = self.context.git
        gone = expired.tombstones(self.context)
        for id_ in reversed(list(git.walk(found, topological=True)) if found else []):
            if id_ not in gone:
                yield git.commit(id_).tree
        stage = refs.raw(STAGE)
        if stage is not None:
            yield stage

    def _new_blobs(self, tree: str) -> Iterator[BlobId]:
        for _, blob in self.context.git.files(tree).values():
            if blob not in self._seen:
                self._seen.add(blob)
                yield blob

    def _take(self, manifest: Manifest) -> None:
        """Tensors under their names; bytes that several look into under the name of the first."""
        names: dict[str, tuple[str, str | None]] = {}
        for entry in manifest.tensors:
            if entry.storage is None:
                self._put(entry.name, bytes.fromhex(entry.id), entry.dtype)
            else:
                name, dtype = names.setdefault(entry.storage, (entry.name, entry.dtype))
                names[entry.storage] = name, dtype if dtype == entry.dtype else None
        for storage in manifest.storages:
            name, dtype = names.get(storage.key, (storage.key, None))
            self._put(name, bytes.fromhex(storage.id), dtype)
        for conflict in manifest.conflicts:
            for side in conflict.sides:
                if side is not None and side.storage is None:
                    self._put(side.name, bytes.fromhex(side.id), side.dtype)

    def _put(self, name: str, digest: bytes, dtype: str | None) -> None:
        self.dtypes.setdefault(digest, dtype)
        line = self.lines.setdefault(name, [])
        if not line or line[-1] != digest:
            line.append(digest)
