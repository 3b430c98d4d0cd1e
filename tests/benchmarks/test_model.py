"""The generated model: a valid file, the same every time, with the bound that it claims."""

from __future__ import annotations

import hashlib
import io
import math
from collections import Counter

import pytest

from benchmarks import model
from mvc.formats.safetensors import SAFETENSORS

SIZE = 2_000_000


@pytest.fixture(scope="module")
def written() -> tuple[bytes, float]:
    file = io.BytesIO()
    size, bound = model.write(file, SIZE)
    assert size == len(file.getvalue())
    return file.getvalue(), bound


def test_the_model_is_a_safetensors_file_of_about_the_size_asked_for(
    written: tuple[bytes, float],
) -> None:
    data, _ = written
    layout = SAFETENSORS.read_layout(io.BytesIO(data), len(data))
    assert {tensor.dtype for tensor in layout.tensors} == {"BF16"}
    assert len(layout.tensors) == 9 * model.LAYERS + 2
    assert SIZE / 2 < len(data) < SIZE * 2


def test_the_model_is_the_same_every_time(written: tuple[bytes, float]) -> None:
    again = io.BytesIO()
    model.write(again, SIZE)
    assert hashlib.sha256(again.getvalue()).digest() == hashlib.sha256(written[0]).digest()


def test_the_bound_is_the_entropy_of_each_tensors_exponents_and_all_else_raw(
    written: tuple[bytes, float],
) -> None:
    data, bound = written
    layout = SAFETENSORS.read_layout(io.BytesIO(data), len(data))
    expected = float(len(data) - sum(storage.length for storage in layout.storages))
    for storage in layout.storages:
        raw = data[storage.offset : storage.offset + storage.length]
        exponents = Counter(
            (high << 1 | low >> 7) & 0xFF for low, high in zip(raw[::2], raw[1::2], strict=True)
        )
        count = len(raw) // 2
        bits = sum(times * math.log2(count / times) for times in exponents.values())
        expected += count + bits / 8
    assert bound == pytest.approx(expected)
    assert 0.6 < bound / len(data) < 0.7
