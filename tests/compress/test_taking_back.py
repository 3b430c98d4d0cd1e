"""A part of a step is taken back: by the guard before it lands, or by ``revert`` after; promises go with it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import families
import pytest
from test_bisecting import LITTLE, typed
from test_steps import take

from compress.chain import chain
from compress.operations.factor import Factor
from compress.operations.prune import Prune
from compress.operations.quantize import Quantize
from compress.options import Options
from compress.rerunning import rerun
from mvc.errors import UsageError
from mvc.repository import Repository

pytestmark = pytest.mark.torch

FIRST = "model.layers.0.*"
UP = "model.layers.0.mlp.up_proj"
STRONG = Prune(method="magnitude", sparsity=0.8)


def limited(repo: Repository, recipe: Any, glob: str = FIRST) -> Options:
    """A limit that the recipe is past, and is not without the weights that are rolled back."""
    whole = take(repo, recipe, LITTLE, dry_run=True).verdict.worse.mean
    part = take(repo, dataclasses.replace(recipe, skip=(glob,)), LITTLE, dry_run=True)
    assert part.verdict.worse.mean < whole
    limit = max((part.verdict.worse.mean + whole) / 2, 0.0)
    return dataclasses.replace(LITTLE, limit=f"{100 * limit:.4f}%", rollback=(glob,))


def zeros(repo: Repository, revision: str = "HEAD") -> dict[int, float]:
    """The share of zeros in each block's gate."""
    weights = repo.load(revision, framework="pt")
    names = {n: f"model.layers.{n}.mlp.gate_proj.weight" for n in range(3)}
    return {n: round(float((weights[name] == 0).float().mean()), 1) for n, name in names.items()}


def test_what_is_refused_as_a_whole_lands_without_what_is_rolled_back(repo: Repository) -> None:
    heard: dict[str, object] = {}
    options = limited(repo, STRONG)
    taken = take(repo, STRONG, options, report=lambda event, /, **f: heard.update({event: f}))
    assert taken.commit.id == repo.head and repo.status().clean
    assert zeros(repo) == {0: 0.0, 1: 0.8, 2: 0.8}
    assert len(taken.rolled_back) == 7 and "rollback" in heard
    assert "rolled back: 7 of the weights" in repo.read_commit("HEAD").message
    record = repo.record()
    assert record is not None and len(record.parameters["losses"]) == 14  # type: ignore[arg-type]
    assert len(record.parameters["rolled_back"]) == 7  # type: ignore[arg-type]
    assert len(chain(repo).standing.held) == 14
    # What was refused is kept as it was tried.
    assert zeros(repo, "refs/mvc/refused/1") == {0: 0.8, 1: 0.8, 2: 0.8}
    for revision, tensors in (("HEAD", 14), ("refs/mvc/refused/1", 21)):
        again = rerun(repo, revision)
        assert again.same and again.tensors == tensors


def test_what_is_within_the_limit_is_not_rolled_back(repo: Repository) -> None:
    options = dataclasses.replace(LITTLE, rollback=(FIRST,))
    taken = take(repo, Prune(method="magnitude", sparsity=0.1), options)
    assert not taken.rolled_back and zeros(repo) == {0: 0.1, 1: 0.1, 2: 0.1}


def test_what_is_too_bad_without_it_too_is_refused(repo: Repository) -> None:
    from compress.running import Refused

    head = repo.head
    for globs in (("model.layers.1.*",), ("*",)):
        with pytest.raises(Refused):
            take(repo, STRONG, dataclasses.replace(LITTLE, limit="1%", rollback=globs))
    assert repo.head == head and len(repo.steps.refused()) == 2


def test_packed_codes_and_their_announcement_are_rolled_back_together(repo: Repository) -> None:
    recipe = Quantize(
        method="rtn",
        format="int3",
        symmetric=True,
        save_as="compressed-tensors",
        group_size=64,
    )
    taken = take(repo, recipe, limited(repo, recipe))
    assert len(taken.rolled_back) == 7
    names = set(repo.load())
    assert "model.layers.1.mlp.up_proj.weight_packed" in names
    assert "model.layers.0.mlp.up_proj.weight" in names
    assert "model.layers.0.mlp.up_proj.weight_packed" not in names
    config = json.loads(b"".join(map(bytes, repo.read_file("config.json"))))
    groups = config["quantization_config"]["config_groups"].values()
    announced = " ".join(one for group in groups for one in group["targets"]).replace("\\", "")
    assert "layers.1." in announced and "layers.0." not in announced


def test_a_glob_that_names_nothing_is_said_before_any_work(repo: Repository) -> None:
    with pytest.raises(UsageError, match="names none of the model's 21 matrices"):
        take(repo, STRONG, dataclasses.replace(LITTLE, rollback=("layers.0.*",)))
    with pytest.raises(UsageError, match="every matrix of the blocks, or none"):
        nf4 = Quantize(method="rtn", format="nf4", save_as="bitsandbytes", group_size=64)
        take(repo, nf4, dataclasses.replace(LITTLE, rollback=(FIRST,)))
    with pytest.raises(UsageError, match="no run to resume"):
        typed("compress", "resume")


