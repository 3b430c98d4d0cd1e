"""From a file of the user's to what a tree names: text, or a manifest over objects of the store.

Owns the road into the repository. ``take_in`` writes one pack for any number of files, and another where some
of them may stand on others, as exports on the model that they were made of. It never touches the files;
``describe`` walks the same road and writes nothing, so both give the same blob. Neither reads a model as a
whole: tensors stream through the store's windows, and only the skeleton is held. It knows no refs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

from mvc import paths as tracked_paths
from mvc.errors import FormatError
from mvc.formats.layout import Layout
from mvc.history.context import Context
from mvc.history.gitobjects import ObjectWriter
from mvc.history.kin import Kin, namesakes, tails
from mvc.history.manifest import Manifest
from mvc.history.undecided import Undecided, carried
from mvc.ids import BlobId, object_id
from mvc.limits import KIB
from mvc.store.source import Incoming
from mvc.store.writing import PackReport, PackWriter
from mvc.values import dataclass
from mvc.worktree import index
from mvc.worktree.described import manifest_of
from mvc.worktree.hashing import hash_spans
from mvc.worktree.index import Known
from mvc.worktree.index_text import fingerprint
from mvc.worktree.place import look
from mvc.worktree.reading import Content, Model, OpenFile, Text, classify, open_file
from mvc.worktree.recognition import Recognition

#: Called with (what, bytes done, bytes in all).
Progress = Callable[[str, int, int], None]

_NONE: Undecided = {}

#: A file from this size on may be worth a pack of its own, so that it can stand on what others hold.
_OWN_PACK = 256 * KIB

#: One tensor in so many must have a namesake for that.
_NAMESAKES = 4


@dataclass(frozen=True, slots=True)
class Taken:
    """What ``take_in`` made: tree entries by path, the pack's report, and what the stat cache may know."""

    files: dict[str, tuple[int, BlobId]]
    report: PackReport
    seen: dict[str, Known]


def take_in(
    context: Context,
    objects: ObjectWriter,
    paths: Iterable[str],
    *,
    opaque: Collection[str] = frozenset(),
    lenient: bool = False,
    undecided: Undecided = _NONE,
    progress: Progress | None = None,
) -> Taken:
    """Put files into the store, durably, and their blobs into ``objects``, not flushed.

    ``opaque`` are the paths to keep as plain bytes whatever their format; ``lenient`` keeps those as plain
    bytes, too, that their format refuses. What the stage has ``undecided`` stays so where the file still has
    ours. Either all files are taken in, or none.

    Raises:
        FormatError: a file is refused; the message begins with its path.
        MvcError: a file changed while it was read.
        UsageError: a path can't be tracked or is no regular file.
    """
    files: dict[str, tuple[int, BlobId]] = {}
    seen: dict[str, Known] = {}
    wanted = sorted({tracked_paths.check(path) for path in paths})
    advance = _counter(context.root, wanted, progress)
    kin = Kin(context)
    known_before = Recognition(context.store)
    reports: list[PackReport] = []
    waiting = deque(_largest_first(context.root, wanted))
    stored: set[str] = set()
    while waiting or not reports:
        with context.store.writer() as pack:
            inside: set[str] = set()
            manifests: list[bytes] = []
            while waiting:
                path = waiting[0]
                with open_file(context.root, path, patient=True) as opened:
                    content = contents(opened, lenient, opaque=path in opaque)
                    large = opened.size >= _OWN_PACK
                    if large and _alike(content, inside) and not _alike(content, stored):
                        break  # it may stand on what this pack holds, once that can be read
                    data = stow(pack, opened, content, kin, advance, known_before)
                if isinstance(content, Model) and path in undecided:
                    data = carried(Manifest.decode(data), undecided[path]).encode()
                waiting.popleft()
                if isinstance(content, Model):
                    for tensor in content.layout.tensors:
                        inside.update((tensor.name, *tails(tensor.name)))
                    manifests.append(data)
                blob = objects.blob(data)
                files[path] = (opened.mode, blob)
                seen[path] = known(opened, blob)
            reports.append(pack.publish())
        stored |= inside
        if waiting:
            kin.learn(manifests)
    index.learn(context, seen)
    report = _sum([*reports, known_before.report()])
    return Taken({path: files[path] for path in wanted}, report, seen)


def _largest_first(root: str, paths: Sequence[str]) -> list[str]:
    """Exports are smaller than what they were made of, and other copies younger."""

    def key(path: str) -> tuple[int, int]:
        status = look(root, path)
        return (-status.st_size, status.st_mtime_ns) if status else (0, 0)

    return sorted(paths, key=key)


def _alike(content: Content, known: Collection[str]) -> bool:
    """Whether many tensors of a model have the name of one that is ``known``, or are made of it."""
    if not known or not isinstance(content, Model):
        return False
    tensors = content.layout.tensors
    found = sum(any(n in known for n in namesakes(one.name, one.dtype)) for one in tensors)
    return found * _NAMESAKES >= len(tensors) > 0


