"""Codec 0: the frame as it is."""

from __future__ import annotations

from mvc.errors import CorruptPack
from mvc.store.codecs import Place


def encode(
    raw: memoryview,
    param: int,
    out: memoryview,
    base: memoryview | None = None,
    place: Place | None = None,
) -> int | None:
    """Never gains; the writer stores a frame raw when no codec does."""
    return None


def decode(
    payload: memoryview, param: int, out: memoryview, base: memoryview | None = None
) -> None:
    """Copy.

    Raises:
        CorruptPack: the lengths differ, or a parameter is given.
    """
    if param != 0 or len(payload) != len(out):
        raise CorruptPack(f"a raw frame of {len(out)} bytes holds {len(payload)}")
    out[:] = payload
