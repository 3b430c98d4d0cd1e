"""``du``: where the space is, and what was saved by storing things once, coded, and as differences.

Four sums tell of a set of file versions: ``logical``, every version as a file of its own; ``unique``, every
object once; ``alone``, each coded by itself; ``stored``, as it lies in the packs. Small texts, which are Git's,
are not counted in them. Nothing is decoded: what is read are manifests, indexes and headers.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase
from typing import Literal

from mvc.errors import UsageError
from mvc.formats.sharded import models
from mvc.history import log, revisions
from mvc.history.context import Context
from mvc.history.manifest import Manifest, is_manifest
from mvc.history.refs import BRANCHES, TAGS
from mvc.ids import BlobId, CommitId
from mvc.paths import DOT
from mvc.store.sizing import NOTHING, Size
from mvc.values import dataclass

By = Literal["branch", "commit", "model", "tensor"]
KINDS: tuple[By, ...] = ("branch", "commit", "model", "tensor")

#: A version of a file.
_Version = tuple[str, BlobId]
#: Rows by their numbers; consecutive commits share theirs.
_Rows = frozenset[int]

#: What of a file belongs to no tensor.
REST = "(header and the like)"


@dataclass(slots=True)
class Space:
    """Bytes of some file versions; see the module."""

    versions: int = 0
    objects: int = 0
    logical: int = 0
    unique: int = 0
    alone: int = 0
    stored: int = 0

    def take(self, size: Size) -> None:
        """Count an object that was not counted before."""
        self.objects += 1
        self.unique += size.raw
        self.alone += size.alone
        self.stored += size.stored


@dataclass(frozen=True, slots=True)
class Row:
    """``own``: stored bytes that no other row needs. ``commit`` is the id, in rows of commits."""

    name: str
    space: Space
    own: int
    commit: CommitId | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """``rows``, the largest first, and what all take together.

    The space of a commit is what it added to those before it; of anything else, all that it needs. ``bases``:
    stored bytes of what is not asked for, but what that stands on; ``unreached``: of what it does not need at
    all. ``files``: bytes on disk below ``.mvc``, by kind: ``packs``, ``indexes``, ``git``, ``other``.
    """

    by: By
    total: Space
    rows: tuple[Row, ...]
    bases: int
    unreached: int
    files: Mapping[str, int]


def usage(
    context: Context,
    revisions_: Sequence[str] = (),
    *,
    paths: Sequence[str] = (),
    tensors: Sequence[str] = (),
    by: By = "branch",
) -> Usage:
    """What is stored for ``revisions_`` (all branches and tags), limited to ``paths`` and tensor globs.

    Raises:
        UsageError: a revision is none, or ``by`` is no kind of row.
        IntegrityError: history, or an index, can't be read.
    """
    if by not in KINDS:
        raise UsageError(f"unknown kind of row '{by}'", hint=f"one of {', '.join(KINDS)}")
    count = _Count(context, paths, tensors, by)
    count.walk(revisions_)
    return count.result()


@dataclass(slots=True)
class _Count:
    context: Context
    paths: Sequence[str]
    globs: Sequence[str]
    by: By
    names: list[str] = field(default_factory=list)
    #: For each version the rows that have it, and, for rows of commits, the first of them.
    versions: dict[_Version, _Rows] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)

    def walk(self, asked: Sequence[str]) -> None:
        """Find all versions, and which rows have them."""
        ends, range_ = self._ends(asked)
        git = self.context.git
        having: dict[str, _Rows] = defaultdict(frozenset)
        for number, (_, id_) in enumerate(ends):
            having[id_] |= {number}
        known: dict[_Rows, _Rows] = {}
        order = list(git.walk(range_.include, range_.exclude, topological=True))
        if self.by == "commit":
            self.names = list(order[::-1])
        elif self.by == "branch":
            self.names = [name for name, _ in ends]
        commits = {id_: number for number, id_ in enumerate(self.names)}
        for id_ in order:
            commit = git.commit(id_)
            rows = having.pop(id_, frozenset())
            rows = known.setdefault(rows, rows)
            for parent in commit.parents:
                having[parent] |= rows
            mine = frozenset([commits[id_]]) if self.by == "commit" else rows
            for version in self._versions(commit.tree):
                both = self.versions.get(version, mine)
                if both is not mine:
                    # Of commits only "one" or "several" matters, and which was first.
                    both = frozenset([max(both), *mine]) if self.by == "commit" else both | mine
                self.versions[version] = known.setdefault(both, both)
        if self.by == "model":
            self._group(range_)

    def result(self) -> Usage:
        """Add everything up."""
        sizes = self.context.store.sizes()
        total, seen = Space(), set[bytes]()
        spaces: dict[int, Space] = defaultdict(Space)
        owners: dict[bytes, _Rows] = {}
        numbers = {name: number for number, name in enumerate(self.names)}
        first_of_commits = self.by == "commit"
        decoded: dict[BlobId, list[tuple[str, bytes]]] = {}
        for (path, blob), version_rows in self.versions.items():
            parts = decoded.get(blob)
            if parts is None:
                parts = decoded[blob] = list(_parts(self.context, blob, self.globs))
            if not parts:
                continue
            rows = version_rows
            if self.by == "model":
                number = numbers.setdefault(self.models.get(path, path), len(numbers))
                rows = frozenset([number])
            total.versions += 1
            for row in (min(rows),) if first_of_commits else rows:
                spaces[row].versions += self.by != "tensor"
            for name, digest in parts:
                if self.by == "tensor":
                    rows = frozenset([numbers.setdefault(name, len(numbers))])
                size = sizes.get(digest, NOTHING)
                total.logical += size.raw
                for row in (min(rows),) if first_of_commits else rows:
                    spaces[row].logical += size.raw
                    spaces[row].versions += self.by == "tensor"
                if digest not in seen:
                    seen.add(digest)
                    total.take(size)
                    owners[digest] = rows
                elif owners[digest] is not rows:
                    owners[digest] |= rows
        own: dict[int, int] = defaultdict(int)
        for digest, rows in owners.items():
            size = sizes.get(digest, NOTHING)
            for row in (min(rows),) if first_of_commits else rows:
                spaces[row].take(size)
            if len(rows) == 1:
                own[min(rows)] += size.stored
        names = list(numbers)
        found = [
            Row(
                name=names[number],
                space=spaces[number],
                own=own[number],
                commit=CommitId(names[number]) if first_of_commits else None,
            )
            for number in range(len(names))
            if number in spaces or self.by == "branch"
        ]
        bases = sum(sizes[digest].stored for digest in _below(seen, sizes))
        everything = sum(size.stored for size in sizes.values())
        return Usage(
            by=self.by,
            total=total,
            rows=tuple(sorted(found, key=lambda row: (-row.space.stored, row.name))),
            bases=bases,
            unreached=everything - total.stored - bases,
            files=files(self.context.folder),
        )

    def _ends(self, asked: Sequence[str]) -> tuple[list[tuple[str, CommitId]], revisions.Range]:
        """The rows of branches, and what to walk. A tag is a row where no branch leads to it."""
        if asked:
            range_ = revisions.parse_range(self.context, asked)
            texts = [text for text in asked if not text.startswith("^")]
            return list(zip(texts, range_.include, strict=False)), range_
        refs = self.context.refs
        found = [
            (name.removeprefix(BRANCHES), CommitId(id_))
            for name, id_ in refs.list(BRANCHES).items()
        ]
        head = refs.head()
        if head is not None and refs.branch() is None:
            found.append(("HEAD", CommitId(head)))
        git = self.context.git
        reached = set(git.walk([id_ for _, id_ in found])) if found else set()
        for name in refs.list(TAGS):
            commit = revisions.try_resolve(self.context, name)
            if commit is not None and commit not in reached:
                found.append((f"tag {name.removeprefix(TAGS)}", commit))
        return found, revisions.Range(tuple(id_ for _, id_ in found))

    def _versions(self, tree: str) -> Iterator[_Version]:
        for path, (_, blob) in self.context.git.files(tree).items():
            if path.split("/")[0] != DOT and (not self.paths or log.matches(path, self.paths)):
                yield path, blob

    def _group(self, range_: revisions.Range) -> None:
        """Call the shards of a model by its name, as the ends have it."""
        for id_ in range_.include[::-1]:
            snapshot = log.snapshot(self.context, id_)
            for model in models(snapshot, snapshot.blob):
                self.models |= dict.fromkeys(model.files, model.name)


def _below(digests: Collection[bytes], sizes: Mapping[bytes, Size]) -> set[bytes]:
    """What ``digests`` stand on, directly or not, and are not themselves."""
    found: set[bytes] = set()
    for digest in digests:
        base = sizes.get(digest, NOTHING).base
        while base is not None and base not in found:
            if base not in digests:
                found.add(base)
            base = sizes[base].base
    return found


def _parts(context: Context, blob: BlobId, globs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Each object of a file, as often as the file has it, with the name of what it is."""
    data = context.git.blob(blob)
    if not is_manifest(data):
        return
    manifest = Manifest.decode(data)
    names: dict[str, str] = {}
    for entry in manifest.tensors:
        if not globs or any(fnmatchcase(entry.name, glob) for glob in globs):
            if entry.storage is None:
                yield entry.name, bytes.fromhex(entry.id)
            else:
                names.setdefault(entry.storage, entry.name)
    for conflict in manifest.conflicts:
        if not globs or any(fnmatchcase(conflict.name, glob) for glob in globs):
            ids = {side.id for side in conflict.sides if side is not None}
            yield from ((conflict.name, bytes.fromhex(id_)) for id_ in sorted(ids))
    for storage in manifest.storages:
        if storage.key in names or not globs:
            yield names.get(storage.key, REST), bytes.fromhex(storage.id)
    if not globs:
        for id_ in (manifest.content, manifest.skeleton):
            if id_ is not None:
                yield REST, bytes.fromhex(id_)


def files(folder: str) -> dict[str, int]:
    """Bytes of the files below ``.mvc``, by kind."""
    found = {"packs": 0, "indexes": 0, "git": 0, "other": 0}
    for place, _, names in os.walk(folder):
        inside = os.path.relpath(place, folder).replace(os.sep, "/")
        kind = {"store/packs": "packs", "store/index": "indexes"}.get(inside)
        if kind is None:
            kind = "git" if inside.split("/")[0] in ("objects", "refs", "logs") else "other"
        found[kind] += sum(_size(os.path.join(place, name)) for name in names)
    return found


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:  # gone meanwhile
        return 0
