"""Whether a tensor of another dtype holds just the old values, rounded to the nearest (ties to even).

It promises what PyTorch and ``ml_dtypes`` agree on; a pair of dtypes on which frameworks differ (integers,
float64 to less than float32, which some round twice) has no rounding here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from mvc.arrays import numpy_dtype
from mvc.diff.pairing import Bytes

#: Whether the new bytes are the old ones rounded.
Rounding: TypeAlias = Callable[[Bytes, Bytes], bool]

_ROUNDED_TO = {
    "F64": {"F32"},
    "F32": {"F16", "BF16", "F8_E4M3", "F8_E5M2"},
    "F16": {"BF16", "F8_E4M3", "F8_E5M2"},
    "BF16": {"F16", "F8_E4M3", "F8_E5M2"},
}


def rounding(old_dtype: str, new_dtype: str) -> Rounding | None:
    """The check for two dtypes; None where the new one holds no roundings of the old."""
    if new_dtype not in _ROUNDED_TO.get(old_dtype, ()):
        return None
    if (old_dtype, new_dtype) == ("F32", "BF16"):
        return _single_to_brain
    source, target = numpy_dtype(old_dtype), numpy_dtype(new_dtype)
    bits = np.dtype(f"<u{target.itemsize}")

    def check(old: Bytes, new: Bytes) -> bool:
        rounded = old.view(source).astype(target)
        differs = rounded.view(bits) != new.view(bits)
        return not differs.any() or bool(
            (np.isnan(rounded[differs]) & np.isnan(new.view(target)[differs])).all()
        )

    return check


def _single_to_brain(old: Bytes, new: Bytes) -> bool:
    """By hand: ``ml_dtypes`` holds the interpreter's lock meanwhile."""
    bits, brain = old.view("<u4"), new.view("<u2")
    rounded = bits >> 16
    rounded &= 1
    rounded += bits
    rounded += 0x7FFF
    rounded >>= 16
    differs = rounded != brain
    if not differs.any():
        return True
    # A NaN's payload may be rounded to anything.
    magnitudes = brain[differs] & 0x7FFF
    return bool(np.isnan(old.view("<f4")[differs]).all() and (magnitudes > 0x7F80).all())
