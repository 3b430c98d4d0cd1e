"""PyTorch zip checkpoints (``torch.save`` since 1.6): ``.pt .pth .bin .ckpt``.

Owns how such a file is read and written. Promises that nothing in its pickle is ever imported or called, and
that torch itself is not needed. It must not know a repository, a store or a user's path.
"""

from __future__ import annotations

from mvc.values import dataclass

__all__ = ["PYTORCH", "PyTorch"]

from collections.abc import Mapping
from typing import BinaryIO

from mvc.formats.layout import ComposedTensor, ComposingFormat, Layout
from mvc.formats.pytorch import layout
from mvc.formats.pytorch.compose import compose
from mvc.formats.pytorch.rest import rest


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

    def compose(
        self,
        template: bytes,
        tensors: tuple[ComposedTensor, ...],
        metadata: Mapping[str, str] | None = None,
    ) -> tuple[bytes, Layout]:
        """A new checkpoint around ``tensors``, all else as in ``template``.

        Raises:
            UnsupportedDtype: a dtype that a PyTorch file can't have.
            FormatError: a TorchScript archive, or a name for which the template has no place.
        """
        return compose(template, tensors, metadata)

    def rest(self, template: bytes) -> bytes:
        """Equal for two checkpoints that differ in the bytes of their storages alone."""
        return rest(template)


PYTORCH: ComposingFormat = PyTorch()
