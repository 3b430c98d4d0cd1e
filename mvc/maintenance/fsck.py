"""``fsck``: is everything that a ref can reach there, and is it what it says it is?

Without ``full``: the Git side, every manifest, the presence and declared length of every object, and a
checksum of all stored bytes. With ``full`` also every frame is decoded and every object hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mvc.errors import MvcError
from mvc.formats.skeleton import Skeleton
from mvc.history import merkle
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.manifest import Manifest, is_manifest
from mvc.history.record import PATH, Record, trailer
from mvc.history.refs import BRANCHES, STAGE, TAGS, UNFINISHED
from mvc.ids import BlobId, CommitId, ObjectId
from mvc.paths import DOT, problem

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: ``where`` (a ref, commit, path, pack), and what."""

    where: str
    message: str


def fsck(context: Context, *, full: bool, progress: Progress | None) -> Iterator[Finding]:
    """Everything that is wrong with the repository; nothing when it is whole."""
    checker = _Checker(context)
    for name, id_ in _roots(context):
        yield from checker.root(name, id_)
    for found in context.store.check(full):
        where = f"pack {found.pack}" + (f", object {found.object_id}" if found.object_id else "")
        yield Finding(where, found.message)


def _roots(context: Context) -> Iterator[tuple[str, str]]:
    head = context.refs.head()
    if head is not None:
        yield "HEAD", head
    yield from context.refs.list("refs/").items()


class _Checker:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._commits: set[str] = set()
        self._blobs: dict[BlobId, ObjectId | None] = {}

    def root(self, name: str, id_: str) -> Iterator[Finding]:
        git = self._context.git
        try:
            if name == STAGE:
                yield from self._tree(f"the stage ({name})", id_)
                return
            if git.kind(id_) == "tag":
                id_ = git.tag_target(id_)
            if not name.startswith((BRANCHES, TAGS, "refs/mvc/")) and name != "HEAD":
                return
            internal = name.startswith("refs/mvc/") or name == UNFINISHED
            yield from self._walk(name, CommitId(id_), internal)
        except MvcError as error:
            yield Finding(name, error.message)

    def _walk(self, name: str, start: CommitId, internal: bool) -> Iterator[Finding]:
        waiting = [start]
        while waiting:
            id_ = waiting.pop()
            if id_ in self._commits:
                continue
            self._commits.add(id_)
            try:
                commit = self._context.git.commit(id_)
                waiting += commit.parents
                yield from self._commit(commit, internal)
            except MvcError as error:
                yield Finding(f"commit {id_} (reached from {name})", error.message)

    def _commit(self, commit: Commit, internal: bool) -> Iterator[Finding]:
        where = f"commit {commit.id}"
        files = self._context.git.files(commit.tree)
        yield from self._tree(where, commit.tree)
        record_entry = files.get(PATH)
        if record_entry is None:
            return  # an operation, or a commit that another tool made
        record = Record.decode(self._context.git.blob(record_entry[1]))
        roots = [(p, r) for p, (_, b) in files.items() if (r := self._blobs.get(b)) is not None]
        root = merkle.commit_root(roots)
        if root != record.result:
            yield Finding(where, f"its weights hash to {root}, its record says {record.result}")
        if trailer(commit.message) != record.result:
            yield Finding(where, "its message does not carry the Merkle root of its record")

    def _tree(self, where: str, tree: str) -> Iterator[Finding]:
        for path, (mode, blob) in self._context.git.files(tree).items():
            if path.split("/")[0] == DOT:
                continue
            reason = problem(path)
            if reason:
                yield Finding(where, f"the path {path!r} {reason}")
            if mode not in (0o100644, 0o100755):
                yield Finding(where, f"{path} has the mode {mode:o}")
            if blob not in self._blobs:
                self._blobs[blob] = None
                yield from self._blob(f"{where}, {path}", blob)

    def _blob(self, where: str, blob: BlobId) -> Iterator[Finding]:
        try:
            data = self._context.git.blob(blob)
            if not is_manifest(data):
                return
            manifest = Manifest.decode(data)
            self._blobs[blob] = merkle.file_root(manifest)
            yield from self._manifest(where, manifest)
        except MvcError as error:
            yield Finding(where, error.message)

    def _manifest(self, where: str, manifest: Manifest) -> Iterator[Finding]:
        store = self._context.store
        missing = [id_ for id_ in dict.fromkeys(manifest.object_ids()) if id_ not in store]
        for id_ in missing:
            yield Finding(where, f"the object {id_} is missing")
        if missing or manifest.skeleton is None:
            return
        skeleton = Skeleton.decode(store.read(manifest.skeleton))
        ids = manifest.span_ids()
        if skeleton.size != manifest.size:
            yield Finding(where, f"its skeleton is of a file of {skeleton.size} bytes")
        for span in skeleton.spans:
            held = ids.get(span.key)
            if held is None or store.length(held) != span.length:
                yield Finding(where, f"the span {span.key!r} has no object of {span.length} bytes")
