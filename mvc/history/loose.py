"""Loose Git objects: read without libgit2, and judged before it sees them.

libgit2 up to 1.9.7 never returns from an object that was cut short (libgit2 #7342), and writes past its buffer
when one holds more than its header declares (#7177). So a damaged or hostile repository must not reach it.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Iterator

from mvc.errors import CorruptPack, LimitExceeded
from mvc.limits import WHOLE_OBJECT
from mvc.store.fs import explained

_HEADER = re.compile(rb"(commit|tree|blob|tag) (0|[1-9][0-9]{0,11})\0")
#: What the longest header takes.
_HEADER_SIZE = 32
_FOLDER = re.compile(r"[0-9a-f]{2}")
_REST = re.compile(r"[0-9a-f]{38}")
_PARENT = re.compile(rb"parent ([0-9a-f]{40})\n")


class LooseObjects:
    """The loose objects below ``folder``; each is judged once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._parents: dict[str, tuple[str, ...]] = {}

    def judge(self, id_: str) -> tuple[str, ...]:
        """Let ``id_`` pass if it is whole, or not loose at all; a loose commit's parents.

        Raises:
            CorruptPack: it is cut short, overlong or no Git object. Its hash libgit2 checks.
            LimitExceeded: it is larger than ``limits.WHOLE_OBJECT``.
        """
        if id_ not in self._parents:
            self._parents[id_] = self._read(id_)
        return self._parents[id_]

    def judge_near(self, id_: str) -> None:
        """Judge a commit and its parents: what libgit2 reads when it takes a step from there."""
        for parent in self.judge(id_):
            self.judge(parent)

    def judge_history(self, *starts: str) -> None:
        """Judge every loose commit that ``starts`` reach by loose commits."""
        waiting = list(starts)
        met = set(waiting)
        while waiting:
            fresh = [id_ for id_ in self.judge(waiting.pop()) if id_ not in met]
            met.update(fresh)
            waiting += fresh

    def judge_all(self, prefix: str) -> None:
        """Judge every loose object whose id begins with ``prefix``, of two digits or more."""
        folder, rest = prefix[:2], prefix[2:]
        try:
            names = os.listdir(os.path.join(self._folder, folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            if name.startswith(rest) and len(name) == 38:
                self.judge(folder + name)

    def ids(self) -> Iterator[str]:
        """Every loose object, by what its file's name says."""
        for folder in sorted(os.listdir(self._folder)):
            if _FOLDER.fullmatch(folder) and os.path.isdir(os.path.join(self._folder, folder)):
                names = sorted(os.listdir(os.path.join(self._folder, folder)))
                yield from (folder + name for name in names if _REST.fullmatch(name))

    def has(self, id_: str) -> bool:
        """Whether ``id_`` is a loose object, by its file's name."""
        return os.path.isfile(os.path.join(self._folder, id_[:2], id_[2:]))

    def read(self, id_: str) -> tuple[str, bytes] | None:
        """Kind and content of ``id_``; None when it is not loose.

        Raises:
            CorruptPack: as ``judge``; also when it does not hash to its name.
            LimitExceeded: it is larger than ``limits.WHOLE_OBJECT``.
        """
        found = self._open(id_)
        if found is None:
            return None
        kind, body = found
        hasher = hashlib.sha1(b"%s %d\0" % (kind, len(body)), usedforsecurity=False)
        hasher.update(body)
        if hasher.hexdigest() != id_:
            raise _damaged(id_, "it does not hash to its name")
        return kind.decode("ascii"), body

    def verify(self, id_: str) -> None:
        """Let ``id_`` pass if it is loose and hashes to its name.

        Raises:
            CorruptPack, LimitExceeded
        """
        self.read(id_)

    def _open(self, id_: str) -> tuple[bytes, bytes] | None:
        path = os.path.join(self._folder, id_[:2], id_[2:])
        try:
            with open(path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return None
        except OSError:
            with explained("read", path):
                raise
        return _inflate(data, id_)

    def _read(self, id_: str) -> tuple[str, ...]:
        kind, body = self._open(id_) or (b"", b"")
        if kind != b"commit":
            return ()
        head = body.partition(b"\n\n")[0] + b"\n"
        return tuple(parent.decode("ascii") for parent in _PARENT.findall(head))


def _inflate(data: bytes, id_: str) -> tuple[bytes, bytes]:
    stream = zlib.decompressobj()
    try:
        start = stream.decompress(data, _HEADER_SIZE)
        header = _HEADER.match(start)
        if header is None:
            raise _damaged(id_, "it has no header")
        size = int(header[2])
        if size > WHOLE_OBJECT:
            raise LimitExceeded(f"the Git object {id_} declares {size} bytes")
        body = start[header.end() :]
        # One more than there may be: max_length 0 would mean "no limit".
        body += stream.decompress(stream.unconsumed_tail, max(1, size + 1 - len(body)))
    except zlib.error as error:
        raise _damaged(id_, str(error)) from error
    if len(body) != size or not stream.eof or stream.unused_data:
        raise _damaged(id_, f"it declares {size} bytes and does not hold just those")
    return header[1], body


def _damaged(id_: str, why: str) -> CorruptPack:
    return CorruptPack(
        f"the Git object {id_} is damaged: {why}", hint="mvc fsck names what is whole"
    )
