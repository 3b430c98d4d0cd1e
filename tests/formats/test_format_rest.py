"""``ComposingFormat.rest``: what two files have in common that differ in their weights alone."""

from __future__ import annotations

import io
import struct

import pytest
from formats.format_contract import read
from formats.pytorch.torch_zip import Store, archive, saved, tensor
from formats.safetensors_files import entry, file_of

from mvc.formats.layout import ComposingFormat
from mvc.formats.pytorch import PYTORCH
from mvc.formats.safetensors import SAFETENSORS
from mvc.formats.skeleton import cut


def rest(entry: ComposingFormat, data: bytes) -> bytes:
    return entry.rest(cut(io.BytesIO(data), read(entry, data)).encode())


def checkpoint(
    value: float, *, epoch: int = 1, prefix: str = "archive", id_: bytes = b"1"
) -> bytes:
    weights = tensor(Store(struct.pack("<2f", value, value)), (2,))
    made = archive({"epoch": epoch, "w": weights}, prefix=prefix)
    made.entries[f"{prefix}/.data/serialization_id"] = id_
    return made.write()


def test_a_checkpoints_rest_does_not_depend_on_weights_checksums_or_its_folders_name() -> None:
    wanted = rest(PYTORCH, checkpoint(1.0))
    assert rest(PYTORCH, checkpoint(2.0, id_=b"2")) == wanted
    assert rest(PYTORCH, checkpoint(2.0, prefix="other-name")) == wanted


@pytest.mark.parametrize(
    "other",
    [checkpoint(1.0, epoch=2), saved({"epoch": 1, "w": tensor(Store(bytes(16)), (2, 2))})],
)
def test_a_checkpoints_rest_tells_other_scalars_and_shapes(other: bytes) -> None:
    assert rest(PYTORCH, other) != rest(PYTORCH, checkpoint(1.0))


def test_a_safetensors_rest_is_its_header() -> None:
    one = file_of({"a": entry()}, bytes(8))
    assert rest(SAFETENSORS, one) == rest(SAFETENSORS, one[:-8] + b"\1" * 8)
    assert rest(SAFETENSORS, one) == one[:-8]
