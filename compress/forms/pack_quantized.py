"""Codes packed into words of 32 bits, as compressed-tensors calls ``pack-quantized``.

``weight_packed`` int32 ``[out, words]``, ``weight_scale`` ``[out, groups]`` (or ``[1]``), ``weight_shape``
int64 ``[2]``, and, where it isn't symmetric, ``weight_zero_point`` int32 ``[words of out, groups]``, packed
down the rows with half of the range added, as codes are; of a single scale int8 ``[1]``, as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from compress.forms.form import Read
from compress.forms.packing import unpacked, words_of
from compress.matrix import Tensor

ENDINGS = ("weight_packed", "weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx")


class PackQuantized:
    """Stateless."""

    def holds(self, names: Collection[str], module: str) -> bool:
        """Packed words are there."""
        return f"{module}.weight_packed" in names

    def dense(self, read: Read, module: str, config: Mapping[str, Any]) -> Tensor:
        """(code - zero) · scale, in the scale's dtype."""
        import torch

        _, columns = (int(size) for size in read(f"{module}.weight_shape"))
        words, scale = read(f"{module}.weight_packed"), read(f"{module}.weight_scale")
        bits = next(size for size in range(1, 9) if words_of(columns, size) == words.shape[1])
        codes = unpacked(words, bits, columns).float()
        scale = scale.reshape(-1, scale.shape[-1]) if scale.dim() > 1 else scale.reshape(1, 1)
        zero = 1 << (bits - 1)
        try:
            folded = read(f"{module}.weight_zero_point")
        except KeyError:
            levels = codes - zero
        else:
            if folded.dtype == torch.int32:
                zeros = unpacked(folded.T, bits, scale.shape[0]).T.float()
            else:
                zeros = folded.reshape(1, 1).float() + zero
            levels = codes - _each(zeros, columns)
        return (levels * _each(scale.float(), columns)).to(scale.dtype)

    def stored(self, names: Collection[str], module: str) -> list[str]:
        """Those of its names that are there."""
        return [f"{module}.{one}" for one in ENDINGS if f"{module}.{one}" in names]


def _each(values: Tensor, columns: int) -> Tensor:
    """Of each column its group's value."""
    groups = values.shape[1]
    return values if groups == 1 else values.repeat_interleave(columns // groups, dim=1)


FORM = PackQuantized()
