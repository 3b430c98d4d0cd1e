"""The text of the stat cache, and when a file's times may be trusted.

Owns the lines of ``.mvc/stat-cache`` (``docs/reference/format.md``), the fingerprint of a file and the rule
for racily clean ones. It knows neither Git nor the store and imports nothing but ``zlib``: the fast path of
``status`` stands on it. (The file is not called ``index``: Git's own tools would take it for theirs, and
``git fsck`` and ``git gc`` refuse an index that they can't read.)

::

    mvc-index 1
    stage <tree id or ->            the tree of refs/mvc/stage
    head <commit id or ->           what HEAD names
    files <tree id or ->            the tree of HEAD without its record: equal to stage = nothing staged
    <mode> <blob> <seen> <st_mode> <size> <mtime> <ctime> <inode> <device> <path>      times in ns
    end <CRC-32 of all before, 8 hexadecimal digits>
"""

from __future__ import annotations

import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

NAME = "stat-cache"
_FIRST_LINE = "mvc-index 1"
_HEADER = ("stage", "head", "files")
_FIELDS = 10

#: A fingerprint that no file has: the file must be read.
UNKNOWN = "0 0 0 0 0 0"

#: A change may leave the times as they are for as long as the kernel's clock stands still (1/100 s at
#: most), or, where times are whole seconds, for FAT's two seconds.
TICK = 20_000_000
_COARSE_TICK = 2_000_000_000
_SECOND = 1_000_000_000


def fingerprint(status: os.stat_result) -> str:
    """What a file can't keep when it is changed: kind, size, times, place."""
    return (
        f"{status.st_mode:o} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
        f" {status.st_ino} {status.st_dev}"
    )


def settled(status: os.stat_result, seen: int, written: int) -> bool:
    """Whether any change since ``seen`` must show in the file's times.

    ``seen``: when the content was known, by this machine's clock. ``written``: the cache's own mtime, so by
    the file system's clock, which on a network drive is another. Both in ns. A file whose times are not
    older than both is racily clean: a second change in the same tick leaves no mark (Git,
    ``Documentation/technical/racy-git.txt``).
    """
    newest = max(status.st_mtime_ns, status.st_ctime_ns)
    tick = TICK if newest % _SECOND else _COARSE_TICK
    return newest + tick < seen and newest < written


def encode(header: tuple[str, str, str], rows: Iterable[tuple[str, str, str, str, str]]) -> bytes:
    """The whole file; a row is (mode in octal, blob id, seen, fingerprint, path)."""
    lines = [_FIRST_LINE]
    lines += [f"{key} {value}" for key, value in zip(_HEADER, header, strict=True)]
    lines += [" ".join(row) for row in rows]
    body = "\n".join(lines).encode() + b"\n"
    return body + f"end {zlib.crc32(body):08x}\n".encode()


def decode(data: bytes) -> tuple[tuple[str, ...], list[tuple[str, str, int, str, str]]] | None:
    """The inverse of ``encode``; None for anything that it did not write."""
    end = data.rfind(b"end ")
    if data[end:] != f"end {zlib.crc32(data[:end]):08x}\n".encode():
        return None
    try:
        lines = data[:end].decode().split("\n")
        if lines[0] != _FIRST_LINE or lines[-1] != "":
            return None
        header = tuple(line.split(" ")[1] for line in lines[1:4])
        rows = []
        for line in lines[4:-1]:
            parts = line.split(" ", _FIELDS - 1)
            rows.append((parts[0], parts[1], int(parts[2]), " ".join(parts[3:9]), parts[9]))
    except (IndexError, ValueError):  # written by another version
        return None
    return header, rows
