"""A weight that is two factors: ``0.weight`` ``[rank, in]`` and ``1.weight`` ``[out, rank]``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from compress.forms.form import Read
from compress.matrix import Tensor


class FactorsForm:
    """Stateless."""

    def holds(self, names: Collection[str], module: str) -> bool:
        """Both are there."""
        return f"{module}.0.weight" in names and f"{module}.1.weight" in names

    def dense(self, read: Read, module: str, config: Mapping[str, Any]) -> Tensor:
        """Their product ``[out, in]``, in float32."""
        first, second = read(f"{module}.0.weight"), read(f"{module}.1.weight")
        return second.float() @ first.float()

    def stored(self, names: Collection[str], module: str) -> list[str]:
        """Both names."""
        return [f"{module}.0.weight", f"{module}.1.weight"]


FORM = FactorsForm()
