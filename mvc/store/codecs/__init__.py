"""The codecs: which number means which pair of functions, and which of them a dtype is tried with.

A codec turns one frame (at most ``limits.FRAME`` bytes) into a smaller payload and back, bit for
bit. It is pure: no files, no ids, no state beyond scratch memory of its thread. The numbers stand
in packs and are frozen, with golden vectors in ``tests/store``. From 3 on a codec may need a base:
as many bytes of another object, which the reader has too. What a pack says picks a number out of
this table; it can never name code to load.
"""

from __future__ import annotations

import importlib
import typing
from typing import NamedTuple, Protocol

from mvc.dtypes import DTYPES
from mvc.errors import CorruptPack

RAW = 0
PLANES = 1
ZSTD = 2
DELTA = 3
COPY = 4
MASK = 5
CAST = 6
REQUANT = 7
SPARSE = 8
LOWRANK = 9

#: In a ``planes`` parameter: the words were rotated left by one, which takes the sign out of the
#: way.
ROTATED = 0x10

#: Places of a frame that ``may_gain`` looks at.
_LOOKS = 512

#: Codecs that decode over a base.
OVER_BASE = frozenset({DELTA, COPY, MASK, CAST, REQUANT, SPARSE, LOWRANK})

_MODULES = {
    RAW: "mvc.store.codecs.raw",
    PLANES: "mvc.store.codecs.planes",
    ZSTD: "mvc.store.codecs.zstd",
    DELTA: "mvc.store.codecs.delta",
    COPY: "mvc.store.codecs.copy",
    MASK: "mvc.store.codecs.mask",
    CAST: "mvc.store.codecs.cast",
    REQUANT: "mvc.store.codecs.requant",
    SPARSE: "mvc.store.codecs.sparse",
    LOWRANK: "mvc.store.codecs.lowrank",
}
_loaded: dict[int, Codec] = {}

#: Dtypes in which quantized tensors are kept: a byte each, or packed.
_QUANTIZED = frozenset({"I8", "U8", "I32"})

#: (number, parameter) pairs to try; the smallest result is kept, raw when none gains.
Plan = tuple[tuple[int, int], ...]


class Place(NamedTuple):
    """Where a frame lies: its first byte in its object, and how many elements a row may have there."""

    start: int
    rows: tuple[int, ...] = ()


class Codec(Protocol):
    """Two functions, inverse to each other; a module of this folder is one."""

    def encode(
        self,
        raw: memoryview,
        param: int,
        out: memoryview,
        base: memoryview | None = None,
        place: Place | None = None,
    ) -> int | None:
        """Write the payload for ``raw`` into ``out`` (at least as long); its length, or None: no
        gain.

        A payload is always shorter than ``raw``; on None, ``out`` may hold anything. ``base`` has the
        length that ``base_span`` says; a codec that needs none does not look at it. ``place`` is for
        codecs of which a payload depends on where the frame lies.
        """
        ...

    def decode(
        self, payload: memoryview, param: int, out: memoryview, base: memoryview | None = None
    ) -> None:
        """Fill ``out``, whose length is that of the raw frame, over the same base.

        Raises:
            CorruptPack: the payload is none that ``encode`` makes, or its base is not given.
        """
        ...


def codec(number: int) -> Codec:
    """The codec with this number, loaded on first use.

    Raises:
        CorruptPack: no codec has the number.
    """
    found = _loaded.get(number)
    if found is None:
        name = _MODULES.get(number)
        if name is None:
            raise CorruptPack(
                f"codec number {number} is unknown",
                hint="the pack may come from a newer mvc: upgrade, then run: mvc fsck --full",
            )
        found = _loaded[number] = typing.cast(Codec, importlib.import_module(name))
    return found


def plan(dtype: str | None) -> Plan:
    """What to try on a tensor of ``dtype`` (a name of ``mvc.dtypes``); None stands for plain
    bytes."""
    known = DTYPES.get(dtype) if dtype is not None else None
    if known is None:
        return ((ZSTD, 0),)
    if known.signed_float:
        return ((PLANES, known.word | ROTATED),)
    # Integers range from noise (packed 4-bit weights) to counters and masks, which only matches
    # shrink.
    return ((PLANES, known.word), (ZSTD, 0))


def base_span(number: int, param: int, start: int, length: int) -> tuple[int, int]:
    """Which bytes of the base a frame at ``start`` decodes over: where they begin, and how many.

    Raises:
        CorruptPack: the codec has no such parameter.
    """
    if number == CAST:
        from mvc.store.codecs.cast import widths
    elif number == REQUANT:
        from mvc.store.codecs.requant import widths
    else:
        return start, length
    under, width = widths(param)
    return start // width * under, length // width * under


def may_gain(number: int, param: int, raw: memoryview, base: memoryview | None) -> bool:
    """Whether a look at some words leaves hope for a codec that needs many zeros, or few changes.

    It spares nearly every frame two passes, and nearly every command NumPy, which takes 0.1 s to load.
    """
    width = param & 0x0F
    if base is None or number not in (MASK, SPARSE) or len(raw) < width:
        return True
    step = max(1, len(raw) // width // _LOOKS) * width
    end = len(raw) - width + 1
    count = len(range(0, end, step))
    different = 0  # a byte for each word that is looked at, not 0 where it is another, or no zero
    for byte in range(width):
        mine = int.from_bytes(bytes(raw[byte : end + byte : step]))
        if number == SPARSE:
            different |= mine ^ int.from_bytes(bytes(base[byte : end + byte : step]))
        else:
            different |= mine & int.from_bytes(b"\x7f" * count) if byte == width - 1 else mine
    alike = different.to_bytes(count).count(0)
    return 2 * alike >= count if number == SPARSE else 100 * alike >= count


def plan_over_base(dtype: str | None, base: str | None, ratio: float = 1) -> Plan:
    """What to try on a tensor of ``dtype`` over a base of the dtype ``base``, ``ratio`` times as long; a
    frame may gain more without it. Empty when there is nothing to gain from such a base."""
    if dtype in _QUANTIZED and base != dtype:
        from mvc.store.codecs.requant import parameter as packings

        found = tuple((REQUANT, param) for param in packings(base, ratio))
        return (*found, *plan(dtype)) if found else ()
    if base != dtype:
        from mvc.store.codecs.cast import parameter

        param = parameter(base, dtype)
        return ((CAST, param), *plan(dtype)) if param is not None else ()
    known = DTYPES.get(dtype) if dtype is not None else None
    word = known.word if known else 1
    turned = ROTATED if known and known.signed_float else 0
    pruned = ((MASK, word | ROTATED),) if turned else ()
    return ((COPY, 0), *pruned, (SPARSE, word | turned), (DELTA, word | turned), *plan(dtype))
