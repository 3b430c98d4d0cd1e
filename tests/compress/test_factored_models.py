"""A factored model is smaller, loads in transformers, trains there, and is multiplied back by a step."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from test_steps import take, with_

import compress
from compress.chain import chain
from compress.operations.factor import Factor
from compress.operations.prune import Prune
from compress.operations.quantize import Quantize
from compress.operations.unfactor import Unfactor
from mvc.errors import UsageError
from mvc.repository import Repository

pytestmark = pytest.mark.torch
UP = "model.layers.0.mlp.up_proj"
FEW = with_(samples=4, judged=4)


def logits(model: Any) -> Any:
    import torch

    ids = torch.arange(40)[None] % 384
    with torch.no_grad():
        return model(input_ids=ids).logits


def streamed(repo: Repository) -> Any:
    """Logits as the driver computes them."""
    import torch

    from compress.evaluation.outputs import run
    from compress.model.skeleton import Skeleton
    from compress.model.weights import Committed

    return next(run(Skeleton(Committed(repo)), torch.arange(40)[None] % 384).each())


def test_a_factored_model_is_smaller_and_loads_in_transformers_as_it_was_judged(
    repo: Repository, tmp_path: Path
) -> None:
    import torch
    import transformers

    dense_size = Path("model.safetensors").stat().st_size
    taken = take(repo, Factor(keep=0.5, ranks="uniform"), FEW)
    assert taken.sizes[1] < taken.sizes[0]
    assert Path("model.safetensors").stat().st_size < 0.75 * dense_size
    names = set(repo.load(framework="pt"))
    assert f"{UP}.weight" not in names and {f"{UP}.0.weight", f"{UP}.1.weight"} <= names
    model = compress.load(os.fspath(Path.cwd()))
    assert torch.allclose(logits(model)[0], streamed(repo), atol=1e-4)
    assert model.get_submodule(UP).rank == 21  # ⌊0.5 · 128 · 64 / 192⌋
    # Once the hook is there, plain from_pretrained does it too; what was trained and saved comes back.
    plain = transformers.AutoModelForCausalLM.from_pretrained(".")
    plain.train()
    out = plain(input_ids=torch.arange(32)[None], labels=torch.arange(32)[None])
    out.loss.backward()
    assert plain.get_submodule(UP)[0].weight.grad.abs().sum() > 0
    torch.optim.SGD(plain.parameters(), lr=0.1).step()
    plain.eval().save_pretrained(tmp_path / "tuned")
    again = compress.load(os.fspath(tmp_path / "tuned"))
    assert torch.equal(logits(again), logits(plain)) and not torch.equal(
        logits(again), logits(model)
    )


def test_svd_llm_damages_less_than_svd_and_given_out_ranks_less_than_equal_ones(
    repo: Repository,
) -> None:
    kl = {
        recipe: take(repo, recipe, dry_run=True).after.values["kl"]
        for recipe in (
            Factor(keep=0.6, ranks="uniform"),
            Factor(keep=0.6),
            Factor(keep=0.6, method="svd"),
            Factor(keep=0.6, method="fwsvd"),
        )
    }
    uniform, search, svd, fisher = kl.values()
    assert search < uniform < svd and uniform < fisher


def test_unfactor_multiplies_back_and_leaves_a_plain_model(repo: Repository) -> None:
    import torch

    before = Path("config.json").read_bytes()
    take(repo, Factor(keep=0.5, ranks="uniform", only=("*.mlp.*",)), FEW)
    known = chain(repo).newest
    assert known is not None and known.standing.of(f"{UP}.weight") == {"rank": 21}
    factored, weights = streamed(repo), repo.load(framework="pt")
    product = weights[f"{UP}.1.weight"] @ weights[f"{UP}.0.weight"]
    take(repo, Unfactor(only=("*.layers.0.*",)), FEW)
    assert torch.allclose(repo.load(framework="pt")[f"{UP}.weight"], product, atol=1e-6)
    assert compress.load(".").get_submodule("model.layers.1.mlp.up_proj").rank == 21
    take(repo, Unfactor(), FEW)
    assert torch.allclose(streamed(repo), factored, atol=1e-4)
    import json

    assert json.loads(Path("config.json").read_bytes()) == json.loads(before)
    assert not any(name.endswith(".0.weight") for name in repo.load(framework="pt"))
    known = chain(repo).newest
    assert known is not None and not known.standing.held


def test_factors_are_neither_pruned_nor_factored_away_unseen(repo: Repository) -> None:
    take(repo, Factor(keep=0.5, ranks="uniform", only=("*.layers.0.mlp.*",)), FEW)
    head = repo.head
    for recipe in (Prune(sparsity=0.1, method="magnitude"), Quantize(method="rtn", group_size=64)):
        with pytest.raises(UsageError, match="factors of rank 21 would be one matrix") as caught:
            take(repo, recipe, FEW)
        assert str(caught.value.hint).startswith("--skip it, or mvc compress unfactor")
        others = dataclasses.replace(recipe, skip=("*.layers.0.mlp.*",))
        assert take(repo, others, FEW, dry_run=True).verdict.after > 0
    assert repo.head == head
    # A lower rank is another promise.
    take(repo, Factor(keep=0.3, ranks="uniform", only=("*.layers.0.mlp.*",)), FEW)
    known = chain(repo).newest
    assert known is not None and known.standing.of(f"{UP}.weight") == {"rank": 12}
    assert compress.load(".").get_submodule(UP).rank == 12


def test_what_outputs_feel_needs_no_gradient_of_a_weight(trained: Path) -> None:
    import torch
    import transformers

    from compress.factoring.fisher import gradients

    model = transformers.AutoModelForCausalLM.from_pretrained(trained).requires_grad_(False)
    matrices = {"up": model.get_submodule(UP)}
    ids = torch.arange(64).reshape(2, 32)
    both, alone = (gradients(model, matrices, ids, inputs=one)["up"] for one in (True, False))
    assert both.inputs is not None and alone.inputs is None and matrices["up"].weight.grad is None
    assert torch.equal(both.outputs, alone.outputs) and bool((alone.outputs > 0).all())


def test_ranks_that_are_given_out_are_no_higher_than_those_in_force(repo: Repository) -> None:
    take(repo, Factor(keep=0.5, ranks="uniform", only=("*.layers.0.mlp.*",)), FEW)
    take(repo, Factor(keep=0.95, only=("*.layers.0.mlp.*",)), FEW)  # as a matrix it would be whole
    known = chain(repo).newest
    assert known is not None and known.standing.of(f"{UP}.weight") == {"rank": 21}


def test_the_status_has_one_line_for_all_ranks(repo: Repository) -> None:
    from test_bisecting import typed

    take(repo, Factor(keep=0.5, ranks="uniform", only=("*.layers.0.mlp.*",)), FEW)
    assert "in force: rank 21, 3 weights\n" in typed("compress", "status").output
    take(repo, Factor(keep=0.4, ranks="uniform", only=("*.layers.1.mlp.*",)), FEW)
    assert typed("compress", "status").output.count("in force") == 1
    assert "in force: ranks 17 to 21, 6 weights\n" in typed("compress", "status").output


def test_a_budget_is_kept_to(repo: Repository) -> None:
    taken = take(repo, Factor(keep=0.6, ranks="budget"), FEW, dry_run=True)
    weights = repo.load(framework="pt")
    matrices = sum(t.nbytes for name, t in weights.items() if name.endswith("proj.weight"))
    assert taken.sizes[0] - taken.sizes[1] >= 0.4 * matrices
