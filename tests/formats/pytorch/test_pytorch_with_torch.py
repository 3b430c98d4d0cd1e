"""Against PyTorch itself: what it writes is read rightly, what mvc writes it loads."""

from __future__ import annotations

import io
import zlib
from collections import OrderedDict
from typing import Any

import pytest
from formats.format_contract import fill, read, spans

from mvc.formats.layout import ComposedTensor
from mvc.formats.pytorch import PYTORCH
from mvc.formats.pytorch.torch_types import DTYPES_BY_TORCH, TORCH_DTYPES
from mvc.formats.skeleton import Skeleton, cut

pytestmark = pytest.mark.torch


def save(value: Any) -> bytes:
    import torch

    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def raw(tensor: Any) -> bytes:
    """The tensor's bytes row by row."""
    import torch

    return bytes(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())


def contents(data: bytes) -> dict[str, bytes]:
    """By tensor name, its bytes row by row as the layout says; 4-byte elements for views."""
    layout = read(PYTORCH, data)
    stored = spans(layout, data)
    result = {}
    for tensor in layout.tensors:
        content = stored[tensor.storage]
        if tensor.strides is not None:
            indexes = [tensor.offset]
            for extent, stride in zip(tensor.shape, tensor.strides, strict=True):
                indexes = [i + n * stride for i in indexes for n in range(extent)]
            content = b"".join(content[4 * i : 4 * i + 4] for i in indexes)
        result[tensor.name] = content
    return result