def test_a_layer_that_was_reverted_has_the_promises_of_before(repo: Repository) -> None:
    take(repo, Prune(method="magnitude", sparsity=0.2), LITTLE)
    take(repo, Prune(method="magnitude", pattern="2:4", sparsity=0.5), LITTLE)
    typed("revert", "HEAD", "--", FIRST)
    assert zeros(repo) == {0: 0.2, 1: 0.5, 2: 0.5}
    found = chain(repo).standing
    assert found.of("model.layers.0.mlp.up_proj.weight") == {"mask": "unstructured"}
    assert found.of("model.layers.1.mlp.up_proj.weight") == {"mask": "2:4"}
    told = typed("compress", "status").output
    assert f"in part taken back by {repo.head[:7]}" in told  # type: ignore[index]
    assert "in force: mask 2:4, 14 weights" in told
    assert "in force: mask unstructured, 7 weights" in told
    # The next step would be refused for a pattern that block 0 does not have any more.
    take(repo, Quantize(method="rtn", group_size=64), LITTLE)
    typed("revert", "HEAD~2", "--additive")
    told = typed("compress", "status").output
    assert f"  taken back by {repo.head[:7]}" in told  # type: ignore[index]
    assert chain(repo).standing.of("model.layers.1.mlp.up_proj.weight").keys() == {"mask", "grid"}
    take(repo, Prune(method="magnitude", sparsity=0.3, only=(FIRST,)), LITTLE)


def test_a_factored_layer_that_was_reverted_is_a_matrix_again(repo: Repository) -> None:
    take(repo, Factor(method="svd", keep=0.7), LITTLE)
    typed("revert", "HEAD", "--", FIRST)
    found = chain(repo).standing
    assert not found.of("model.layers.0.mlp.up_proj.weight")
    assert "rank" in found.of("model.layers.1.mlp.up_proj.weight")
    take(repo, Prune(method="magnitude", sparsity=0.2, only=(FIRST,)), LITTLE)


def test_config_json_says_which_layers_are_factors_after_some_were_taken_back(
    repo: Repository,
) -> None:
    import torch

    import compress

    dense = Path("config.json").read_bytes()
    take(repo, Factor(method="svd", keep=0.7), LITTLE)
    factored = Path("config.json").read_bytes()
    typed("revert", "HEAD", "--", FIRST)
    model = compress.load(".")
    first, second = (model.get_submodule(f"model.layers.{n}.mlp.up_proj") for n in (0, 1))
    assert type(first) is torch.nn.Linear and second.rank > 0
    assert torch.equal(first.weight, repo.load(framework="pt")[f"{UP}.weight"])
    typed("revert", "HEAD", "--", FIRST)  # and there they are again
    assert Path("config.json").read_bytes() == factored
    typed("revert", "HEAD~2", "--", "*")
    assert Path("config.json").read_bytes() == dense and repo.status().clean


def test_a_layer_of_codes_is_not_taken_back_alone_as_nothing_would_load_the_rest(
    repo: Repository,
) -> None:
    take(
        repo,
        Quantize(method="rtn", symmetric=True, save_as="compressed-tensors", group_size=64),
        LITTLE,
    )
    head = repo.head
    with pytest.raises(UsageError, match=r"config\.json announces codes") as caught:
        typed("revert", "HEAD", "--", FIRST)
    assert "mvc compress dequantize --only" in str(caught.value.hint)
    assert repo.head == head and repo.status().clean


def test_after_a_wave_was_taken_back_the_next_one_is_that_wave_again(repo: Repository) -> None:
    waves = ["--data", "known.txt", "--held", "held.txt", "--length", "64", "--samples", "8"]
    waves += ["--judged", "8", "--threads", "1", "--method", "magnitude", "--limit", "none"]
    typed("compress", "prune", "--waves", "3", "--to", "60%", "--schedule", "linear", *waves)
    typed("compress", "--wave")
    typed("revert", "HEAD")
    assert "waves: 1 of 3 (linear), 20.0% of 60.0%" in typed("compress", "status").output
    typed("compress", "--wave")
    assert zeros(repo) == {0: 0.4, 1: 0.4, 2: 0.4}
    assert "waves: 2 of 3 (linear), 40.0% of 60.0%" in typed("compress", "status").output


def test_a_step_that_was_reverted_promises_nothing(repo: Repository) -> None:
    take(repo, Prune(method="magnitude", sparsity=0.2), LITTLE)
    typed("revert", "HEAD")
    assert not chain(repo).standing.held
    assert "in force" not in typed("compress", "status").output


def test_a_promise_of_a_conv1d_is_held_against_the_weight_as_it_computes(
    opened: families.Opening,
) -> None:
    from safetensors.torch import save_file

    from compress.preparing import start

    repo = opened("gpt2")
    take(repo, Prune(method="magnitude", pattern="2:4"), LITTLE)
    weights = dict(repo.load(framework="pt"))
    name = next(n for n in weights if n.endswith("h.0.attn.c_attn.weight"))
    save_file({**weights, name: weights[name] * 2}, "model.safetensors", {"format": "pt"})
    repo.add(["model.safetensors"])
    repo.commit("by hand")
    assert len(chain(repo).doubtful) == 1
    (doubtful,) = chain(repo).doubtful
    found = start(repo, LITTLE, calibrate=False).standing.of(doubtful)
    assert found == chain(repo).standing.of(doubtful) and "mask" in found
