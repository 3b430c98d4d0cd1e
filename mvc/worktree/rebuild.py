"""One tracked file put together again, durably, under a temporary name.

Owns the step from a snapshot's entry to a complete, verified and synced file that a rename can put into place.
It knows nothing of what lies in the work tree.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Collection

from mvc.errors import IntegrityError, WeightsExpired
from mvc.formats.layout import Storage
from mvc.history import files as whole_files
from mvc.history.context import Context
from mvc.history.gitobjects import EXECUTABLE_MODE
from mvc.history.manifest import Manifest
from mvc.history.snapshot import Snapshot
from mvc.store.blocks import Blocks
from mvc.store.fs import File
from mvc.values import dataclass
from mvc.worktree.place import locate
from mvc.worktree.sharing import Span, kept

#: The folder, in `.mvc`, of files that are not complete yet.
TEMPORARY = "tmp"
#: The lock, in `.mvc`, that whoever has files there holds shared, so that nobody takes them for left-overs.
LOCK = "locks", "checkout"

_WHOLE = (
    "mvc fsck --full names all that is damaged, the rest is whole; mvc repair saves what it can"
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A finished file: where it is, whose it will be, and its ``stat`` once complete."""

    path: str
    temporary: str
    status: os.stat_result


def rebuild(
    context: Context,
    files: Snapshot,
    path: str,
    advance: Callable[[int], None],
    *,
    here: Snapshot | None = None,
    folder: str | None = None,
) -> Rebuilt:
    """Write ``path`` as ``files`` has it; ``advance`` gets the bytes that are there, from several threads.

    ``here`` is what the work tree follows: what is equal there is not written again where the file system lets
    files share blocks. ``folder`` is where the file lies until it is renamed, if not in ``.mvc``.

    Raises:
        IntegrityError: what is stored is damaged or missing.
        StorageError: no room, or the disk refused.
    """
    folder = folder or os.path.join(context.folder, TEMPORARY)
    context.disk.make_folder(folder)
    temporary = os.path.join(folder, secrets.token_hex(8))
    # As Git does, the umask decides what the group and others may.
    bits = 0o777 if files[path][0] == EXECUTABLE_MODE else 0o666
    try:
        with context.disk.create(temporary, bits) as file:
            _fill(context, files, path, file, advance, here)
            file.sync()
        return Rebuilt(path, temporary, os.lstat(temporary))
    except BaseException as error:
        context.disk.remove(temporary)
        if isinstance(error, IntegrityError):
            message = (
                error.message if error.message.startswith(path) else f"{path}: {error.message}"
            )
            on_purpose = isinstance(error, WeightsExpired)
            raise type(error)(message, hint=error.hint if on_purpose else _WHOLE) from error
        raise


def size(files: Snapshot, path: str) -> int:
    """Bytes of the file as ``files`` has it."""
    manifest = files.manifest(path)
    return len(files.blob(path)) if manifest is None else manifest.size


def _fill(
    context: Context,
    files: Snapshot,
    path: str,
    file: File,
    advance: Callable[[int], None],
    here: Snapshot | None,
) -> None:
    manifest = files.manifest(path)
    if manifest is None:
        data = files.blob(path)
        file.write(data)
        advance(len(data))
        return

    spans, literals = _parts(context, manifest, path)
    before = _cloned(context, here, path, file)
    file.truncate(manifest.size)
    there = kept(context.store, file.path, before, spans)
    advance(sum(there.values()))
    spans = [span for span in spans if span not in there]
    with contextlib.closing(Blocks(file, manifest.size)) as blocks:

        def write_at(data: memoryview, offset: int) -> None:
            blocks.write_at(data, offset)
            advance(data.nbytes)

        for offset, literal in literals:
            write_at(literal, offset)
        context.store.extract(spans, write_at)
        blocks.finish()


def _cloned(context: Context, here: Snapshot | None, path: str, file: File) -> Collection[Span]:
    """What ``file`` should have now as a clone of the work tree's; nothing if it is none."""
    if here is None or path not in here:
        return ()
    # Damage of what is to go is no reason not to write what is to come.
    with contextlib.suppress(IntegrityError):
        manifest = here.manifest(path)
        if manifest is not None and file.clone(locate(context.root, path)):
            return set(_parts(context, manifest, path)[0])
    return ()


def _parts(
    context: Context, manifest: Manifest, path: str
) -> tuple[list[Span], list[tuple[int, memoryview]]]:
    """The objects to put at offsets, and the bytes between them."""
    if manifest.content is not None:
        whole_files.check_length(context.store, path, manifest.content, manifest.size)
        return [(manifest.content, 0)], []
    skeleton, ids = whole_files.plan(context.store, manifest, path)
    spans: list[Span] = []
    literals: list[tuple[int, memoryview]] = []
    for piece in skeleton.pieces():
        if not isinstance(piece, Storage):
            literals.append(piece)
        elif piece.length:
            whole_files.check_length(context.store, path, ids[piece.key], piece.length)
            spans.append((ids[piece.key], piece.offset))
    return spans, literals
