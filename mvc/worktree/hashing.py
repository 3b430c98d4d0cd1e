"""Hashing spans of files on all cores, in bounded memory."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from blake3 import blake3

from mvc import limits
from mvc.ids import ObjectId
from mvc.store import workers
from mvc.store.source import ByteSource

#: Read at once; each worker keeps one such buffer.
_WINDOW = 2 * limits.MIB
#: From here on one span's hash alone is worth several threads.
_LARGE = 64 * limits.MIB
_buffers = workers.Buffers()


def hash_spans(spans: Iterable[ByteSource]) -> Generator[ObjectId, None, None]:
    """The id of each span, in order. Closing the iterator early stops the work.

    Raises:
        MvcError: a span's file became shorter.
        StorageError: it can't be read.
    """
    yield from workers.run(hash_span, spans)


def hash_span(span: ByteSource) -> ObjectId:
    """BLAKE3-256 of a span."""
    hasher = blake3(max_threads=blake3.AUTO if span.length >= _LARGE else 1)
    buffer = _buffers.take(min(_WINDOW, span.length))
    for start in range(0, span.length, _WINDOW):
        view = buffer[: min(_WINDOW, span.length - start)]
        span.read_into(start, view)
        hasher.update(view)
    return ObjectId(hasher.hexdigest())
