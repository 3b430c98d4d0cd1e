"""What can't be done is said clearly, with what to do about it: models, texts, memory."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from test_bisecting import LITTLE
from test_steps import take

from compress.operations.prune import Prune
from mvc.errors import MvcError, UnsupportedDtype, UsageError
from mvc.repository import Repository

pytestmark = pytest.mark.torch

PLAIN = Prune(method="magnitude", sparsity=0.1)


def configured(repo: Repository, **changes: Any) -> None:
    """Commit another ``config.json``."""
    path = Path("config.json")
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")
    repo.add(["config.json"])
    repo.commit("another configuration")


def said(repo: Repository, kind: type[MvcError] = UsageError, **how: Any) -> MvcError:
    """The error of a step; neither the branch nor the journal has changed."""
    head = repo.head
    with pytest.raises(kind) as caught:
        take(repo, how.pop("recipe", PLAIN), how.pop("options", LITTLE), **how)
    assert repo.head == head and not Path(repo.folder, "compress", "journal").exists()
    assert not repo.steps.refused()
    return caught.value


def test_an_architecture_that_transformers_does_not_know(repo: Repository) -> None:
    configured(repo, model_type="unheard_of")
    assert "describes no model that transformers" in said(repo).message


def test_a_model_without_a_tokenizer_is_said_in_one_line(repo: Repository) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        Path(name).unlink()
        repo.add([name])
    repo.commit("no tokenizer")
    error = said(repo)
    assert error.message.startswith("there is no tokenizer beside model.safetensors")
    assert "\n" not in error.message and "tokenizer.json" in str(error.hint)


def test_a_model_without_blocks() -> None:
    import torch

    from compress.architectures.generic import describe

    with pytest.raises(UsageError, match="no list of blocks that could be streamed") as caught:
        describe(torch.nn.Sequential(torch.nn.Linear(2, 2)), "odd")
    assert "write-an-operation" in str(caught.value.hint)


def test_a_dtype_that_is_not_computed_with(repo: Repository) -> None:
    import torch

    weights = {name: values.clone() for name, values in repo.load(framework="pt").items()}
    name = "model.layers.1.mlp.up_proj.weight"
    weights[name] = (weights[name] * 100).to(torch.int8)
    repo.commit_tensors(weights, "codes without a scale")
    error = said(repo, UnsupportedDtype)
    assert name in error.message and "dequantize" in str(error.hint)


def test_weights_that_are_no_numbers(repo: Repository) -> None:
    import torch

    weights = {name: values.clone() for name, values in repo.load(framework="pt").items()}
    weights["model.layers.1.mlp.down_proj.weight"][0] = torch.nan
    repo.commit_tensors(weights, "broken")
    error = said(repo, MvcError)
    assert "is no number (NaN)" in error.message and "mvc cat" in str(error.hint)


def test_a_loss_that_is_no_number(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    from compress.operations import heal
    from compress.operations.heal import Heal

    def diverging(work: Any, recipe: Any) -> Any:
        work.report("training", 0, 10, loss=float("nan"))

    take(repo, PLAIN, LITTLE)
    monkeypatch.setattr(heal, "OPERATION", dataclasses.replace(heal.OPERATION, change=diverging))
    error = said(repo, MvcError, recipe=Heal())
    assert "the loss is nan" in error.message and "learning rate" in str(error.hint)


def test_calibration_that_is_too_small_is_an_error_or_a_warning(repo: Repository) -> None:
    heard: list[str] = []

    def hear(event: str, /, **fields: Any) -> None:
        if event == "warning":
            heard.append(fields["text"])

    thin = dataclasses.replace(LITTLE, samples=1, length=32)
    take(repo, Prune(method="wanda", sparsity=0.1), thin, dry_run=True, report=hear)
    assert heard == ["32 tokens calibrate matrices of up to 128 inputs: more --samples"]
    Path("short.txt").write_text(Path("known.txt").read_text("utf-8")[:500], "utf-8")
    few = dataclasses.replace(LITTLE, data=("short.txt",), length=32, samples=50)
    heard.clear()
    take(repo, Prune(method="wanda", sparsity=0.1), few, dry_run=True, report=hear)
    assert any("sequences of 32 tokens are there, not 50" in text for text in heard)
    Path("short.txt").write_text("two words", "utf-8")
    assert "fewer than one sequence of 32" in said(repo, options=few, recipe=Prune()).message


@pytest.mark.parametrize(
    ("where", "message", "hint"),
    [
        ("compress.streaming.driver._worked", "at block 0 of 3", "--samples 16"),
        ("compress.streaming.states.States.advance", "while the model is measured", "--judged 8"),
        ("compress.running.edits_of", "while prune runs", "--samples 16"),
    ],
)
def test_too_little_memory_says_what_to_lower(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, where: str, message: str, hint: str
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 8589934592 bytes")

    monkeypatch.setattr(where, full)
    error = said(repo, MvcError)
    assert "out of memory" in error.message and message in error.message
    assert hint in str(error.hint)


def test_other_errors_of_the_framework_are_not_taken_for_a_lack_of_memory(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr("compress.streaming.driver._worked", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        take(repo, PLAIN, LITTLE)
