"""The numbers of a change: how far one version of a tensor is from another.

It takes bytes in pieces, keeps only a few MiB at a time, and knows neither stores nor names. Every dtype of
``mvc.dtypes`` is compared: all that is computed on elements is computed in float64.
"""

from __future__ import annotations

from collections.abc import Iterator

from mvc.diff.narrow import compare_narrow
from mvc.diff.scratch import Scratch
from mvc.diff.stats import TensorStats
from mvc.diff.wide import compare_wide
from mvc.dtypes import DTYPES

__all__ = ["Scratch", "TensorStats", "comparable", "compare"]


def comparable(old_dtype: str, new_dtype: str) -> bool:
    """Whether ``compare`` takes this pair: both dtypes known, neither or both complex."""
    known = old_dtype in DTYPES and new_dtype in DTYPES
    return known and (old_dtype == "C64") == (new_dtype == "C64")


def compare(
    dtype: str,
    old: Iterator[memoryview],
    new: Iterator[memoryview],
    *,
    new_dtype: str | None = None,
    scratch: Scratch | None = None,
) -> TensorStats:
    """Compare two tensors of the same shape, given as row-major little-endian bytes in pieces.

    A piece need only be valid until the next one of its side is asked for. With a ``new_dtype`` that is not
    ``dtype`` the values are compared as float64, which holds all of them but integers beyond 2**53; an
    element has then changed when its value has, and there is no ULP difference. ``scratch`` saves a caller
    with many tensors the making of memory; threads need one each.

    Raises:
        CorruptPack: the two sides hold different numbers of elements.
        MvcError: whatever reading a piece raises.
    """
    scratch = scratch or Scratch()
    if new_dtype in (None, dtype) and DTYPES[dtype].bits <= 8:
        return compare_narrow(dtype, old, new, scratch).stats()
    return compare_wide((dtype, new_dtype or dtype), old, new, scratch).stats()
