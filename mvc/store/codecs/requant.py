"""Codec 7: a quantized tensor is the floats that it was made from, and the recipe.

The recipe is found when the frame is written (``recipes``) and proved by decoding. A row's scale follows from
the floats where all of the row lies in the frame; scales that do not follow, and those of the rows that the
frame cuts, are listed. Integers that come out otherwise are listed, too, while they are few.

Parameter: 16 × the format of the floats (1 F32, 2 BF16, 3 F16) + that of the integers: 1, a byte each; 2, four
bits, the earlier one in the low half of a byte; 3, in the high half. Payload: ``_HEAD``; one zstd frame of the
listed scales (f32, by byte planes) and, where the head says so, of their zeros (i16, by byte planes); the
positions (u32, ascending) of the listed integers, counted in elements; the integers, a byte each.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt
import zstandard

from mvc.errors import CorruptPack
from mvc.store.codecs import Place
from mvc.store.codecs.byte_planes import joined, planes
from mvc.store.codecs.quantizing import (
    BF16,
    F16,
    F32,
    LISTED,
    SPREAD,
    WIDTHS,
    Floats,
    Integers,
    Recipe,
    Rows,
    Scales,
    floats,
    quantized,
    scales,
)
from mvc.store.codecs.zstd import unpack
from mvc.store.memory import put

#: origin, steps, whether zeros are listed, 0; most; low, high, zero, 0; row, lead, listed bytes, exceptions.
_HEAD = struct.Struct("<BBBBfhhhHIIII")
BYTES, LOW_FIRST, HIGH_FIRST = 1, 2, 3
_FORMATS = {"F32": F32, "BF16": BF16, "F16": F16}
#: One integer in so many may be listed.
_MOST_LISTED = 50
#: A zero is within this, so that no sum leaves INT16.
_FARTHEST_ZERO = 16_000
#: Elements that are worked on together: what a core's cache holds.
_BLOCK = 64 * 1024
_COMPRESSOR = zstandard.ZstdCompressionParameters.from_level(3, write_checksum=0)

Bytes = npt.NDArray[np.uint8]


def parameter(base: str | None, ratio: float) -> tuple[int, ...]:
    """The parameters to try for integers over a base that is ``ratio`` times as long."""
    form = _FORMATS.get(base or "", 0)
    packings = {1: (BYTES,), 2: (LOW_FIRST, HIGH_FIRST)}
    found = packings.get(int(ratio / WIDTHS[form]), ()) if form else ()
    return tuple(16 * form + one for one in found if ratio == WIDTHS[form] * _each(one))


def widths(param: int) -> tuple[int, int]:
    """Bytes of the base for each byte of the frame, as a fraction's two parts: see ``base_span``.

    Raises:
        CorruptPack: the codec has no such parameter.
    """
    form, packing = divmod(param, 16)
    if form not in WIDTHS or packing not in (BYTES, LOW_FIRST, HIGH_FIRST):
        raise CorruptPack(f"requant parameter {param} is unknown")
    return WIDTHS[form] * _each(packing), 1


def encode(
    raw: memoryview,
    param: int,
    out: memoryview,
    base: memoryview | None = None,
    place: Place | None = None,
) -> int | None:
    """The recipe by which ``base`` becomes ``raw``; None when none is found."""
    wide, _ = widths(param)
    if base is None or place is None or not len(raw) or len(base) != wide * len(raw):
        return None
    from mvc.store.codecs.recipes import find

    form, packing = divmod(param, 16)
    values, integers = floats(base, form), _unpacked(raw, packing)
    with np.errstate(all="ignore"):  # a guess; floats may be anything
        found = find(
            values, integers, form, 8 // _each(packing), place.start * _each(packing), place.rows
        )
    if found is None:
        return None
    recipe, rows, listed = found
    wrong = np.flatnonzero(
        _unsigned(predicted(recipe, values, rows, listed, form), packing) != integers
    )
    if len(wrong) * _MOST_LISTED > len(integers):
        return None
    zeros = recipe.origin == SPREAD or bool((listed.zero != recipe.zero).any())
    lists = planes(listed.scale.astype("<f4")) + (planes(listed.zero) if zeros else b"")
    coded = zstandard.ZstdCompressor(compression_params=_COMPRESSOR).compress(lists)
    head = _HEAD.pack(
        *(recipe.origin, recipe.steps, zeros, 0, recipe.most),
        *(recipe.low, recipe.high, recipe.zero, 0),
        *(rows.row, rows.lead, len(coded), len(wrong)),
    )
    payload = head + coded + wrong.astype("<u4").tobytes() + integers[wrong].tobytes()
    return put(payload, raw, out)


def decode(
    payload: memoryview, param: int, out: memoryview, base: memoryview | None = None
) -> None:
    """Inverse of ``encode``.

    Raises:
        CorruptPack: no base of the frame's elements, or no payload that ``encode`` writes.
    """
    wide, _ = widths(param)
    if base is None or len(base) != wide * len(out):
        raise CorruptPack("a requant payload lacks its base")
    if len(payload) < _HEAD.size:
        raise CorruptPack("a requant payload ends inside its head")
    form, packing = divmod(param, 16)
    count = len(out) * _each(packing)
    origin, steps, zeros, nothing, most, *rest = _HEAD.unpack_from(payload)
    low, high, zero, none, row, lead, length, number = rest
    recipe, rows = Recipe(origin, steps, most, low, high, zero), Rows(count, row, lead)
    if origin > SPREAD or steps > 7 or zeros > 1 or nothing or none or low > high or lead >= row:
        raise CorruptPack("a requant payload has no such recipe")
    if len(payload) != _HEAD.size + length + 5 * number:
        raise CorruptPack("a requant payload has another length than its lists")
    listed = _lists(payload[_HEAD.size : _HEAD.size + length], recipe, rows, bool(zeros))
    integers = _unsigned(predicted(recipe, floats(base, form), rows, listed, form), packing)
    places = np.frombuffer(payload, "<u4", number, _HEAD.size + length)
    if number and int(places.max()) >= count:
        raise CorruptPack("a requant payload lists an integer past its frame")
    integers[places] = np.frombuffer(payload, np.uint8, number, len(payload) - number)
    _pack(integers, packing, np.frombuffer(out, np.uint8))


def predicted(recipe: Recipe, values: Floats, rows: Rows, listed: Scales, form: int) -> Integers:
    """The integers by the recipe. ``listed`` are the scales of all rows, or of those that are cut."""
    out = np.empty(rows.number, np.int16)
    ragged = rows.ragged
    first = int(bool(ragged) and ragged[0][0] < rows.lead)
    own = first if recipe.origin == LISTED else 0
    for start, stop in ragged:
        one = 0 if start < rows.lead else len(listed.scale) - 1
        _fill(recipe, values[start:stop], _slice(listed, one, one + 1), form, out[start:stop])
    together = max(1, _BLOCK // rows.row)
    for begin in range(0, rows.whole, together):
        end = min(begin + together, rows.whole)
        span = slice(rows.lead + begin * rows.row, rows.lead + end * rows.row)
        block = values[span].reshape(-1, rows.row)
        if recipe.origin == LISTED:
            found = _slice(listed, own + begin, own + end)
        else:
            found = scales(recipe, block, form)
        _fill(recipe, block, found, form, out[span])
    return out


def _fill(recipe: Recipe, values: Floats, found: Scales, form: int, out: Integers) -> None:
    """Quantize rows, or one row piece by piece, into ``out``, which is flat."""
    if len(found.scale) > 1:
        out[:] = quantized(recipe, values, found, form).ravel()
        return
    flat = values.reshape(1, -1)
    for start in range(0, flat.shape[1], _BLOCK):
        piece = quantized(recipe, flat[:, start : start + _BLOCK], found, form)
        out[start : start + _BLOCK] = piece[0]


def _slice(found: Scales, start: int, stop: int) -> Scales:
    return Scales(found.scale[start:stop], found.zero[start:stop])


def _lists(stored: memoryview, recipe: Recipe, rows: Rows, zeros: bool) -> Scales:
    number = len(rows.ragged) + (rows.whole if recipe.origin == LISTED else 0)
    data = unpack(stored, number * (6 if zeros else 4))
    scale = joined(data[: 4 * number], "<f4")
    zero = np.full(number, recipe.zero, np.int16)
    if zeros:
        zero = joined(data[4 * number :], "<i2").astype(np.int16)
    if max(abs(int(zero.max(initial=0))), abs(int(zero.min(initial=0)))) > _FARTHEST_ZERO:
        raise CorruptPack("a requant payload has a zero that no format holds")
    return Scales(scale, zero)


def _each(packing: int) -> int:
    """Elements of a byte."""
    return 1 if packing == BYTES else 2


def _unsigned(integers: Integers, packing: int) -> Bytes:
    found = integers.astype(np.uint8)
    return found if packing == BYTES else found & np.uint8(15)


def _unpacked(raw: memoryview, packing: int) -> Bytes:
    data = np.frombuffer(raw, np.uint8)
    if packing == BYTES:
        return data
    halves = data & np.uint8(15), data >> np.uint8(4)
    return np.stack(halves if packing == LOW_FIRST else halves[::-1], axis=1).ravel()


def _pack(integers: Bytes, packing: int, out: Bytes) -> None:
    if packing == BYTES:
        np.copyto(out, integers)
        return
    first, second = integers[0::2], integers[1::2] & np.uint8(15)
    if packing == HIGH_FIRST:
        first, second = second, first & np.uint8(15)
    np.bitwise_or(first & np.uint8(15), second << np.uint8(4), out=out)
