"""The files of a commit as one stream: ``git archive``'s tar, gzipped tar and zip.

The same commit gives the same bytes on every machine: files have the commit's date, Git's two modes and no
owner. Nothing is held but a window of one file; the stream is written from front to back and never sought in.
The commit's id is kept where Git keeps it (``git get-tar-commit-id``, the comment of a zip).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mvc.errors import UsageError
from mvc.history.context import Context
from mvc.history.files import chunks
from mvc.history.git import Commit
from mvc.history.gitobjects import EXECUTABLE_MODE
from mvc.history.log import matches
from mvc.history.snapshot import Snapshot
from mvc.paths import check

#: Takes bytes in order; a piece is valid during the call alone.
Write = Callable[[bytes | memoryview], object]

FORMATS = ("tar", "tar.gz", "zip")
#: Seconds since 1970 of 1980, where the clock of zip begins.
_ZIP_BEGINS = 315_532_800
_BLOCK, _RECORD = 512, 10_240


def format_of(name: str) -> str:
    """The format that a file's name asks for; a tar where it asks for none, as in Git."""
    lower = name.lower()
    if lower.endswith((".tar.gz", ".tgz")):
        return "tar.gz"
    return "zip" if lower.endswith(".zip") else "tar"


def chosen(files: Snapshot, paths: Sequence[str]) -> list[str]:
    """The files that ``paths`` name; all without any.

    Raises:
        UsageError: one of ``paths`` names none, or a file has a name that can lead out of a folder.
    """
    for path in paths:
        if path and not any(matches(name, [path]) for name in files):
            raise UsageError(f"pathspec '{path}' did not match any files", hint="mvc ls REVISION")
    return [check(name) for name in files if not paths or matches(name, paths)]


def archive(
    context: Context,
    commit: Commit,
    write: Write,
    *,
    form: str = "tar",
    prefix: str = "",
    paths: Sequence[str] = (),
) -> None:
    """Write the archive; ``prefix`` is put before every path as it is.

    Raises:
        UsageError: no such format, or a path names no file.
        IntegrityError: a stored file is damaged or missing; what was written is no archive.
    """
    if form not in FORMATS:
        raise UsageError(f"unknown archive format '{form}'", hint=", ".join(FORMATS))
    files = Snapshot.of_tree(context.git, commit.tree)
    names = chosen(files, paths)
    if form == "zip":
        _zip(context, commit, files, names, prefix, write)
        return
    stream = _tar(context, commit, files, names, prefix)
    for piece in _gzipped(stream) if form == "tar.gz" else stream:
        write(piece)


def write_archive(
    context: Context,
    commit: Commit,
    target: str,
    *,
    form: str | None = None,
    prefix: str = "",
    paths: Sequence[str] = (),
) -> None:
    """``archive`` to the file ``target``, durably; a file of that name is replaced once the new one is whole.

    Raises:
        As ``archive``; what was at ``target`` is still there.
        StorageError: the disk refused.
    """
    disk = context.disk
    folder, name = os.path.split(os.path.abspath(target))
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    disk.remove(temporary)
    try:
        with disk.create(temporary) as file:
            form = form or format_of(name)
            archive(context, commit, file.write, form=form, prefix=prefix, paths=paths)
            file.sync()
        disk.replace(temporary, os.path.join(folder, name))
    except BaseException:
        disk.remove(temporary)
        raise
    disk.sync_folder(folder)


def _tar(
    context: Context, commit: Commit, files: Snapshot, names: Sequence[str], prefix: str
) -> Iterator[bytes | memoryview]:
    from tarfile import PAX_FORMAT, TarInfo

    written = 0
    head = TarInfo.create_pax_global_header({"comment": commit.id})
    yield head
    written += len(head)
    for path in names:
        info = TarInfo(prefix + path)
        info.size, info.mtime = _size(files, path), commit.committer.time
        info.mode = 0o775 if files[path][0] == EXECUTABLE_MODE else 0o664
        info.uname = info.gname = "root"
        head = info.tobuf(PAX_FORMAT, "utf-8", "surrogateescape")
        yield head
        yield from chunks(context, files, path)
        blanks = -info.size % _BLOCK
        yield bytes(blanks)
        written += len(head) + info.size + blanks
    yield bytes(2 * _BLOCK + -(written + 2 * _BLOCK) % _RECORD)


def _gzipped(stream: Iterator[bytes | memoryview]) -> Iterator[bytes]:
    """As ``gzip -n`` on a Unix system: no name, no time."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    check = size = 0
    yield b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
    for piece in stream:
        check, size = zlib.crc32(piece, check), size + len(piece)
        yield packer.compress(piece)
    yield packer.flush()
    yield check.to_bytes(4, "little") + (size % 2**32).to_bytes(4, "little")


def _zip(
    context: Context,
    commit: Commit,
    files: Snapshot,
    names: Sequence[str],
    prefix: str,
    write: Write,
) -> None:
    import time
    from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

    date = time.gmtime(max(commit.committer.time, _ZIP_BEGINS))[:6]
    sink: Any = _Sink(write)
    with ZipFile(sink, "w") as whole:
        whole.comment = commit.id.encode("ascii")
        for path in names:
            info = ZipInfo(prefix + path, date)
            info.create_system = 3  # Unix, on every system
            info.external_attr = files[path][0] << 16
            info.file_size = _size(files, path)
            # Weights hardly shrink by it, and would take most of the time.
            info.compress_type = ZIP_DEFLATED if files.manifest(path) is None else ZIP_STORED
            with whole.open(info, "w") as member:
                for piece in chunks(context, files, path):
                    member.write(piece)


class _Sink:
    """A file that only goes on: what ``zipfile`` needs of one that it can't seek in."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def write(self, data: bytes | memoryview) -> int:
        self._write(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


def _size(files: Snapshot, path: str) -> int:
    manifest = files.manifest(path)
    return len(files.blob(path)) if manifest is None else manifest.size
