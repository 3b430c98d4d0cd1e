"""PyTorch zip checkpoints (``torch.save`` since 1.6): ``.pt .pth .bin .ckpt``.

Owns how such a file is read and written. Promises that nothing in its pickle is ever imported or called, and
that torch itself is not needed. It must not know a repository, a store or a user's path.
"""

from __future__ import annotations

__all__ = ["PYTORCH", "PyTorch"]

from dataclasses import dataclass
from typing import BinaryIO

from mvc.formats.layout import Format, Layout
from mvc.formats.pytorch import layout


@dataclass(slots=True)
class PyTorch:
    """The format as the registry knows it."""

    name: str = layout.NAME
    suffixes: tuple[str, ...] = (".pt", ".pth", ".bin", ".ckpt")

    def read_layout(self, file: BinaryIO, size: int) -> Layout:
        """The tensors of a checkpoint, found without reading them.

        Raises:
            MalformedFile: not a PyTorch zip file, or a damaged one.
            UnsafePickle: its pickle names a global that no weight file needs.
            LimitExceeded: it asks for more than ``mvc.limits`` allows.
        """
        return layout.read_layout(file, size)


PYTORCH: Format = PyTorch()
