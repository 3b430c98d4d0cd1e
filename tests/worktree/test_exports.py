"""What a model and its exports, its pruned and its LoRA-merged copies take, whatever is added with what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.worktree.work import Work, safetensors

ROWS, COLUMNS = 1000, 288
f32 = np.float32
Arrays = Mapping[str, np.ndarray]


@pytest.fixture
def weights() -> Arrays:
    draw = np.random.default_rng(0)
    return {
        f"layer.{number}.weight": (draw.standard_t(5, (ROWS, COLUMNS)) * 0.02).astype("<f4")
        for number in range(2)
    }


def bf16(values: np.ndarray) -> np.ndarray:
    words = np.ascontiguousarray(values, "<f4").view("<u4")
    return ((words + 0x7FFF + (words >> 16 & 1)) >> 16).astype("<u2")


def full(weights: Arrays) -> bytes:
    return _file("F32", weights)


def halves(weights: Arrays) -> bytes:
    return _file("BF16", {name: bf16(values) for name, values in weights.items()})


def bytes_(weights: Arrays) -> bytes:
    """Integers with a scale for each row, beside the scales."""
    found: dict[str, tuple[str, list[int], bytes]] = {}
    for name, values in weights.items():
        scale = abs(values).max(axis=1, keepdims=True) / f32(127)
        found[name] = ("I8", [ROWS, COLUMNS], np.rint(values / scale).astype("i1").tobytes())
        found[name + "_scale"] = ("F32", [ROWS, 1], scale.tobytes())
    return safetensors(found)


def nibbles(weights: Arrays) -> bytes:
    found: dict[str, tuple[str, list[int], bytes]] = {}
    for name, values in weights.items():
        groups = values.reshape(-1, 32)
        scale = abs(groups).max(axis=1, keepdims=True) / f32(7)
        pairs = (np.rint(groups / scale) + 8).astype("u1").reshape(-1, 2)
        packed = (pairs[:, 0] | pairs[:, 1] << 4).tobytes()
        found[name + "_packed"] = ("U8", [ROWS, COLUMNS // 2], packed)
    return safetensors(found)


def pruned(weights: Arrays) -> bytes:
    return _file("F32", {k: v * (abs(v) > np.median(abs(v))) for k, v in weights.items()})


def merged(weights: Arrays) -> bytes:
    return _file("F32", _with_lora(weights))


def _with_lora(weights: Arrays) -> Arrays:
    draw = np.random.default_rng(1)
    found = {}
    for name, values in weights.items():
        change = draw.normal(0, 1, (ROWS, 8)) @ draw.normal(0, 1, (8, COLUMNS))
        change *= 0.01 * np.linalg.norm(values) / np.linalg.norm(change)
        found[name] = values + change.astype("<f4")
    return found


def _file(dtype: str, arrays: Arrays) -> bytes:
    return safetensors({k: (dtype, list(v.shape), v.tobytes()) for k, v in arrays.items()})


EXPORTS = [
    pytest.param(halves, 0.003, id="BF16"),
    pytest.param(bytes_, 0.015, id="INT8"),
    pytest.param(nibbles, 0.005, id="INT4"),
    pytest.param(pruned, 0.003, id="pruned"),
    pytest.param(merged, 0.09, id="merged"),
]


@pytest.mark.parametrize("together", [True, False], ids=["together", "later"])
@pytest.mark.parametrize(("make", "bound"), EXPORTS)
def test_an_export_costs_next_to_nothing(
    tmp_path: Path,
    weights: Arrays,
    make: Callable[[Arrays], bytes],
    bound: float,
    together: bool,
) -> None:
    work = Work(tmp_path / "work")
    export = make(weights)
    work.write("model.safetensors", full(weights))
    work.write("z-copy.safetensors", export)
    if together:
        stored = work.add("model.safetensors", "z-copy.safetensors").report.stored_bytes
        alone = Work(tmp_path / "alone")
        alone.write("model.safetensors", full(weights))
        stored -= alone.add("model.safetensors").report.stored_bytes
    else:
        work.add("model.safetensors")
        work.commit()
        stored = work.add("z-copy.safetensors").report.stored_bytes
    assert stored < bound * len(export) + 4000
    assert list(work.context.store.check(full=True)) == []


def test_a_family_added_at_once_takes_two_packs_and_its_members_stand_on_the_first(
    tmp_path: Path, weights: Arrays
) -> None:
    work = Work(tmp_path / "work")
    draw = np.random.default_rng(2)
    for number in range(4):
        step = {k: v + draw.normal(0, 1e-6, v.shape).astype("<f4") for k, v in weights.items()}
        work.write(f"{number}.safetensors", full(step))
    report = work.add(*(f"{number}.safetensors" for number in range(4))).report
    assert len(list(Path(work.context.folder, "store", "packs").iterdir())) == 2
    assert report.stored_bytes < 0.65 * report.raw_bytes
    assert report.objects == 4 * 3
    assert list(work.context.store.check(full=True)) == []


@pytest.mark.parametrize("names", ["model.{}", "bert.model.{}"])
@pytest.mark.parametrize("longer_first", [True, False])
def test_a_copy_whose_names_have_another_word_in_front_is_known(
    tmp_path: Path, weights: Arrays, names: str, longer_first: bool
) -> None:
    work = Work(tmp_path / "work")
    plain = {f"encoder.{name}": values for name, values in weights.items()}
    longer = {names.format(name): values * f32(1.0001) for name, values in plain.items()}
    first, second = (longer, plain) if longer_first else (plain, longer)
    work.write("first.safetensors", full(first))
    work.add("first.safetensors")
    work.commit()
    work.write("second.safetensors", full(second))
    report = work.add("second.safetensors").report
    assert report.stored_bytes < 0.6 * report.raw_bytes


def test_an_export_made_anew_stands_on_the_new_model_not_on_its_last_version(
    tmp_path: Path, weights: Arrays
) -> None:
    work = Work(tmp_path / "work")
    draw = np.random.default_rng(2)
    for _ in range(2):
        weights = {k: v + draw.normal(0, 1e-4, v.shape).astype("<f4") for k, v in weights.items()}
        work.write("model.safetensors", full(weights))
        work.write("half.safetensors", halves(weights))
        work.add("model.safetensors", "half.safetensors")
        work.commit()
    model, half = (
        sum(work.context.store.stored_length(entry.id) for entry in manifest.tensors)
        for path in ("model.safetensors", "half.safetensors")
        if (manifest := work.staged().manifest(path))
    )
    assert half < 0.01 * model
