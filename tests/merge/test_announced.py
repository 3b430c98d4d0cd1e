"""Where a part of a commit is taken, ``config.json`` says of the weights' form what is so, or none is taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from merge.world import f32, safetensors

import mvc
from mvc.errors import UsageError
from mvc.repository import Repository

PLAIN = {"hidden_size": 2}
DENSE = {f"{name}.weight": f32(1, 2, 3) for name in ("a", "b")}
FACTORS = {
    "a.0.weight": f32(1, 2), "a.1.weight": f32(3), "b.0.weight": f32(4), "b.1.weight": f32(5),
}  # fmt: skip
BOTH = {"quant_method": "mvc-factors", "ranks": {"a": 2, "b": 1}}


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return mvc.init(str(tmp_path), who=("Ada", "ada@example.org"))


def save(repo: Repository, tensors: Any, **config: Any) -> str:
    Path(repo.root, "model.safetensors").write_bytes(safetensors(tensors))
    text = json.dumps({**PLAIN, **config}, indent=2, sort_keys=True) + "\n"
    Path(repo.root, "config.json").write_text(text)
    repo.add(["."])
    return repo.commit("step").id


def config(repo: Repository) -> Any:
    return json.loads(Path(repo.root, "config.json").read_bytes())


def test_ranks_follow_the_factors_that_are_taken_back_and_brought_over(repo: Repository) -> None:
    save(repo, DENSE)
    step = save(repo, FACTORS, quantization_config=BOTH)
    repo.revert(step, tensors=["a.*"])
    assert set(repo.load()) == {"a.weight", "b.0.weight", "b.1.weight"}
    assert config(repo) == {
        **PLAIN,
        "quantization_config": {"quant_method": "mvc-factors", "ranks": {"b": 1}},
    }
    repo.revert(step, tensors=["b.*"])
    assert set(repo.load()) == set(DENSE) and config(repo) == PLAIN
    again = repo.revert("HEAD", tensors=["b.*"])
    assert config(repo)["quantization_config"]["ranks"] == {"b": 1}
    assert repo.status().clean and again.commit == repo.head


def test_a_later_step_s_configuration_stays_but_for_that(repo: Repository) -> None:
    save(repo, DENSE)
    step = save(repo, FACTORS, quantization_config=BOTH)
    save(repo, FACTORS, quantization_config=BOTH, dtype="bfloat16")
    repo.revert(step, tensors=["a.*", "b.*"])
    assert config(repo) == {**PLAIN, "dtype": "bfloat16"}


def test_values_alone_leave_the_configuration_as_it_is(repo: Repository) -> None:
    save(repo, DENSE)
    step = save(repo, {**DENSE, "a.weight": f32(7, 2, 3)}, quantization_config=BOTH)
    repo.revert(step, tensors=["a.*"])
    assert config(repo)["quantization_config"] == BOTH


def test_a_part_of_announced_codes_is_refused_and_the_whole_is_not(repo: Repository) -> None:
    save(repo, DENSE)
    codes = {"a.weight_packed": f32(1), "b.weight_packed": f32(2)}
    step = save(repo, codes, quantization_config={"quant_method": "compressed-tensors"})
    head = repo.head
    with pytest.raises(UsageError, match="announces codes") as caught:
        repo.revert(step, tensors=["a.*"])
    assert "dequantize --only" in str(caught.value.hint)
    assert repo.head == head and repo.status().clean
    repo.revert(step)
    assert config(repo) == PLAIN and set(repo.load()) == set(DENSE)
