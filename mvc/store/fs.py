"""The one place that writes, fsyncs, renames, removes and locks, on each operating system.

``Disk`` is the whole vocabulary. Nothing else in mvc changes a file, so a twin that records these calls
(``tests/faults``) can enumerate every state that a power cut may leave. Reading needs no seam.

Rules that every method keeps:

* ``OSError`` becomes a ``StorageError`` that names the path and the command to try next.
* An fsync that failed is never retried: the kernel may have dropped the pages and would report success.
* Locks are ``flock``: they go with the process, so a killed writer leaves none behind.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time

from mvc.errors import DurabilityError, Locked, OutOfSpace, ReadOnly, StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

#: Seconds to wait for a lock that another process holds before giving up.
LOCK_PATIENCE = 10.0

#: What memory, offset and length of a write past the page cache are multiples of.
_PAGE = 4096

#: ``FICLONE`` of linux/fs.h: have the blocks of another file.
_CLONE = 0x40049409

_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}
_DENIED = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextlib.contextmanager
def explained(action: str, path: str) -> Iterator[None]:
    """Turn an ``OSError`` inside the block into the ``StorageError`` that says what to do."""
    try:
        yield
    except OSError as error:
        raise storage_error(action, path, error) from error


def storage_error(action: str, path: str, error: OSError) -> StorageError:
    """The ``StorageError`` for an ``OSError`` met while doing ``action`` on ``path``."""
    message = f"can't {action} {path}: {error.strerror or error}"
    if error.errno in _FULL:
        return OutOfSpace(message, hint="free some space, then run the same command again")
    if error.errno in _DENIED:
        return ReadOnly(
            message, hint="check who owns the folder and whether it is mounted read-only"
        )
    if error.errno == errno.EIO:
        return DurabilityError(
            message, hint="the disk reports errors: check it before anything else"
        )
    return StorageError(message)


class File:
    """A new file, open for writing. Not durable before ``sync``."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._past_cache = -1

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append all of ``data`` at the current position."""
        view = memoryview(data).cast("B")
        with explained("write", self.path):
            while view:
                view = view[os.write(self._descriptor, view) :]

    def write_at(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Write all of ``data`` at ``offset``; safe to call from several threads."""
        view = memoryview(data).cast("B")
        with explained("write", self.path):
            while view:
                written = _pwrite(self._descriptor, view, offset)
                view = view[written:]
                offset += written

    def write_block_at(self, data: memoryview, offset: int) -> None:
        """As ``write_at``, past the page cache where the system can do that: whole pages of ``data``, which
        begins on a page of memory, at an ``offset`` that is a page's. For one thread.

        Measured on a virtual machine, 0.7 GB with fsync: 0.4-0.8 s in place of 1.4-3.1, and no processor
        time, for fresh pages of the cache cost 1-3 s a GB.
        """
        whole = len(data) // _PAGE * _PAGE if offset % _PAGE == 0 else 0
        done = 0
        with explained("write", self.path):
            if whole and self._past_cache < 0:
                self._past_cache = _open_past_cache(self.path)
            try:
                while done < whole and self._past_cache >= 0:
                    done += os.pwrite(self._past_cache, data[done:whole], offset + done)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
        self.write_at(data[done:], offset + done)

    def clone(self, source: str) -> bool:
        """Begin as the file ``source`` is now, whose blocks are shared until either is written to; False, and
        nothing happened, where the file system can't do that (Btrfs and XFS can), or there is no such file."""
        if sys.platform != "linux":
            return False
        try:
            # A FIFO would be waited for, a symbolic link could lead anywhere.
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(source, flags)
        except OSError:
            return False
        try:
            fcntl.ioctl(self._descriptor, _CLONE, descriptor)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def truncate(self, size: int) -> None:
        """Set the size; new bytes read as zeros."""
        with explained("resize", self.path):
            os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        """Make all that was written survive power loss.

        Raises:
            DurabilityError: the disk refused; the file must be given up, not synced again.
        """
        try:
            _full_sync(self._descriptor)
        except OSError as error:
            raise DurabilityError(
                f"can't make {self.path} durable: {error.strerror}",
                hint="nothing was recorded; check the disk, then run the same command again",
            ) from error

    def close(self) -> None:
        """Close; harmless when done twice."""
        if self._past_cache >= 0:
            past_cache, self._past_cache = self._past_cache, -1
            with explained("close", self.path):
                os.close(past_cache)
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with explained("close", self.path):
                os.close(descriptor)

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Disk:
    """Every way in which mvc changes the file system."""

    def create(self, path: str, mode: int = 0o644) -> File:
        """A new, empty file at ``path``, which must not exist."""
        return self._open("create", path, os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), mode)

    def make_folder(self, path: str) -> None:
        """Create the folder and those above it; their names survive power loss.

        Nothing is put into a folder before its own name is durable. So one with something in it is
        durable, and an empty one may be what a killed process left: its parent is synced again.
        """
        if os.path.isdir(path) and not _is_empty(path):
            return
        parent = os.path.dirname(path)
        if parent not in ("", path):
            self.make_folder(parent)
        self._make_one_folder(path)
        self.sync_folder(parent or os.curdir)

    def _make_one_folder(self, path: str) -> None:
        with explained("create the folder", path), contextlib.suppress(FileExistsError):
            os.mkdir(path)

    def replace(self, source: str, target: str) -> None:
        """Rename, replacing ``target`` atomically."""
        with explained("move a file to", target):
            os.replace(source, target)

    def remove(self, path: str) -> None:
        """Remove a file; one that is already gone is fine."""
        with explained("remove", path), contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def remove_folder(self, path: str) -> None:
        """Remove a folder if it is empty; leave it otherwise."""
        with contextlib.suppress(OSError):
            os.rmdir(path)

    def clear_empty(self, path: str) -> None:
        """Remove the folder ``path`` if all that it holds is empty folders; a file stays untouched."""
        if os.path.isdir(path) and not os.path.islink(path):
            for name in os.listdir(path):
                self.clear_empty(os.path.join(path, name))
            self.remove_folder(path)

    def set_mode(self, path: str, mode: int) -> None:
        """Set a file's permission bits."""
        with explained("set the mode of", path):
            os.chmod(path, mode)

    def sync_folder(self, path: str) -> None:
        """Make creations, renames and removals in the folder survive power loss."""
        if sys.platform == "win32":  # NTFS journals its directory entries; there is no call for it
            return
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _full_sync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise DurabilityError(
                f"can't make the folder {path} durable: {error.strerror}"
            ) from error

    def append(self, path: str, data: bytes) -> None:
        """Append to a log in one write and make it durable; creates the file."""
        new = not os.path.exists(path)
        with self._open("append to", path, os.O_APPEND, 0o644) as file:
            file.write(data)
            file.sync()
        if new:
            self.sync_folder(os.path.dirname(path))

    def _open(self, action: str, path: str, how: int, mode: int) -> File:
        flags = os.O_WRONLY | os.O_CREAT | how | getattr(os, "O_CLOEXEC", 0)
        with explained(action, path):
            return File(path, os.open(path, flags | getattr(os, "O_BINARY", 0), mode))

    def write_whole(
        self, path: str, data: bytes, *, durable: bool = True, via: str | None = None
    ) -> None:
        """Put ``data`` at ``path``: readers see the old file or the new one, never a part.

        With ``durable`` false the write may be lost in a power cut: for caches only. Until it is
        complete the new file lies in the folder ``via``, beside ``path`` where none is given.
        """
        folder, name = os.path.split(path)
        unfinished = f"{name}.{os.getpid()}.{time.monotonic_ns()}.tmp"
        temporary = os.path.join(folder if via is None else via, unfinished)
        try:
            with self.create(temporary) as file:
                file.write(data)
                if durable:
                    file.sync()
            self.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError, StorageError):
                self.remove(temporary)
            raise
        if durable:
            self.sync_folder(os.path.dirname(path))

    def write_by(self, folder: str, work: Callable[[str], None]) -> None:
        """Let a library write files of its own into the empty ``folder``; they are durable afterwards."""
        with explained("write in", folder):
            work(folder)
        for name in sorted(os.listdir(folder)):
            self._sync_file(os.path.join(folder, name))
        self.sync_folder(folder)

    def _sync_file(self, path: str) -> None:
        # Windows syncs nothing that is not open for writing, and a library may leave its files read-only.
        writing = sys.platform == "win32"
        if writing:
            self.set_mode(path, 0o644)
        with explained("open", path):
            descriptor = os.open(path, os.O_RDWR if writing else os.O_RDONLY)
        with File(path, descriptor) as file:
            file.sync()

    @contextlib.contextmanager
    def lock(
        self, path: str, *, shared: bool = False, patience: float = LOCK_PATIENCE
    ) -> Iterator[None]:
        """Hold the advisory lock on ``path`` for the length of the block.

        Raises:
            Locked: another process kept it for ``patience`` seconds.
            DurabilityError: the file system has no locks.
        """
        with explained("open the lock", path):
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            try:
                descriptor = os.open(path, flags, 0o644)
            except FileNotFoundError as error:
                raise StorageError(
                    f"the folder of the lock {path} is missing",
                    hint="mvc fsck; mvc repair makes it",
                ) from error
        try:
            deadline = time.monotonic() + patience
            while not _try_lock(descriptor, path, shared):
                if time.monotonic() >= deadline:
                    raise Locked(
                        f"another mvc process holds {path}",
                        hint="wait for it to end, then run the same command again",
                    )
                time.sleep(0.005)
            yield
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def scratch_files(files: Mapping[str, bytes]) -> Iterator[str]:
    """A folder of the system's with ``files``, for a program that takes nothing else; gone afterwards.

    Readable by nobody else, outside any repository, and no part of what must survive.
    """
    import tempfile

    with tempfile.TemporaryDirectory(prefix="mvc-") as folder:
        for name, data in files.items():
            path = os.path.join(folder, name)
            with explained("write", path), open(path, "xb") as file:
                file.write(data)
        yield folder


def _is_empty(folder: str) -> bool:
    with explained("look into", folder), os.scandir(folder) as entries:
        return next(entries, None) is None


def _try_lock(descriptor: int, path: str, shared: bool) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        raise DurabilityError(
            f"the file system gives no lock on {path}: {error.strerror}",
            hint="move the repository to a local disk",
        ) from error
    return True


def _open_past_cache(path: str) -> int:
    """A descriptor whose writes go straight to the disk; -1 where there is no such thing."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
    return -1


def _full_sync(descriptor: int) -> None:
    # macOS: fsync hands the data to the drive and returns; only F_FULLFSYNC waits for the platter.
    if sys.platform == "darwin":
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EINVAL):
                raise
    os.fsync(descriptor)


if sys.platform == "win32":
    import threading

    _SEEK = threading.Lock()

    def _pwrite(descriptor: int, data: memoryview, offset: int) -> int:
        with _SEEK:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.write(descriptor, data)
else:
    _pwrite = os.pwrite
