"""Copying and comparing buffers: large ones without the interpreter lock, small ones without a call to C."""

from __future__ import annotations

from mvc.store.kernel import kernel

#: Up to here a call costs more than it saves.
_SMALL = 4096


def copy(source: memoryview, target: memoryview) -> None:
    """Copy between buffers of one length."""
    if len(source) <= _SMALL:
        target[:] = source
    else:
        kernel().copy(source, target)


def equal(left: memoryview, right: memoryview) -> bool:
    """Whether two buffers hold the same bytes."""
    if len(left) != len(right):
        return False
    if len(left) <= _SMALL:
        return bytes(left) == bytes(right)
    return kernel().equal(left, right)


def put(payload: bytes, raw: memoryview, out: memoryview) -> int | None:
    """A payload into ``out``, and its length; None, and nothing, unless it is shorter than ``raw``."""
    if len(payload) >= len(raw):
        return None
    out[: len(payload)] = payload
    return len(payload)