def checkpoint() -> dict[str, Any]:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Every tensor of nested dicts and lists by its path."""
    import torch

    if isinstance(value, torch.Tensor):
        return {path[1:]: value}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found: dict[str, Any] = {}
    for key, inner in items:
        if isinstance(inner, (dict, list, tuple, torch.Tensor)):
            found |= flat(inner, f"{path}.{key}")
    return found


def test_a_training_checkpoint_has_every_tensor_under_its_path() -> None:
    value = checkpoint()
    expected = {name: raw(tensor) for name, tensor in flat(value).items()}
    assert len(expected) > 15
    assert contents(save(value)) == expected


def test_views_transposes_and_shared_storages_have_the_bytes_that_torch_sees() -> None:
    import torch

    base = torch.arange(24, dtype=torch.float32)
    value = {
        "base": base,
        "rows": base[4:12].view(2, 4),
        "turned": base.view(4, 6).t(),
        "column": base.view(4, 6)[:, 2],
        "expanded": torch.ones(1, 3).expand(5, 3),
    }
    expected = {name: raw(tensor) for name, tensor in value.items()}
    assert contents(save(value)) == expected


def test_every_dtype_is_read_by_its_name() -> None:
    import torch

    value = {name: torch.zeros(2, 2).to(getattr(torch, name)) for name in DTYPES_BY_TORCH}
    layout = read(PYTORCH, save(value))
    assert {t.name: t.dtype for t in layout.tensors} == DTYPES_BY_TORCH
    assert all(t.strides is None for t in layout.tensors)


def test_empty_and_scalar_tensors_and_parameters_are_read() -> None:
    import torch

    value = {
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(1.5),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    layout = read(PYTORCH, save(value))
    assert {t.name: t.shape for t in layout.tensors} == {
        "empty": (0, 3),
        "scalar": (),
        "parameter": (2,),
    }
    assert contents(save(value))["scalar"] == raw(value["scalar"])


def test_a_whole_module_is_read_by_attribute_names() -> None:
    import torch

    layout = read(PYTORCH, save(torch.nn.Sequential(torch.nn.Linear(2, 2))))
    assert [t.name for t in layout.tensors] == [
        "_modules.0._parameters.bias",
        "_modules.0._parameters.weight",
    ]


def test_sparse_and_unnamed_kinds_are_accepted_bit_for_bit() -> None:
    import torch

    value = {"s": torch.eye(3).to_sparse(), "c": torch.ones(2, dtype=torch.complex128)}
    data = save(value)
    layout = read(PYTORCH, data)
    assert [t.name for t in layout.tensors] == ["s.1.0", "s.1.1"]
    assert fill(cut(io.BytesIO(data), layout), spans(layout, data)) == data


def test_a_file_without_crcs_is_read() -> None:
    import torch

    torch.serialization.set_crc32_options(False)
    try:
        data = save({"w": torch.ones(2)})
    finally:
        torch.serialization.set_crc32_options(True)
    assert [t.name for t in read(PYTORCH, data).tensors] == ["w"]


def test_a_torchscript_archive_is_read_with_its_constants() -> None:
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(torch.nn.Linear(2, 3), torch.ones(1, 2))
        file = io.BytesIO()
        torch.jit.save(scripted, file)
    data = file.getvalue()
    layout = read(PYTORCH, data)
    assert {"bias", "weight"} <= {t.name for t in layout.tensors}
    assert fill(cut(io.BytesIO(data), layout), spans(layout, data)) == data


def compose(template: bytes, tensors: dict[str, Any], *, crc: bool = True) -> bytes:
    names = {torch_name: dtype for dtype, torch_name in TORCH_DTYPES.items()}
    layout = read(PYTORCH, template)
    stored = {name: raw(tensor) for name, tensor in tensors.items()}
    wanted = tuple(
        ComposedTensor(
            name,
            names[str(tensor.dtype).removeprefix("torch.")],
            tuple(tensor.shape),
            len(stored[name]),
            zlib.crc32(stored[name]) if crc else None,
        )
        for name, tensor in tensors.items()
    )
    encoded, made = PYTORCH.compose(cut(io.BytesIO(template), layout).encode(), wanted)
    kept = {s.key for s in made.storages} - stored.keys()
    stored |= {key: data for key, data in spans(layout, template).items() if key in kept}
    return fill(Skeleton.decode(encoded), stored)


@pytest.mark.parametrize("crc", [True, False])
@pytest.mark.parametrize("mmap", [True, False])
def test_a_composed_state_dict_loads_with_weights_only(
    crc: bool, mmap: bool, tmp_path: Any
) -> None:
    import torch

    value = OrderedDict({"a.weight": torch.ones(3, 2), "a.bias": torch.ones(3)})
    new = {
        "a.weight": torch.randn(5, 2),
        "b.scale": torch.randn(4).to(torch.bfloat16),
        "b.codes": torch.arange(6, dtype=torch.int8),
        "b.f8": torch.randn(4).to(torch.float8_e4m3fn),
    }
    path = tmp_path / "new.pt"
    path.write_bytes(compose(save(value), new, crc=crc))
    loaded = torch.load(path, weights_only=True, mmap=mmap)
    assert type(loaded) is OrderedDict
    assert list(loaded) == ["a.weight", "b.codes", "b.f8", "b.scale"]
    for name, tensor in new.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name].view(torch.uint8), tensor.view(torch.uint8))


def test_a_composed_training_checkpoint_loads_into_model_and_optimizer() -> None:
    import torch

    value = checkpoint()
    tensors = flat(value)
    changed = {name: torch.full_like(tensor, 2) for name, tensor in tensors.items()}
    loaded = torch.load(io.BytesIO(compose(save(value), changed)), weights_only=True)
    assert loaded["epoch"] == 3
    assert loaded["model"]._metadata == value["model"]._metadata
    assert loaded["optimizer"]["param_groups"] == value["optimizer"]["param_groups"]
    assert all(torch.equal(t, changed[name]) for name, t in flat(loaded).items())
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    model.load_state_dict(loaded["model"])
    torch.optim.Adam(model.parameters()).load_state_dict(loaded["optimizer"])


def test_a_composed_module_is_still_a_module_with_parameters() -> None:
    import torch

    model = torch.nn.Linear(2, 2)
    new = {
        "_parameters.weight": torch.full((2, 2), 3.0),
        "_parameters.bias": torch.full((2,), 4.0),
    }
    loaded = torch.load(io.BytesIO(compose(save(model), new)), weights_only=False)
    assert isinstance(loaded.weight, torch.nn.Parameter)
    assert loaded.weight.requires_grad
    assert loaded(torch.ones(1, 2)).tolist() == [[10.0, 10.0]]


def test_views_and_quantized_neighbours_compose() -> None:
    import torch

    base = torch.arange(6, dtype=torch.float32)
    value = {"t": base.view(2, 3).t(), "base": base, "c": torch.ones(2, dtype=torch.complex128)}
    new = {"t": torch.randn(3, 2), "base": torch.randn(6)}
    loaded = torch.load(io.BytesIO(compose(save(value), new)), weights_only=True)
    assert torch.equal(loaded["t"], new["t"])
    assert torch.equal(loaded["base"], new["base"])
    assert torch.equal(loaded["c"], value["c"])
