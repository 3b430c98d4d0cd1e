"""A weight that is one tensor under its own name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from compress.forms.form import Read
from compress.matrix import Tensor


class Plain:
    """Stateless."""

    def holds(self, names: Collection[str], module: str) -> bool:
        """It is there."""
        return f"{module}.weight" in names

    def dense(self, read: Read, module: str, config: Mapping[str, Any]) -> Tensor:
        """The tensor itself."""
        return read(f"{module}.weight")

    def stored(self, names: Collection[str], module: str) -> list[str]:
        """The one name."""
        return [f"{module}.weight"]


FORM = Plain()
