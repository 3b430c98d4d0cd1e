"""The dtypes that mvc knows by name: the 22 of safetensors, with what the layers need to know of each.

Source: the ``Dtype`` enumeration of the safetensors format, https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

from typing import NamedTuple


class Dtype(NamedTuple):
    """``bits`` of one element; ``word``: bytes of the number that repeats (a C64 is two F32);
    ``signed_float``: whether the top bit of a word is a sign in front of an exponent."""

    bits: int
    word: int
    signed_float: bool


DTYPES: dict[str, Dtype] = {
    "BOOL": Dtype(8, 1, False),
    "F4": Dtype(4, 1, False),
    "F6_E2M3": Dtype(6, 1, False),
    "F6_E3M2": Dtype(6, 1, False),
    "U8": Dtype(8, 1, False),
    "I8": Dtype(8, 1, False),
    "F8_E5M2": Dtype(8, 1, True),
    "F8_E4M3": Dtype(8, 1, True),
    "F8_E8M0": Dtype(8, 1, False),
    "F8_E4M3FNUZ": Dtype(8, 1, True),
    "F8_E5M2FNUZ": Dtype(8, 1, True),
    "I16": Dtype(16, 2, False),
    "U16": Dtype(16, 2, False),
    "F16": Dtype(16, 2, True),
    "BF16": Dtype(16, 2, True),
    "I32": Dtype(32, 4, False),
    "U32": Dtype(32, 4, False),
    "F32": Dtype(32, 4, True),
    "C64": Dtype(64, 4, True),
    "F64": Dtype(64, 8, True),
    "I64": Dtype(64, 8, False),
    "U64": Dtype(64, 8, False),
}


def nbytes(dtype: str, shape: tuple[int, ...]) -> int:
    """Bytes of a row-major tensor; sub-byte elements are packed.

    Raises:
        ValueError: the bits don't fill whole bytes.
    """
    bits = DTYPES[dtype].bits
    for extent in shape:
        bits *= extent
    whole, rest = divmod(bits, 8)
    if rest:
        raise ValueError(f"{dtype} {list(shape)} is {bits} bits, not a whole number of bytes")
    return whole
