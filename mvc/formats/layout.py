"""What every format reads a file into: storages (byte spans) and tensors that lie over them.

A ``Layout`` says where the tensors of a file are; it holds none of their bytes and knows no repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import BinaryIO, NamedTuple, Protocol

from mvc.values import dataclass


class Storage(NamedTuple):  # a third of a dataclass's time to make: a file may have 100,000
    """A span of the file, ``[offset, offset + length)`` in bytes. Storages never overlap."""

    key: str
    offset: int
    length: int


class Tensor(NamedTuple):
    """A named array over one storage.

    ``dtype`` is safetensors' spelling (``BF16``, ``F32`` …). ``offset`` and ``strides`` count elements;
    ``strides`` is None for a row-major tensor that fills its storage exactly.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    storage: str
    offset: int = 0
    strides: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """All tensors of one file. ``storages`` are sorted by offset; ``tensors`` by name.

    ``metadata`` is the part of the file's own key-values that people look at (safetensors'
    ``__metadata__``); it is shown, never needed to rebuild the file.
    """

    format: str
    size: int
    storages: tuple[Storage, ...]
    tensors: tuple[Tensor, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComposedTensor:
    """A tensor to be written by ``Format.compose``: its place in the new file is the format's affair.

    ``crc32`` is ``zlib.crc32`` of its bytes, for formats whose directory has one (zip); None leaves it out
    there, which every loader of the format bears, but not every unzip program.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    crc32: int | None = None


class Format(Protocol):
    """One file format. Stateless; an instance is a registry entry."""

    name: str
    suffixes: tuple[str, ...]

    def read_layout(self, file: BinaryIO, size: int) -> Layout:
        """Find the tensors of a seekable file of ``size`` bytes without reading them.

        Raises:
            FormatError: the file is not what its name says; the message gives offset and reason.
        """
        ...


class ComposingFormat(Format, Protocol):
    """A format that can also write a new file around given tensors."""

    def compose(
        self,
        template: bytes,
        tensors: tuple[ComposedTensor, ...],
        metadata: Mapping[str, str] | None = None,
    ) -> tuple[bytes, Layout]:
        """A skeleton (see ``mvc.formats.skeleton``) and layout for a new valid file.

        ``template`` is the skeleton of an existing file whose other content (metadata, pickled
        structure) the new file keeps; ``metadata`` replaces the template's where given. In the returned
        layout each of ``tensors`` is a row-major tensor that fills its own storage.
        """
        ...

    def rest(self, template: bytes) -> bytes:
        """All that a file holds besides the bytes of its storages, for comparing and cheaply.

        It is equal for two skeletons of files that differ in those bytes alone, whatever checksums of them
        the files also hold.
        """
        ...
