"""Codec 9: a frame is its base plus a product of two thin matrices, and what that leaves over.

A LoRA that was merged into a weight changes every word of it, but by a matrix of low rank. Its right factor is
an object of its own, which stands on the weight as it was; what stands on that finds both under it. The left
factor's rows are in the frames to which they belong. The product is one of integers that a double holds
exactly in any order of summation, so every machine predicts the same words; the rest is a ``delta`` to those.

The base of a frame is the factor object, then as many bytes of the weight as the frame has. Parameter: 16 × the
format (1 F32, 2 BF16, 3 F16). Factor object: ``FACTOR``, then the integers of the right factor by rows, as
zigzag (u32). Payload: ``_HEAD``; one zstd frame of the left factor's integers, a row for each row of the
weight that has a word in the frame, as zigzag (u32) by byte planes, the lowest first; a ``delta`` payload.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard

from mvc.errors import CorruptPack
from mvc.store.codecs import ROTATED, Place, delta
from mvc.store.codecs.byte_planes import joined, planes
from mvc.store.codecs.quantizing import BF16, F16, F32, WIDTHS, Floats, Rows, floats, narrowed
from mvc.store.codecs.zstd import unpack
from mvc.store.one_thread import one_thread
from mvc.store.workers import Buffers

#: Rank, 0, columns of the weight, its id: the same factor on another weight is another object.
FACTOR = struct.Struct("<HHI32s")
#: Power of two by which the product is divided, 0, the lead of the rows, length of the coded left factor.
_HEAD = struct.Struct("<hHII")
FORMATS = {"F32": F32, "BF16": BF16, "F16": F16}
_FARTHEST = 500
#: Integers of either factor are within this, and ranks, so that no sum of products leaves 53 bits.
LARGEST = 1 << 23
RANKS = 64
#: How much finer than a step of the weight's words the product is: finer costs more bits than it saves.
_FINER = 16
#: Products of a piece: so many that BLAS starts no threads for it, which the workers' would wait for.
_PRODUCTS = 256 * 1024
#: Elements of which rows are found at once.
_AT_ONCE = 64 * 1024
_COMPRESSION = zstandard.ZstdCompressionParameters.from_level(3, write_checksum=0)
#: Bits of a format's mantissa.
MANTISSAS = {F32: 23, BF16: 7, F16: 10}

_predicted, _after, _before = Buffers(), Buffers(), Buffers()
Doubles = npt.NDArray[np.float64]


def factor(integers: npt.NDArray[np.int64], weight: bytes) -> bytes:
    """The object of a right factor on the weight with this digest."""
    rank, columns = integers.shape
    return FACTOR.pack(rank, 0, columns, weight) + _zigzag(integers).tobytes()


def encode(
    raw: memoryview,
    param: int,
    out: memoryview,
    base: memoryview | None = None,
    place: Place | None = None,
) -> int | None:
    """The left factor's rows by least squares, and the rest; None for no gain."""
    form = _form(param)
    width = WIDTHS[form]
    if base is None or place is None or len(raw) < width or len(raw) % width:
        return None
    right, under = _parts(base, len(raw))
    rows = Rows(len(raw) // width, right.shape[1], -(place.start // width) % right.shape[1])
    values, before = _singles(raw, form, _after), _singles(under, form, _before)
    power = _power(_finite(values[::64]), right, form)
    with np.errstate(all="ignore"):  # floats of any size may stand in a tensor
        if not np.isfinite(np.subtract(values, before, out=before)).all():
            before = _finite(values) - _finite(floats(under, form))
        left = _left(before, right, rows)
    largest = float(np.abs(left).max())
    if not 0 < largest < np.inf:
        return None
    power = max(min(power, math.floor(math.log2(LARGEST / largest))), -_FARTHEST)
    integers = np.rint(left * 2.0**power)
    coded = zstandard.ZstdCompressor(compression_params=_COMPRESSION).compress(
        planes(_zigzag(integers.astype(np.int64)))
    )
    start = _HEAD.size + len(coded)
    if start >= len(raw):
        return None
    words = _predict(under, form, right, integers, rows, power)
    length = delta.encode(raw, width | ROTATED, out[start : len(raw)], words)
    if length is None or start + length >= len(raw):
        return None
    out[:start] = _HEAD.pack(power, 0, rows.lead, len(coded)) + coded
    return start + length


def decode(
    payload: memoryview, param: int, out: memoryview, base: memoryview | None = None
) -> None:
    """Inverse of ``encode``.

    Raises:
        CorruptPack: no factor and weight for the frame, or no payload that ``encode`` writes.
    """
    form = _form(param)
    if base is None or not len(out) or len(out) % WIDTHS[form]:
        raise CorruptPack("a lowrank payload lacks its base")
    right, under = _parts(base, len(out))
    if len(payload) < _HEAD.size:
        raise CorruptPack("a lowrank payload ends inside its head")
    power, nothing, lead, length = _HEAD.unpack_from(payload)
    rank, columns = right.shape
    start = _HEAD.size + length
    if nothing or abs(power) > _FARTHEST or lead >= columns or start > len(payload):
        raise CorruptPack("a lowrank payload is shorter than its parts")
    rows = Rows(len(out) // WIDTHS[form], columns, lead)
    number = (rows.whole + len(rows.ragged)) * rank
    stored = joined(unpack(payload[_HEAD.size : start], 4 * number), "<u4")
    left = _unzigzag(stored).reshape(-1, rank)
    words = _predict(under, form, right, left, rows, power)
    delta.decode(payload[start:], WIDTHS[form] | ROTATED, out, words)


def _form(param: int) -> int:
    form, rest = divmod(param, 16)
    if rest or form not in WIDTHS:
        raise CorruptPack(f"lowrank parameter {param} is unknown")
    return form


def _parts(base: memoryview, length: int) -> tuple[Doubles, memoryview]:
    """The right factor's integers, and the weight's bytes."""
    size = len(base) - length
    if size < FACTOR.size:
        raise CorruptPack("a lowrank payload lacks its base")
    rank, nothing, columns, _ = FACTOR.unpack_from(base)
    if nothing or not 0 < rank <= RANKS or not columns or size != FACTOR.size + 4 * rank * columns:
        raise CorruptPack("a lowrank payload stands on no factor")
    stored = np.frombuffer(base, "<u4", rank * columns, FACTOR.size)
    return _unzigzag(stored).reshape(rank, columns), base[size:]


def _predict(
    under: memoryview, form: int, right: Doubles, left: Doubles, rows: Rows, power: int
) -> memoryview:
    """The weight's words with the product added, in scratch of this thread."""
    out = _predicted.take(len(under))
    words = np.frombuffer(out, f"<u{WIDTHS[form]}")
    before, finer = _singles(under, form, _before), 2.0**-power
    finite = bool(np.isfinite(before).all())
    for start, stop, product in _products(right, left, rows):
        part = before[start:stop]
        with np.errstate(all="ignore"):
            # One sum in double precision, rounded to single and then to the format.
            np.multiply(product, finer, out=product)
            sums = np.add(product, part, out=product).astype(np.float32)
            words[start:stop] = _words(
                sums if finite else np.where(np.isfinite(part), sums, part), form
            )
    return out


def _singles(data: memoryview, form: int, buffer: Buffers) -> Floats:
    """``floats`` in scratch of this thread, for the caller to change: fresh memory costs more than the sums."""
    words = np.frombuffer(data, f"<u{WIDTHS[form]}")
    found = np.frombuffer(buffer.take(4 * len(words)), "<u4")
    if form == BF16:
        np.left_shift(words, 16, out=found, dtype=np.uint32)
    else:
        with np.errstate(invalid="ignore"):
            found.view("<f4")[...] = words.view(f"<f{WIDTHS[form]}")
    return found.view("<f4")


def _products(right: Doubles, left: Doubles, rows: Rows) -> Any:
    """Beginning, end and product of pieces of the frame, in order."""
    first = int(bool(rows.lead))
    columns = right.shape[1]
    for start, stop in rows.ragged:
        if start < rows.lead:
            yield start, stop, left[0] @ right[:, columns - rows.lead :][:, : stop - start]
    together = max(1, _PRODUCTS // right.size)
    for begin in range(0, rows.whole, together):
        end = min(begin + together, rows.whole)
        product = left[first + begin : first + end] @ right
        yield rows.lead + begin * columns, rows.lead + end * columns, product.ravel()
    for start, stop in rows.ragged:
        if start >= rows.lead:
            yield start, stop, left[-1] @ right[:, : stop - start]


def _left(change: npt.NDArray[np.float32], right: Doubles, rows: Rows) -> Doubles:
    """The left factor that comes nearest to the change, row by row."""
    rank, columns = right.shape
    first = int(bool(rows.lead))
    found = np.zeros((rows.whole + len(rows.ragged), rank))
    for start, stop in rows.ragged:
        if stop - start >= 4 * rank:  # fewer words would be explained by anything
            lead = start < rows.lead
            begin = columns - rows.lead if lead else 0
            part = right[:, begin : begin + stop - start]
            found[0 if lead else -1] = change[start:stop] @ _inverse(part)
    whole = change[rows.lead : rows.lead + rows.whole * columns].reshape(-1, columns)
    inverse, together = _inverse(right), max(1, _AT_ONCE // columns)
    for begin in range(0, rows.whole, together):
        end = min(begin + together, rows.whole)
        found[first + begin : first + end] = whole[begin:end] @ inverse
    return found


@one_thread()
def _inverse(right: Doubles) -> Doubles:
    try:
        inverse = np.linalg.solve(right @ right.T, right).T
    except np.linalg.LinAlgError:
        inverse = np.linalg.pinv(right)
    return inverse.astype(np.float64)


def _power(values: npt.NDArray[np.float32], right: Doubles, form: int) -> int:
    """How fine the left factor has to be for the product to be finer than a step of words like ``values``."""
    spread = np.sqrt((right**2).sum() / right.shape[1])
    step = np.median(np.abs(values)) * 2.0 ** -MANTISSAS[form]
    if not step or not spread:
        return 0
    return int(np.clip(np.ceil(np.log2(spread * _FINER / step)), -_FARTHEST, _FARTHEST))


def _finite(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.where(np.isfinite(values), values, np.float32(0))


def _words(values: npt.NDArray[np.float32], form: int) -> npt.NDArray[Any]:
    if form == F32:
        return values.view("<u4")
    if form == F16:
        return values.astype("<f2").view("<u2")
    return narrowed(values, BF16).view("<u2")[1::2]


def _zigzag(integers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    return (integers << 1 ^ integers >> 63).astype("<u4")


def _unzigzag(stored: npt.NDArray[np.uint32]) -> Doubles:
    """Integers as doubles.

    Raises:
        CorruptPack: one is too large for the sums to be exact.
    """
    integers = (stored >> 1).astype(np.int64) ^ -(stored & 1).astype(np.int64)
    if len(integers) and max(int(integers.max()), -int(integers.min())) > LARGEST:
        raise CorruptPack("a lowrank factor is larger than any that is written")
    return integers.astype(np.float64)
