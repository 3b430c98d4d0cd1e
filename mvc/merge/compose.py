"""A new file around merged tensors: its skeleton in the store, its manifest as ``add`` would make it.

Tensors that are views in their file become objects of their own. Bytes move only where they must: a tensor
that is an object already is named again, a computed one is written block by block.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from mvc import formats
from mvc.dtypes import DTYPES, nbytes
from mvc.errors import FormatError, MvcError
from mvc.formats.layout import ComposedTensor
from mvc.history.manifest import Conflict, Entry, Manifest, StorageEntry
from mvc.history.tensors import tensor_bytes, tensor_chunks, tensor_nbytes
from mvc.ids import ObjectId
from mvc.limits import FRAME
from mvc.merge.content import Content
from mvc.merge.job import Job
from mvc.merge.strategies.strategy import Blend
from mvc.merge.terms import Clash, Computed, Decision, Kept, Made, Piece, Term
from mvc.store.source import BytesSource, Candidate, Incoming
from mvc.store.store import Store
from mvc.values import dataclass

#: Formats whose own directory records a CRC-32 of each tensor.
CHECKSUMMED = frozenset({"pytorch"})


def build(job: Job, content: Content, decisions: Sequence[Decision]) -> Manifest:
    """The manifest of a file with the decided tensors; an undecided one is a conflict, written as ours.

    Raises:
        FormatError: the format can't write such a file.
    """
    template = content.template
    composer = formats.composer(template.format)
    if composer is None or template.skeleton is None:
        raise FormatError(f"the format {template.format} can't write a file with other tensors")
    checksums = _checksums(job, decisions) if template.format in CHECKSUMMED else {}
    tensors = _settled(job, decisions)
    conflicts = [_conflict(job, d) for d in decisions if isinstance(d, Clash)]
    kept = [d.piece for d in decisions if isinstance(d, Kept) and d.piece is not None]
    conflicts += [piece.conflict for piece in kept if piece.conflict is not None]
    written = {e.name: e for e in (*tensors, *(c.ours for c in conflicts if c.ours is not None))}
    composed = tuple(
        ComposedTensor(name, e.dtype, e.shape, tensor_nbytes(e), checksums.get(name))
        for name, e in sorted(written.items())
    )
    skeleton = job.context.store.read(template.skeleton)
    data, layout = composer.compose(skeleton, composed, content.metadata)
    known = {storage.key: storage for storage in template.storages}
    rest = [storage for storage in layout.storages if storage.key not in written]
    if any(storage.key not in known for storage in rest):
        raise FormatError(f"the new {template.format} file has bytes that nothing names")
    return Manifest(
        format=template.format,
        size=layout.size,
        skeleton=job.pack.put(data),
        tensors=tuple(sorted(tensors, key=lambda entry: entry.name)),
        storages=tuple(
            StorageEntry(s.key, s.length, known[s.key].id)
            for s in sorted(rest, key=lambda s: s.key)
        ),
        conflicts=tuple(sorted(conflicts, key=lambda conflict: conflict.name)),
    )


def _checksums(job: Job, decisions: Iterable[Decision]) -> dict[str, int]:
    """CRC-32 of each tensor's bytes as they will stand in the file, by name."""
    found: dict[str, int] = {}
    for decision in decisions:
        checksum = 0
        if isinstance(decision, Made):
            if decision.checksum is not None:
                found[decision.entry.name] = decision.checksum
            continue
        if isinstance(decision, Computed):
            name = decision.term.name
            chunks = BlendSource.of(job.context.store, decision).blocks()
        else:
            piece = decision.piece if isinstance(decision, Kept) else decision.term.ours
            entry = None if piece is None else piece.entry
            if piece is not None and piece.conflict is not None:
                entry = piece.conflict.ours
            if piece is None or entry is None:
                continue
            name = entry.name
            chunks = tensor_chunks(job.context.store, piece.home, entry)
        for chunk in chunks:
            checksum = zlib.crc32(chunk, checksum)
        found[name] = checksum
    return found


def whole(job: Job, piece: Piece) -> Entry:
    """The tensor as an object of its own, which is written if the store lacks it."""
    entry = piece.entry
    store = job.context.store
    if entry.storage is not None and entry.id not in store:
        job.pack.put(tensor_bytes(store, piece.home, entry), entry.dtype)
    return Entry(entry.name, entry.dtype, entry.shape, entry.id)


