"""Earlier versions of a tensor: what a new one may be stored as the difference to.

The likeliest come first: the same name in the same file of the last commits, in the order in which they came,
the other side of a merge among them; then files stored by the same command, such as a model and its exports;
for a file that is new, the same name in any other file of HEAD, such as the base that a fine-tune was copied
from, or the shards of a model. A quantized tensor may follow from the floats of its name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from mvc.errors import IntegrityError
from mvc.history.context import Context
from mvc.history.expired import GONE, read
from mvc.history.manifest import Entry, Manifest, is_manifest
from mvc.history.transaction import head_snapshot
from mvc.history.unfinished import read_unfinished
from mvc.ids import BlobId, CommitId
from mvc.store.source import Candidate

#: Commits looked at, and different versions of a file that are candidates.
_COMMITS = 12
_VERSIONS = 3
#: Candidates of an object; each is tried.
_MOST = 4
#: Words that are left of a name at least.
_TAIL = 3
#: Dtypes of quantized tensors, and how their names differ from those of the floats.
_QUANTIZED = frozenset({"I8", "U8", "I32"})
_ENDINGS = (
    "_packed",
    "_quantized",
    "_q",
    ".q",
    ".qweight",
    "_int8",
    "_int4",
    ".int_data",
    ".weight",
)

#: By a storage's key, or a tensor's name.
Objects = Mapping[str, Candidate]


class Kin:
    """Reads what it needs when it is first asked."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_path: dict[str, list[Objects]] = {}
        self._decoded: dict[str, Objects] = {}
        self._fresh: list[Objects] = []

    def of(
        self, path: str, key: str, dtype: str | None, names: Sequence[str] = ()
    ) -> Sequence[Candidate]:
        """Objects that what lies under ``key`` in the file ``path``, the tensors ``names``, may resemble.

        Where the history is damaged there are none: a file can be stored without, and may be the cure.
        """
        try:
            if path not in self._by_path:
                self._by_path[path] = [self._objects(blob) for blob in self._versions(path)]
            versions = self._by_path[path]
            others = [] if versions and dtype not in _QUANTIZED else self._others
        except IntegrityError:
            return ()
        wanted = [key, *(other for name in names or (key,) for other in namesakes(name, dtype))]
        # An export of what was just stored costs nothing, so that is tried first.
        fresh = sorted(_named(self._fresh, wanted), key=lambda one: one.dtype == dtype)
        earlier = sorted(_named(versions, (key, *names)), key=lambda one: one.dtype != dtype)
        elsewhere = sorted(_named(others, wanted), key=lambda one: one.dtype != dtype)
        found = dict.fromkeys((*fresh[:_VERSIONS], *earlier[:_VERSIONS], *elsewhere[:_VERSIONS]))
        return list(found)[:_MOST]

    def learn(self, blobs: Iterable[bytes]) -> None:
        """Take in what the same command has stored: manifests, or texts, which say nothing."""
        for data in blobs:
            if is_manifest(data):
                self._fresh.append(_objects(Manifest.decode(data)))

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
            self._decoded[blob] = _objects(manifest) if manifest else {}
        return self._decoded[blob]


def _named(versions: Iterable[Objects], keys: Iterable[str]) -> Iterator[Candidate]:
    keys = list(keys)
    for version in versions:
        key = next((key for key in keys if key in version), None)
        if key is not None:
            yield version[key]


def namesakes(name: str, dtype: str | None) -> Iterator[str]:
    """What earlier versions of the tensor ``name`` may be called, or the floats that it was quantized from."""
    found = [name]
    if dtype in _QUANTIZED:
        for ending in _ENDINGS:
            if name.endswith(ending):
                stem = name.removesuffix(ending)
                found += [stem, stem + ".weight"]
    yield from found
    for one in found:
        yield from tails(one)


def tails(name: str) -> Iterator[str]:
    """What is left of a name without one or two words in front, such as ``model.``, which some tools add."""
    words = name.split(".")
    for front in range(1, min(2, len(words) - _TAIL) + 1):
        yield ".".join(words[front:])


def _objects(manifest: Manifest) -> Objects:
    """All that ``manifest`` names, by its names, and by what is left of them where no other has that name."""
    found = dict(_named_objects(manifest))
    for name, one in list(found.items()):
        for tail in tails(name):
            found.setdefault(tail, one)
    return found


def _named_objects(manifest: Manifest) -> Iterator[tuple[str, Candidate]]:
    inside: dict[str, list[Entry]] = {}
    for entry in manifest.written:
        if entry.storage is None:
            yield entry.name, Candidate(entry.id, entry.dtype, entry.shape)
        else:
            inside.setdefault(entry.storage, []).append(entry)
    for storage in manifest.storages:
        entries = inside.get(storage.key, [])
        dtypes = {entry.dtype for entry in entries}
        dtype = dtypes.pop() if len(dtypes) == 1 else None
        shape = entries[0].shape if len({entry.shape for entry in entries}) == 1 else ()
        yield storage.key, Candidate(storage.id, dtype, shape)
        for entry in entries:  # other formats know the tensor by its name
            yield entry.name, Candidate(storage.id, dtype, shape)
