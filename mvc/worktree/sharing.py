"""What a file that is being put together has in common with the one that it will replace.

On Btrfs, XFS and their like a new file can begin as a clone: it shares the old one's blocks until either is
written to, so that only what changed takes time and room. The old file is not trusted for that. What is kept is
read from the clone, which nobody else writes to, and hashed as all that comes out of the store is.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Collection, Iterator, Sequence
from typing import TypeAlias

from blake3 import blake3

from mvc.ids import ObjectId
from mvc.limits import KIB, MIB
from mvc.store import workers
from mvc.store.store import Store

#: An object, and the first byte of the file that it fills.
Span: TypeAlias = tuple[ObjectId, int]

#: What is smaller is written anew: to look at it takes as long.
_SMALLEST = 64 * KIB
#: Read at once.
_WINDOW = 2 * MIB
_PAGE = 4 * KIB


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.window = workers.pages(_WINDOW)


_local = _Scratch()


def kept(
    store: Store, path: str, before: Collection[Span], after: Sequence[Span]
) -> dict[Span, int]:
    """Those of ``after`` that the file ``path`` has from ``before``, with their lengths; it has its new size.

    What can't be read is not kept: the store has it too.
    """
    lengths = {span: store.length(span[0]) for span in after if span in before}
    lengths = {span: length for span, length in lengths.items() if length >= _SMALLEST}
    if not lengths:
        return {}
    try:
        with _opened(path) as descriptor:

            def is_there(one: tuple[Span, int]) -> bool:
                (id_, at), length = one
                return _hash(descriptor, at, length) == id_

            found = zip(lengths.items(), workers.run(is_there, lengths.items()), strict=True)
            return dict(one for one, there in found if there)
    except OSError:
        return {}


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    """A descriptor that reads past the page cache, where fresh pages would take longer than the disk."""
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_DIRECT", 0))
    except OSError:
        descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _hash(descriptor: int, at: int, length: int) -> str:
    """BLAKE3 of a span, which is read in whole pages of the file and of memory."""
    hasher = blake3()
    end = at + length
    for start in range(at // _PAGE * _PAGE, end, _WINDOW):
        view = _local.window[: -(-min(_WINDOW, end - start) // _PAGE) * _PAGE]
        filled = os.preadv(descriptor, [view], start)
        hasher.update(view[max(0, at - start) : min(filled, end - start)])
    return hasher.hexdigest()
