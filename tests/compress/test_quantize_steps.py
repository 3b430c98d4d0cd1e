"""Quantization as steps on a trained model: masks kept, codes stored and read, the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compress.chain import chain
from compress.operations.dequantize import Dequantize
from compress.operations.prune import Prune
from compress.operations.quantize import Quantize
from compress.options import Options
from mvc.errors import MvcError, UsageError
from mvc.repository import Repository

pytestmark = pytest.mark.torch

QUICK = Options(
    data=("known.txt",),
    held=("held.txt",),
    samples=16,
    length=64,
    judged=16,
    limit="none",
    threads=1,
)
UP = "model.layers.0.mlp.up_proj"


def take(repo: Repository, recipe: Any, options: Options = QUICK, **more: Any) -> Any:
    from compress.running import take as run

    return run(repo, recipe, options, **more)


def quantize(**how: Any) -> Quantize:
    return Quantize(**{"group_size": 32, "format": "int3", **how})


def config() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("config.json").read_text("utf-8"))
    return found


def test_gptq_and_awq_beat_rounding_on_a_trained_model(repo: Repository) -> None:
    found = {
        method: take(repo, quantize(method=method), dry_run=True).after.values["kl"]
        for method in ("rtn", "gptq", "awq")
    }
    assert found["gptq"] < 0.7 * found["rtn"] and found["awq"] < found["rtn"]


def test_gptq_after_sparsegpt_keeps_every_zero_and_the_grid_is_recorded(repo: Repository) -> None:
    take(repo, Prune(sparsity=0.5))
    zeros = {n: t == 0 for n, t in repo.load(framework="pt").items() if n.endswith("proj.weight")}
    take(repo, quantize())
    after = repo.load(framework="pt")
    assert not any(bool(after[name][held].any()) for name, held in zeros.items())
    newest = chain(repo).newest
    assert newest is not None
    grid = {"format": "int3", "granularity": "group", "group_size": 32, "symmetric": False}
    assert newest.standing.of(f"{UP}.weight") == {
        "mask": "unstructured",
        "grid": {**grid, "layout": "fake"},
    }
    groups = after[f"{UP}.weight"].reshape(-1, 32)
    assert max(len(group.unique()) for group in groups) <= 8


def test_what_leaves_the_grid_is_refused_until_it_is_dequantized(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    import torch

    from compress.edit import Dense, Edit
    from compress.operations import prune

    take(repo, quantize(method="rtn"))

    def nudged(matrix: Any, recipe: Any) -> Edit:
        return Edit(Dense(matrix.weight + torch.rand_like(matrix.weight) / 1000), 0.0)

    moved = dataclasses.replace(prune.OPERATION, edit=nudged)
    monkeypatch.setattr(prune, "OPERATION", moved)
    with pytest.raises(MvcError, match="more than 3 bits can tell apart"):
        take(repo, Prune(method="magnitude"))
    take(repo, Dequantize())
    take(repo, Prune(method="magnitude"))


def test_packed_codes_compute_as_values_do_and_come_back_as_them(repo: Repository) -> None:
    import torch

    how = {"format": "int4", "symmetric": True, "method": "rtn"}
    take(repo, quantize(**how))
    values = repo.load(framework="pt")
    kept = {name: values[name].clone() for name in values}
    repo.reset("HEAD~1", mode="hard")
    before = config()
    taken = take(repo, quantize(save_as="compressed-tensors", **how))
    packed = repo.load(framework="pt")
    assert packed[f"{UP}.weight_packed"].dtype == torch.int32 and f"{UP}.weight" not in packed
    block = config()["quantization_config"]
    (group,) = block["config_groups"].values()
    assert block["format"] == "pack-quantized" and block["quant_method"] == "compressed-tensors"
    assert r"re:(\w+\.)?layers\.[0-9]+\.mlp\.up_proj$" in group["targets"]
    assert group["weights"]["num_bits"] == 4 and group["weights"]["group_size"] == 32
    assert taken.sizes[1] < 0.5 * taken.sizes[0]
    with pytest.raises(UsageError, match="stored as codes of int4"):
        take(repo, quantize(**how))
    back = take(repo, Dequantize())
    assert back.after.values == pytest.approx(dict(taken.after.values), rel=1e-6)
    plain = repo.load(framework="pt")
    assert set(plain) == set(kept) and all(torch.equal(plain[n], kept[n]) for n in kept)
    assert config() == before
    newest = chain(repo).newest
    assert newest is not None and newest.standing.of(f"{UP}.weight") == {}


def test_nf4_as_bitsandbytes_keeps_it_takes_an_eighth_and_computes_the_same(
    repo: Repository,
) -> None:
    how = {"format": "nf4", "method": "rtn"}
    values = take(repo, quantize(**how), dry_run=True).after.values
    taken = take(repo, quantize(save_as="bitsandbytes", **how))
    assert taken.after.values == values
    assert config()["quantization_config"]["bnb_4bit_quant_type"] == "nf4"
    assert repo.load(framework="pt")[f"{UP}.weight"].shape == (128 * 64 // 2, 1)
    assert config()["quantization_config"]["llm_int8_skip_modules"] == ["lm_head"]
    take(repo, Dequantize(only=("*.0.mlp.up_proj*",)))
    skipped = config()["quantization_config"]["llm_int8_skip_modules"]
    assert skipped == ["layers.0.mlp.up_proj", "lm_head"]


def test_a_budget_mixes_formats_within_it(repo: Repository) -> None:
    taken = take(
        repo, quantize(budget="5.5bit", save_as="compressed-tensors", method="rtn", symmetric=True)
    )
    record = repo.record()
    assert record is not None and taken.commit is not None
    decisions: Any = record.parameters["decisions"]
    assert len({one["format"] for one in decisions.values()}) > 1
    matrices = [n for n in repo.load("HEAD~1", framework="pt") if n.endswith("proj.weight")]
    dense = repo.load("HEAD~1", framework="pt")
    budget = sum(dense[name].numel() for name in matrices) * 5.5 / 8
    now = repo.load(framework="pt")
    stored = sum(
        now[n].numel() * now[n].element_size()
        for n in now
        if "proj.weight" in n and not n.endswith("_shape")
    )
    assert stored <= budget * 1.01


@pytest.mark.parametrize(("form", "ending"), [("int4", "weight_packed"), ("int8", "weight")])
def test_codes_by_rounding_cost_the_store_next_to_nothing(
    repo: Repository, form: Any, ending: str
) -> None:
    take(repo, quantize(format=form, method="rtn", save_as="compressed-tensors"))

    def told(revision: str) -> tuple[int, int]:
        """Bytes stored and raw of all versions that the name had until then."""
        rows = repo.upkeep.usage([revision], tensors=[f"{UP}.{ending}"], by="tensor").rows
        return sum(row.own for row in rows), sum(row.space.logical for row in rows)

    (stored, raw), (stored_before, raw_before) = told("HEAD"), told("HEAD~1")
    assert 0 <= stored - stored_before < 0.1 * (raw - raw_before)
