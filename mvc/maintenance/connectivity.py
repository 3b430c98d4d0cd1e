"""The walk over all that refs can reach: is every commit, tree, file and tensor there, and do they agree?

Each object is visited once, HEAD and branches first, so that what is missing is named after a commit that
the user knows. What is missing or damaged is gathered as losses and told at the end, once each, with how
many files need it. Memory grows with the number of commits, folders and files, never with tensors.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import suppress

from mvc import limits
from mvc.errors import MvcError
from mvc.formats.skeleton import Skeleton
from mvc.history import merkle
from mvc.history.context import Context
from mvc.history.expired import tombstones
from mvc.history.git import Commit
from mvc.history.gitobjects import EXECUTABLE_MODE, FILE_MODE, TREE_MODE
from mvc.history.manifest import Manifest, is_manifest
from mvc.history.record import PATH, Record, trailer
from mvc.history.refs import BRANCHES, OPERATIONS, STAGE, TAGS, is_id
from mvc.ids import BlobId, CommitId, ObjectId
from mvc.maintenance.finding import Finding
from mvc.paths import DOT, problem
from mvc.values import dataclass

#: Path and Merkle root of each file below a tree that lives in the store; None when one can't be read.
_Weights = tuple[tuple[str, ObjectId], ...] | None
#: Folders whose weights are remembered: consecutive commits share most of theirs.
_MEMORY = 4096
#: Folders inside folders that are entered one by one; what lies deeper is listed at once.
_DEPTH = 100


@dataclass(slots=True)
class Loss:
    """An object that can't be read: the first commit (or ref) and path that need it, and how many do.

    ``what`` names it: a commit, a folder, a file, or a tensor of a file, with what is wrong with it.
    ``in_store``: a tensor's bytes, rather than a Git object.
    """

    id: str
    where: str
    path: str | None
    what: str
    in_store: bool
    needed: int = 1

    def finding(self) -> Finding:
        """The line for it."""
        where = self.where if self.path is None else f"{self.where}, {self.path}"
        others = f"; {self.needed - 1} more need it" if self.needed > 1 else ""
        return Finding(where, self.what + others, missing=self.id)


class Connectivity:
    """One walk. ``damaged``: ids that a check of the bytes has found to be there in name only."""

    def __init__(self, context: Context, damaged: Collection[str] = ()) -> None:
        self._context = context
        self._damaged = frozenset(damaged)
        self._commits: set[str] = set()
        self._trees: set[str] = set()
        self._weights: OrderedDict[str, _Weights] = OrderedDict()
        self._blobs: dict[BlobId, ObjectId | None] = {}
        self.losses: dict[str, Loss] = {}
        self._expired: frozenset[str] = frozenset()
        with suppress(MvcError):  # told as the fault of its ref
            self._expired = frozenset(tombstones(context))
        #: Of the expired ones the weights may be gone; they are looked at when all others are known to be
        #: whole.
        self._late: list[Commit] = []
        self._lenient = False

    def walk(self, refs: dict[str, str]) -> Iterator[Finding]:
        """Everything wrong with what ``refs`` (name → value) reach; losses come last."""
        for name, value in sorted(refs.items(), key=lambda ref: (_rank(ref[0]), ref)):
            if is_id(value):
                yield from self._root(name, value)
        self._lenient = True
        for commit in self._late:
            yield from self._commit(commit)
        for loss in self.losses.values():
            yield loss.finding()

    def _root(self, name: str, id_: str) -> Iterator[Finding]:
        git = self._context.git
        try:
            kind = git.kind(id_)
            while kind == "tag":
                id_ = git.tag_target(id_)
                kind = git.kind(id_)
        except MvcError:
            return  # told as the ref's own fault
        if kind == "commit":
            yield from self._history(name, CommitId(id_))
        elif kind == "tree":
            where = f"the stage ({name})" if name == STAGE else name
            yield from self._tree(where, id_, "")

    def _history(self, name: str, start: CommitId) -> Iterator[Finding]:
        waiting = [(start, name)]
        while waiting:
            id_, needed_by = waiting.pop()
            if id_ in self._commits:
                continue
            self._commits.add(id_)
            try:
                commit = self._context.git.commit(id_)
            except MvcError as error:
                self._lose(id_, needed_by, None, _said(error, "its parent", id_))
                continue
            waiting += [(parent, _title(commit)) for parent in commit.parents]
            if id_ in self._expired:
                self._late.append(commit)
            else:
                yield from self._commit(commit)

    def _commit(self, commit: Commit) -> Iterator[Finding]:
        where = _title(commit)
        weights = yield from self._tree(where, commit.tree, "")
        if weights is None:
            return
        data = self._record(where, commit.tree)
        if data is None:
            return  # an operation, or a commit that another tool made
        try:
            record = Record.decode(data)
        except MvcError as error:
            yield Finding(where, f"its record: {error.message}")
            return
        root = merkle.commit_root(weights)
        if root != record.result:
            yield Finding(where, f"its weights hash to {root}, its record says {record.result}")
        if trailer(commit.message) != record.result:
            yield Finding(where, "its message does not carry the Merkle root of its record")

    def _record(self, where: str, tree: str) -> bytes | None:
        git = self._context.git
        folder, name = PATH.split("/")
        id_ = git.folder(tree).get(folder, (0, None))[1]
        try:
            if id_ is not None:
                id_ = git.folder(id_).get(name, (0, None))[1]
            return None if id_ is None else git.blob(id_)
        except MvcError as error:
            self._lose(str(id_), where, None, _said(error, "its record", str(id_)))
            return None

    def _tree(self, where: str, tree: str, prefix: str) -> Generator[Finding, None, _Weights]:
        """Check what is below ``tree``; its weights, with paths relative to it."""
        if tree in self._weights:
            self._weights.move_to_end(tree)
            return self._weights[tree]
        git = self._context.git
        try:
            deep = prefix.count("/") >= _DEPTH
            entries = git.files(tree) if deep else git.folder(tree)
        except MvcError as error:
            what = f"the folder {prefix}" if prefix else "its list of files"
            self._lose(tree, where, None, _said(error, what, tree))
            return None
        new = tree not in self._trees
        self._trees.add(tree)
        found: list[tuple[str, ObjectId]] = []
        whole = True
        for name, (mode, id_) in entries.items():
            path = prefix + name
            if path == DOT:
                continue
            if new and (reason := problem(path)):
                yield Finding(where, f"the path {path!r} {reason}")
            if mode == TREE_MODE:
                below = yield from self._tree(where, id_, path + "/")
                whole = whole and below is not None
                found += [(f"{name}/{inner}", root) for inner, root in below or ()]
                if len(found) > limits.TREE_FILES:
                    yield Finding(where, f"{path} names more files than any tree that mvc makes")
                    return None
                continue
            if new and mode not in (FILE_MODE, EXECUTABLE_MODE):
                yield Finding(where, f"{path} has the mode {mode:o}")
            if id_ not in self._blobs:
                yield from self._blob(where, path, id_)
            elif id_ in self.losses and new:
                self.losses[id_].needed += 1
            whole = whole and id_ not in self.losses
            if (root := self._blobs.get(id_)) is not None:
                found.append((name, root))
        weights = tuple(found) if whole else None
        self._weights[tree] = weights
        if len(self._weights) > _MEMORY:
            self._weights.popitem(last=False)
        return weights

    def _blob(self, where: str, path: str, blob: BlobId) -> Iterator[Finding]:
        self._blobs[blob] = None
        try:
            data = self._context.git.blob(blob)
        except MvcError as error:
            self._lose(blob, where, path, _said(error, "its content", blob))
            return
        if not is_manifest(data):
            return
        try:
            manifest = Manifest.decode(data)
            self._blobs[blob] = merkle.file_root(manifest)
            yield from self._manifest(where, path, manifest)
        except MvcError as error:
            yield Finding(f"{where}, {path}", error.message)

    def _manifest(self, where: str, path: str, manifest: Manifest) -> Iterator[Finding]:
        store = self._context.store
        gone = {
            id_: "is missing" if id_ not in store else "is damaged"
            for id_ in dict.fromkeys(manifest.object_ids())
            if id_ in self._damaged or id_ not in store
        }
        if self._lenient:
            gone = {id_: why for id_, why in gone.items() if id_ in store}
            if any(id_ not in store for id_ in manifest.object_ids()):
                return
        for id_, why in gone.items():
            self._lose(id_, where, path, f"{part(manifest, id_)} (object {id_}) {why}", True)
        if gone or manifest.skeleton is None:
            return
        skeleton = Skeleton.decode(store.read(manifest.skeleton))
        ids = manifest.span_ids()
        where = f"{where}, {path}"
        if skeleton.size != manifest.size:
            yield Finding(where, f"its skeleton is of a file of {skeleton.size} bytes")
        for span in skeleton.spans:
            held = ids.get(span.key)
            if held is None or store.length(held) != span.length:
                yield Finding(where, f"the span {span.key!r} has no object of {span.length} bytes")

    def _lose(
        self, id_: str, where: str, path: str | None, what: str, in_store: bool = False
    ) -> None:
        if id_ in self.losses:
            self.losses[id_].needed += 1
        else:
            self.losses[id_] = Loss(id_, where, path, what, in_store)


def part(manifest: Manifest, id_: str) -> str:
    """What of a file the object is, in words."""
    if id_ == manifest.content:
        return "its content"
    if id_ == manifest.skeleton:
        return "its skeleton"
    names = [e.name for e in manifest.tensors if e.storage is None and e.id == id_]
    if names:
        return _listed("the tensor", names)
    storages = [s.key for s in manifest.storages if s.id == id_]
    if storages:
        views = [e.name for e in manifest.tensors if e.storage in storages]
        return _listed("the storage", storages) + (f" of {_listed('', views)}" if views else "")
    return _listed("a side of the conflict in", [c.name for c in manifest.conflicts] or [id_])


def _listed(what: str, names: Iterable[str]) -> str:
    first, *others = names
    more = f" and {len(others)} more" if others else ""
    return f"{what} {first!r}{more}".strip()


def _said(error: MvcError, what: str, id_: str) -> str:
    plain = error.message.removeprefix(f"the Git object {id_} ")
    return f"{what} (Git object {id_}) {plain}"


def _title(commit: Commit) -> str:
    kind = "operation" if '"mvc-operation"' in commit.message else "commit"
    return f"{kind} {commit.id} ({commit.subject[:40]})"


def _rank(name: str) -> int:
    order = ("HEAD", BRANCHES, TAGS, STAGE)
    return next((n for n, prefix in enumerate(order) if name.startswith(prefix)), len(order)) + (
        name == OPERATIONS
    )
