"""The codecs that decode over a base, with a base of the fuzzer's making too.

``places.a_frame_is_decoded_or_refused`` has one good base for each codec; here it may hold any words (NaN,
infinities, zeros, another factor), as in a repository that somebody else made.
"""

from __future__ import annotations

import contextlib

from mvc.errors import CorruptPack
from mvc.store.codecs import LOWRANK, OVER_BASE, REQUANT, SPARSE, Place, base_span, codec
from mvc.store.codecs.lowrank import FACTOR

#: The three that compute come up more often.
NUMBERS = (*sorted(OVER_BASE), REQUANT, SPARSE, LOWRANK)
HEAD = 6
#: Stands for a factor whose form is sound, of the shape that the sixth byte says.
SOUND = 0x80


def a_frame_over_any_base_comes_back_or_is_refused(data: bytes) -> None:
    """Codec, parameter, length of the frame, units of 16 bytes of base material, shape of a factor; then
    the material and a payload.

    What the payload decodes to, or else the payload's own bytes, is encoded over the same base: if it gains,
    it must come back.
    """
    if len(data) < HEAD:
        return
    number, param = NUMBERS[(data[0] & ~SOUND) % len(NUMBERS)], data[1]
    length, units = int.from_bytes(data[2:4], "little") % 4096, data[4]
    material, payload = data[HEAD : HEAD + 16 * units], data[HEAD + 16 * units :]
    try:
        base = _base(number, param, length, material, data[5] if data[0] & SOUND else None)
    except CorruptPack:
        return
    method, raw = codec(number), bytearray(length)
    try:
        method.decode(memoryview(payload), param, memoryview(raw), base)
    except CorruptPack:
        raw[:] = _repeated(payload, length)
    made, again = bytearray(length), bytearray(length)
    with contextlib.suppress(CorruptPack):  # the base is none for this frame
        size = method.encode(memoryview(raw), param, memoryview(made), base, Place(0, (10,)))
        if size is not None:
            assert size < length
            method.decode(memoryview(made)[:size], param, memoryview(again), base)
            assert again == raw


def over_any_base(number: int, param: int, raw: bytes, material: bytes) -> list[bytes]:
    """Inputs of the target: ``raw`` as it is, and as the codec writes it over that base."""
    assert len(material) % 16 == 0
    base, out = _base(number, param, len(raw), material, _SHAPE), memoryview(bytearray(len(raw)))
    size = codec(number).encode(memoryview(raw), param, out, base, Place(0, (10,)))
    head = bytes((NUMBERS.index(number) | SOUND, param)) + len(raw).to_bytes(2, "little")
    head += bytes((len(material) // 16, _SHAPE)) + material
    assert size is not None
    return [head + raw, head + bytes(out[:size])]


_SHAPE = 0x14  # rank 2, 5 columns


def _base(number: int, param: int, length: int, material: bytes, shape: int | None) -> memoryview:
    _, span = base_span(number, param, 0, length)
    if number != LOWRANK:
        return memoryview(_repeated(material, span))
    rank, columns = (1 + (shape or 0) // 16 % 4, 1 + (shape or 0) % 16)
    if shape is None:
        return memoryview(material + _repeated(material, span))
    size = 4 * rank * columns
    factor = FACTOR.pack(rank, 0, columns, bytes(32)) + _repeated(material[:size], size)
    return memoryview(factor + _repeated(material[size:], span))


def _repeated(material: bytes, length: int) -> bytes:
    return (material * (length // len(material) + 1))[:length] if material else bytes(length)
