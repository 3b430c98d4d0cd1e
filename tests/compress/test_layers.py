"""A finished layer comes back from its file as it was, and reading it keeps nothing of the file in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.torch


def test_a_layer_comes_back_and_its_file_does_not_stay_mapped(tmp_path: Path) -> None:
    import torch

    from compress.streaming.layer import Layer

    file = tmp_path / "0003.safetensors"
    made = Layer("0003", {"w": torch.arange(12.0).reshape(3, 4)}, ("b",), {"w": 0.5})
    file.write_bytes(made.encode())
    back = Layer.open(str(file))
    assert (back.key, back.gone, back.losses) == (made.key, made.gone, made.losses)
    assert list(back.tensors) == ["w"] and "b" not in back.tensors
    assert torch.equal(back.tensors["w"], made.tensors["w"])
    assert file.name not in Path("/proc/self/maps").read_text("utf-8")