def _settled(job: Job, decisions: Iterable[Decision]) -> list[Entry]:
    found = [
        whole(job, decision.piece)
        for decision in decisions
        if isinstance(decision, Kept)
        and decision.piece is not None
        and decision.piece.conflict is None
    ]
    found += [decision.entry for decision in decisions if isinstance(decision, Made)]
    computed = [decision for decision in decisions if isinstance(decision, Computed)]
    return found + _computed(job, computed)


def _conflict(job: Job, clash: Clash) -> Conflict:
    term = clash.term
    base, ours, theirs, *more = (None if p is None else whole(job, p) for p in term.sides)
    return Conflict(term.name, base, ours, theirs, tuple(more))


def _computed(job: Job, computed: Sequence[Computed]) -> list[Entry]:
    """New tensors, all in one batch so that every core has something to do."""
    store = job.context.store
    incoming = [
        Incoming(BlendSource.of(store, one), one.blend.dtype, partial(_sides, one.term))
        for one in computed
    ]
    total = sum(item.source.length for item in incoming)
    done = 0

    def report(more: int) -> None:
        nonlocal done
        done += more
        if job.progress is not None:
            job.progress("merging", done, total)

    ids = job.pack.add(incoming, report) if incoming else []
    return [
        Entry(one.term.name, one.blend.dtype, one.blend.shape, id_)
        for one, id_ in zip(computed, ids, strict=True)
    ]


def _sides(term: Term) -> list[Candidate]:
    """What a computed tensor lies between."""
    pieces = (piece for piece in (term.ours, term.theirs, term.base) if piece is not None)
    entries = [piece.entry for piece in pieces if piece.entry.storage is None]
    return [Candidate(entry.id, entry.dtype) for entry in entries]


@dataclass(frozen=True, slots=True)
class _StoredBytes:
    """An object that is read piece by piece, each piece verified."""

    store: Store
    id: ObjectId
    length: int

    def read_into(self, offset: int, buffer: memoryview) -> None:
        buffer[:] = self.store.read_range(self.id, offset, len(buffer))


@dataclass(frozen=True, slots=True)
class BlendSource:
    """A computed tensor as a source of bytes: each block is computed when it is asked for."""

    length: int
    width: int
    blend: Blend
    sides: tuple[_StoredBytes | BytesSource, ...]

    @staticmethod
    def of(store: Store, computed: Computed) -> BlendSource:
        """The tensor that ``computed`` describes."""
        sides: list[_StoredBytes | BytesSource] = []
        for side in computed.blend.sides:
            piece = computed.term.side(side)
            if piece is None:
                raise MvcError(f"the tensor {computed.term.name!r} is not there to compute with")
            if piece.entry.storage is None:
                length = tensor_nbytes(piece.entry)
                sides.append(_StoredBytes(store, piece.entry.id, length))
            else:
                sides.append(BytesSource(tensor_bytes(store, piece.home, piece.entry)))
        blend = computed.blend
        width = max(1, DTYPES[blend.dtype].bits // 8)
        return BlendSource(nbytes(blend.dtype, blend.shape), width, blend, tuple(sides))

    def blocks(self) -> Iterator[memoryview]:
        """The whole tensor from front to back."""
        for start in range(0, self.length, FRAME):
            yield self._compute(start, min(start + FRAME, self.length))

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Compute ``[offset, offset + len(buffer))``, a frame at a time."""
        position, end = offset, offset + len(buffer)
        while position < end:
            start = position - position % self.width
            stop = min(start + FRAME, self.length)
            block = self._compute(start, stop)
            upto = min(stop, end)
            buffer[position - offset : upto - offset] = block[position - start : upto - start]
            position = upto

    def _compute(self, start: int, stop: int) -> memoryview:
        parts = []
        for side in self.sides:
            part = bytearray(stop - start)
            side.read_into(start, memoryview(part))
            parts.append(part)
        block = memoryview(self.blend.block(tuple(parts))).cast("B")
        if len(block) != stop - start:
            raise MvcError(f"a merge strategy gave {len(block)} bytes for {stop - start}")
        return block
