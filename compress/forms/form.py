"""The seam: a form is how a matrix lies in a file. ``plain`` is one tensor; others are packed, or factors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from compress.matrix import Tensor

#: Reads a stored tensor by name.
Read = Callable[[str], Tensor]


class Form(Protocol):
    """Of a module called ``model.layers.0.mlp.up_proj``, which would have a ``weight``."""

    def holds(self, names: Collection[str], module: str) -> bool:
        """Whether the tensors called ``names`` have the module in this form."""
        ...

    def dense(self, read: Read, module: str, config: Mapping[str, Any]) -> Tensor:
        """The weight as the module would hold it, dense; ``config`` is the model's ``config.json``."""
        ...

    def stored(self, names: Collection[str], module: str) -> list[str]:
        """The names of the tensors that are the weight."""
        ...
