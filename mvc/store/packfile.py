"""An open pack: checked reads at offsets, its table, and the walk that replaces a lost table.

``PackFile`` believes nothing that it has not checked; it knows no index and no other pack.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from blake3 import blake3

from mvc.errors import CorruptPack
from mvc.store import pack
from mvc.store.fs import explained
from mvc.store.pack import FrameHeader, ObjectHeader, Record
from mvc.store.source import read_at

#: Bytes that a ``Run`` reads at once: one frame and its headers always fit.
READ_AHEAD = 2 * 1024 * 1024


class PackFile:
    """One pack, open for reading until the last reference goes: no reader loses it to another's
    close."""

    def __init__(self, path: str, *, wreck: bool = False) -> None:
        """Open and check the header, unless it is known to be a ``wreck``.

        Raises:
            FileNotFoundError: it was removed; the caller looks the object up again.
            StorageError, CorruptPack
        """
        self.path = path
        self._descriptor = -1
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            self._descriptor = os.open(path, flags)
        except FileNotFoundError:
            raise
        except OSError:
            with explained("read", path):
                raise
        self.size = os.fstat(self._descriptor).st_size
        if not wreck:
            pack.check_header(self.read(0, min(pack.HEADER_SIZE, self.size)), path)

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill ``buffer``.

        Raises:
            CorruptPack: the pack ends before.
        """
        if offset + len(buffer) > self.size:
            raise pack.corrupt(
                self.path, offset, f"ends at {self.size}, inside what is stored there"
            )
        with explained("read", self.path):
            filled = read_at(self._descriptor, buffer, offset)
        if filled != len(buffer):
            raise pack.corrupt(self.path, offset, "became shorter while it was read")

    def read(self, offset: int, length: int) -> bytes:
        """``length`` bytes (small: the caller has checked it).

        Raises:
            CorruptPack
        """
        if offset + length > self.size:
            raise pack.corrupt(
                self.path, offset, f"ends at {self.size}, inside what is stored there"
            )
        buffer = bytearray(length)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    def object_header(self, offset: int) -> ObjectHeader:
        """The object header at ``offset``.

        Raises:
            CorruptPack
        """
        data = self.read(offset, pack.OBJECT_SIZE)
        return pack.decode_object(data, self.path, offset)

    def frames(self, offset: int, header: ObjectHeader) -> Iterator[tuple[int, FrameHeader]]:
        """Payload offset and header of each frame of the object at ``offset``; reads headers only.

        Raises:
            CorruptPack
        """
        position = offset + pack.OBJECT_SIZE
        remaining = header.length
        for _ in range(header.frames):
            length = min(header.frame_size, remaining)
            data = self.read(position, pack.FRAME_SIZE)
            frame = pack.decode_frame(data, length, self.path, position)
            yield position + pack.FRAME_SIZE, frame
            position += pack.FRAME_SIZE + frame.stored
            remaining -= length

    def table(self) -> bytes:
        """The records of all objects, sorted by id, as they stand at the end of the pack.

        Raises:
            CorruptPack: the footer or the table is damaged; ``scan`` may still find the objects.
        """
        start = max(0, self.size - pack.FOOTER_SIZE)
        footer = self.read(start, self.size - start)
        offset, count, digest = pack.decode_footer(footer, self.size, self.path)
        table = self.read(offset, count * pack.RECORD_SIZE)
        if blake3(table).digest() != digest:
            raise pack.corrupt(self.path, offset, "has damage in its table")
        return table

    def scan(self) -> bytes:
        """A table made by walking from object to object, up to the first damaged header."""
        records = []
        offset = pack.HEADER_SIZE
        while True:
            try:
                header = self.object_header(offset)
                stored = pack.OBJECT_SIZE
                for payload, frame in self.frames(offset, header):
                    stored = payload + frame.stored - offset
            except CorruptPack:
                break
            if offset + stored > self.size:
                break
            record = Record(
                header.digest, 0, header.depth, header.kind, offset, stored, header.length
            )
            records.append(pack.encode_record(record))
            offset += stored
        return b"".join(sorted(records))


class Run:
    """Reads a stretch of a pack front to back in large pieces, object after object."""

    def __init__(
        self, file: PackFile, start: int, end: int, buffer: memoryview | None = None
    ) -> None:
        """``buffer`` is memory to use, for a caller that has some to use again."""
        size = max(0, min(READ_AHEAD, end - start))
        self.file = file
        self.position = start
        self._limit = end
        self._next = start
        self._end = end
        self._buffer = memoryview(bytearray(size)) if buffer is None else buffer[:size]
        self._data = self._buffer[:0]

    def enter(self, start: int, end: int) -> None:
        """Go to ``start``; nothing is taken past ``end`` until the next call."""
        skip = start - self.position
        if 0 <= skip <= len(self._data):
            self._data = self._data[skip:]
        else:
            self._data = self._buffer[:0]
            self._next = start
        self.position = start
        self._limit = min(end, self._end)

    def take(self, length: int) -> memoryview:
        """The next ``length`` bytes, valid until the next call.

        Raises:
            CorruptPack: they pass the end of the object or of the pack.
        """
        if self.position + length > self._limit:
            raise pack.corrupt(self.file.path, self.position, "has an object that overruns its end")
        if len(self._data) < length:
            self._fill(length)
        taken = self._data[:length]
        self._data = self._data[length:]
        self.position += length
        return taken

    def _fill(self, length: int) -> None:
        kept = len(self._data)
        if length > len(self._buffer):
            grown = memoryview(bytearray(length))
            grown[:kept] = self._data
            self._buffer = grown
        else:
            self._buffer[:kept] = self._data
        more = min(len(self._buffer) - kept, self._end - self._next)
        self.file.read_into(self._next, self._buffer[kept : kept + more])
        self._next += more
        self._data = self._buffer[: kept + more]
