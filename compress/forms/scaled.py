"""One number of eight bits a weight and a scale beside it: ``int-quantized`` and ``float-quantized``.

``weight`` int8 or float8 ``[out, in]`` with ``weight_scale`` ``[out, 1]`` or ``[1]`` and perhaps
``weight_zero_point``, as compressed-tensors stores them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from compress.forms.form import Read
from compress.matrix import Tensor

ENDINGS = ("weight", "weight_scale", "weight_zero_point")


class Scaled:
    """Stateless."""

    def holds(self, names: Collection[str], module: str) -> bool:
        """A scale is there, and it isn't of packed words."""
        return f"{module}.weight" in names and f"{module}.weight_scale" in names

    def dense(self, read: Read, module: str, config: Mapping[str, Any]) -> Tensor:
        """(number - zero) · scale, in the scale's dtype."""
        scale = read(f"{module}.weight_scale")
        levels = read(f"{module}.weight").float()
        with suppress(KeyError):
            levels = levels - _each(read(f"{module}.weight_zero_point").float(), levels.shape[1])
        return (levels * _each(scale.float(), levels.shape[1])).to(scale.dtype)

    def stored(self, names: Collection[str], module: str) -> list[str]:
        """Those of its names that are there."""
        return [f"{module}.{one}" for one in ENDINGS if f"{module}.{one}" in names]


def _each(values: Tensor, columns: int) -> Tensor:
    if values.dim() < 2 or values.shape[1] == 1:
        return values
    return values.repeat_interleave(columns // values.shape[1], dim=1)


FORM = Scaled()
