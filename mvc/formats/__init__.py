"""Which format a file has, and its layout.

Owns the registry. A format of another distribution is an entry point in the group ``mvc.formats`` whose
name is the format's name, and one more for each further suffix, without its dot; it is looked up only
when no format of mvc's own fits, and loaded only when its suffix or name is asked for. What is not
recognized is no error here: the caller keeps it as plain bytes.
"""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Mapping
from importlib import import_module
from typing import BinaryIO, cast

from mvc.errors import FormatError, StorageError
from mvc.formats import sniff
from mvc.formats.layout import ComposedTensor, ComposingFormat, Format, Layout
from mvc.formats.safetensors import SAFETENSORS
from mvc.values import dataclass

__all__ = ["FORMATS", "composer", "detect", "metadata", "named", "read"]

_ZIP = b"PK\x03\x04"


@dataclass(slots=True)
class _OnUse:
    """A format of mvc's own whose module is imported when a file needs it."""

    name: str
    suffixes: tuple[str, ...]
    module: str
    attribute: str

    def _loaded(self) -> ComposingFormat:
        return cast(ComposingFormat, getattr(import_module(self.module), self.attribute))

    def read_layout(self, file: BinaryIO, size: int) -> Layout:
        return self._loaded().read_layout(file, size)

    def compose(
        self,
        template: bytes,
        tensors: tuple[ComposedTensor, ...],
        metadata: Mapping[str, str] | None = None,
    ) -> tuple[bytes, Layout]:
        return self._loaded().compose(template, tensors, metadata)

    def rest(self, template: bytes) -> bytes:
        return self._loaded().rest(template)


_PYTORCH = _OnUse("pytorch", (".pt", ".pth", ".bin", ".ckpt"), "mvc.formats.pytorch", "PYTORCH")

#: mvc's own formats by name.
FORMATS: dict[str, Format] = {SAFETENSORS.name: SAFETENSORS, _PYTORCH.name: _PYTORCH}


def detect(path: str, head: bytes) -> Format | None:
    """The format of a file with this name and these first bytes (``sniff.HEAD`` are enough), or None.

    A PyTorch file counts as one only when it is a zip: the older bare pickles, and the many other things
    called ``.bin``, are plain bytes.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix in SAFETENSORS.suffixes:
        return SAFETENSORS
    if suffix in _PYTORCH.suffixes:
        return _PYTORCH if head.startswith(_ZIP) else None
    return _plugin(suffix[1:]) if suffix else None


def named(name: str) -> Format | None:
    """The format that a manifest calls ``name``, or None where it is not installed."""
    return FORMATS.get(name) or _plugin(name)


def composer(name: str) -> ComposingFormat | None:
    """The format ``name`` when it can also write new files, else None."""
    found = named(name)
    return cast(ComposingFormat, found) if hasattr(found, "compose") else None


def metadata(name: str, rest: bytes) -> Mapping[str, str]:
    """The key-values that a file of the format ``name`` shows, from its ``rest``; none where it has none."""
    method = getattr(named(name), "metadata", None)
    return {} if method is None else method(rest)


def read(path: str) -> tuple[Format | None, Layout | None]:
    """The format and the layout of the file at ``path``; (None, None) for plain bytes.

    Raises:
        LfsPointer: a placeholder under the name of a weight file.
        FormatError: the file breaks its format's rules; the message begins with ``path``.
        StorageError: it can't be read.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(sniff.HEAD)
            sniff.check(path, head)
            found = detect(path, head)
            if found is None:
                return None, None
            return found, _layout(found, file, path)
    except OSError as error:
        raise StorageError(f"can't read {path}: {error.strerror or error}") from error


def _layout(found: Format, file: BinaryIO, path: str) -> Layout:
    try:
        return found.read_layout(file, os.fstat(file.fileno()).st_size)
    except FormatError as error:
        hint = f"mvc add --opaque {shlex.quote(path)} keeps it as plain bytes"
        raise type(error)(f"{path}: {error.message}", hint=hint) from error


@functools.cache
def _plugin(name: str) -> Format | None:
    from importlib.metadata import entry_points  # 20 ms, and most files never come here

    for point in entry_points(group="mvc.formats", name=name):
        return cast(Format, point.load())
    return None