def _sum(reports: Sequence[PackReport]) -> PackReport:
    return PackReport(
        sum(report.objects for report in reports),
        sum(report.new_objects for report in reports),
        sum(report.raw_bytes for report in reports),
        sum(report.new_raw_bytes for report in reports),
        sum(report.stored_bytes for report in reports),
    )


def stow(
    pack: PackWriter,
    opened: OpenFile,
    content: Content,
    kin: Kin | None = None,
    advance: Callable[[int], None] | None = None,
    recognition: Recognition | None = None,
) -> bytes:
    """The Git blob that stands for an open file, its objects put into the pack: where ``kin`` has earlier
    versions of them, as the difference, or, if ``recognition`` finds it to be one, not at all."""
    if isinstance(content, Text):
        return content.data
    items = _incoming(opened, content, kin)
    known = recognition.among(items, advance) if recognition else {}
    new = iter(pack.add([one for n, one in enumerate(items) if n not in known], advance))
    ids = [known[number] if number in known else next(new) for number in range(len(items))]
    skeleton = pack.put(content.skeleton.encode()) if isinstance(content, Model) else None
    return manifest_of(opened, content, ids, skeleton).encode()


def describe(
    context: Context, path: str, opaque_ok: bool = False, *, opaque: bool = False
) -> tuple[int, BlobId, Manifest | None]:
    """What ``take_in`` would give for ``path``: mode, blob id and manifest (None for text).

    With ``opaque_ok`` a file that its format refuses is described as plain bytes; with ``opaque`` every
    one is.

    Raises:
        As ``take_in``.
    """
    with open_file(context.root, path) as opened:
        blob, manifest = describe_open(context, opened, opaque_ok, opaque=opaque)
    return opened.mode, blob, manifest


def describe_open(
    context: Context,
    opened: OpenFile,
    opaque_ok: bool = False,
    *,
    opaque: bool = False,
    progress: Progress | None = None,
) -> tuple[BlobId, Manifest | None]:
    """``describe`` for a file that is already open; ``progress`` hears of the bytes that are hashed."""
    content = contents(opened, opaque_ok, opaque=opaque)
    if isinstance(content, Text):
        return context.writer().blob(content.data), None
    sources, ids, done = [item.source for item in _incoming(opened, content)], [], 0
    for source, id_ in zip(sources, hash_spans(sources), strict=True):
        ids.append(id_)
        done += source.length
        if progress is not None:
            progress(f"hashing {opened.path}", done, opened.size)
    skeleton = object_id(content.skeleton.encode()) if isinstance(content, Model) else None
    manifest = manifest_of(opened, content, ids, skeleton)
    return context.writer().blob(manifest.encode()), manifest


def contents(opened: OpenFile, opaque_ok: bool, *, opaque: bool = False) -> Content:
    """The content of an open file; with ``opaque_ok`` a refused one is plain bytes."""
    try:
        return classify(opened, opaque=opaque)
    except FormatError:
        if not opaque_ok:
            raise
        return classify(opened, opaque=True)


def known(opened: OpenFile, blob: BlobId) -> Known:
    """The fact for the stat cache that this file, as opened, is ``blob``."""
    return Known(opened.mode, blob, opened.seen, fingerprint(opened.status))


def _counter(
    root: str, paths: Sequence[str], progress: Progress | None
) -> Callable[[int], None] | None:
    """Turns the store's "so many more bytes" into progress over all files."""
    if progress is None:
        return None
    total = sum(status.st_size for path in paths if (status := look(root, path)) is not None)
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        progress("add", done, max(done, total))

    return advance


def _incoming(opened: OpenFile, content: Content, kin: Kin | None = None) -> list[Incoming]:
    """The spans to store: the storages in the order of the file, or all of it."""
    if not isinstance(content, Model):
        return [Incoming(opened.whole())]
    dtypes = _dtypes(content.layout)
    names: dict[str, list[str]] = {}
    for tensor in content.layout.tensors if kin else ():
        names.setdefault(tensor.storage, []).append(tensor.name)
    return [
        Incoming(
            opened.span(storage.offset, storage.length),
            (dtype := dtypes.get(storage.key)),
            partial(kin.of, opened.path, key, dtype, names.get(key, ())) if kin else None,
        )
        for storage in content.layout.storages
        for key in (storage.key,)
    ]


def _dtypes(layout: Layout) -> dict[str, str | None]:
    """The dtype of each storage's elements; None where its tensors don't agree."""
    found: dict[str, str | None] = {}
    for tensor in layout.tensors:
        earlier = found.setdefault(tensor.storage, tensor.dtype)
        if earlier != tensor.dtype:
            found[tensor.storage] = None
    return found
