"""Typed ids: which kind of hash a string is, told apart by the type checker.

All are lower-case hexadecimal. ``ObjectId`` is BLAKE3-256 of an object's raw bytes (64 digits);
the others are Git's SHA-1 (40 digits).
"""

from __future__ import annotations

from typing import NewType

ObjectId = NewType("ObjectId", str)
CommitId = NewType("CommitId", str)
TreeId = NewType("TreeId", str)
BlobId = NewType("BlobId", str)


def object_id(data: bytes | bytearray | memoryview) -> ObjectId:
    """BLAKE3-256 of ``data``, which names it in the store."""
    from blake3 import blake3  # a look at history names commits alone

    return ObjectId(blake3(data).hexdigest())
