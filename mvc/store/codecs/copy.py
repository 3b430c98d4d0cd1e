"""Codec 4: the frame is its base, and the payload is empty.

Frames begin at the same places in an object and its base, so a table that grew by rows costs its new
rows.
"""

from __future__ import annotations

from mvc.errors import CorruptPack
from mvc.store.codecs import Place
from mvc.store.kernel import kernel


def encode(
    raw: memoryview,
    param: int,
    out: memoryview,
    base: memoryview | None = None,
    place: Place | None = None,
) -> int | None:
    """Nothing is written for a frame that equals its base."""
    return 0 if base is not None and len(raw) and kernel().equal(raw, base) else None


def decode(
    payload: memoryview, param: int, out: memoryview, base: memoryview | None = None
) -> None:
    """Copy the base.

    Raises:
        CorruptPack: there is a payload or a parameter, or no base of the frame's length.
    """
    if param or len(payload):
        raise CorruptPack(f"a copied frame has a payload of {len(payload)} bytes")
    if base is None or len(base) != len(out):
        raise CorruptPack("a copied frame lacks its base")
    if len(out):
        kernel().copy(base, out)
