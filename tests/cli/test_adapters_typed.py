"""``merge --adapter`` and the merge of adapters, as typed: parents, record, what is said and refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.terminal import Terminal
from cli.test_merge_recipes import record
from merge.test_adapters import lora
from merge.test_uniting import normal, tensors

import mvc


def save(terminal: Terminal, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        terminal.write(path, data)


@pytest.fixture
def trained(terminal: Terminal) -> Terminal:
    """``main`` with a model; ``one`` and ``two`` with an adapter each in the folder ``lora``."""
    weights = {"q.weight": normal(0, 6, 5), "k.weight": normal(1, 6, 5)}
    terminal.write("model.safetensors", tensors(**weights))
    terminal("add", "-A")
    terminal("commit", "-m", "base")
    for seed, name in enumerate(("one", "two"), 1):
        terminal("switch", "-c", name, "main")
        save(terminal, lora("q", seed=seed))
        terminal("add", "-A")
        terminal("commit", "-m", name)
    terminal("switch", "main")
    return terminal


def weight(terminal: Terminal, name: str = "q.weight") -> np.ndarray:
    found: np.ndarray = mvc.open(str(terminal.root)).load("HEAD", "model.safetensors")[name]
    return found


def test_an_adapter_of_a_branch_is_merged_with_its_history_and_run_again(trained: Terminal) -> None:
    said = trained("merge", "one", "--adapter", "lora")
    assert "Merged the adapter lora/adapter_model.safetensors into model.safetensors." in said
    assert " tensors: 1 with the adapter added" in said
    b, a = normal(15, 6, 2).astype(np.float64), normal(10, 2, 5).astype(np.float64)
    np.testing.assert_allclose(weight(trained), normal(0, 6, 5) + 2 * b @ a, rtol=1e-6)
    assert weight(trained, "k.weight").tobytes() == normal(1, 6, 5).tobytes()
    commit = mvc.open(str(trained.root)).read_commit()
    assert len(commit.parents) == 2
    assert commit.subject == "Merge adapter 'lora' of branch 'one'"
    made = record(trained)["parameters"]
    assert made["adapter"]["path"] == "lora/adapter_model.safetensors"
    assert made["adapter"]["commit"] == commit.parents[1]
    assert (made["into"], made["weight"]) == ("model.safetensors", 1)
    assert "as recorded" in trained("rerun", "--verify", "HEAD")
    assert "adapter" in trained("lineage", "q.weight")


def test_an_adapter_beside_its_model_makes_an_ordinary_commit(trained: Terminal) -> None:
    trained("merge", "one")
    trained("merge", "--adapter", "lora", "--weight", "0.5", "-m", "Half of it")
    half = weight(trained) - normal(0, 6, 5)
    commit = mvc.open(str(trained.root)).read_commit()
    assert (len(commit.parents), commit.subject) == (1, "Half of it")
    assert "as recorded" in trained("rerun", "--verify", "HEAD")
    trained("undo")
    trained("merge", "--adapter", "lora/adapter_model.safetensors", "--into", "model.safetensors")
    np.testing.assert_allclose(weight(trained) - normal(0, 6, 5), 2 * half, rtol=1e-3, atol=1e-6)


def test_adapters_of_branches_become_one(trained: Terminal) -> None:
    trained("merge", "one", "two", "-X", "linear")
    assert json.loads((trained.root / "lora/adapter_config.json").read_text())["r"] == 4
    assert "as recorded" in trained("rerun", "--verify", "HEAD")
    trained("undo")
    said = trained("merge", "one", "two", "-X", "linear", "--rank", "2")
    assert "its ranks keep " in said
    assert json.loads((trained.root / "lora/adapter_config.json").read_text())["r"] == 2
    assert record(trained)["parameters"]["rank"] == 2
    assert "as recorded" in trained("rerun", "--verify", "HEAD")


@pytest.mark.parametrize("strategy", ["average", "additive"])
def test_the_average_of_factors_is_no_average_and_stays_a_conflict(
    trained: Terminal, strategy: str
) -> None:
    trained("merge", "one")
    trained("switch", "-c", "three")
    save(trained, lora("q", seed=3))
    trained("commit", "-a", "-m", "three")
    trained("switch", "main")
    save(trained, lora("q", seed=4))
    trained("commit", "-a", "-m", "four")
    refused = trained.run("merge", "three", "-X", strategy)
    assert refused.code == 6
    assert "lora_A.weight" in refused.err
    trained("merge", "--abort")
    trained("merge", "three", "-X", "linear")


def test_what_can_not_be_merged_in_changes_nothing(trained: Terminal) -> None:
    before = trained.head()
    for words, code, said in [
        (("one", "--adapter", "nothing"), 2, "nothing holds no adapter"),
        (("--adapter", "lora"), 2, "lora holds no adapter"),
        (("one", "two", "--adapter", "lora"), 2, "one revision at most"),
        (("one", "--adapter", "lora", "-X", "ties"), 2, "no strategy"),
        (("one", "--adapter", "lora", "--density", "1"), 2, "no other parameter"),
        (("one", "--adapter", "lora", "--weight", "much"), 2, "must be a number"),
        (("one", "--adapter", "lora", "--into", "m.pt"), 2, "'m.pt' is no model"),
        (("one", "--into", "m.pt"), 2, "--into says where an adapter goes"),
    ]:
        refused = trained.run("merge", *words)
        assert (refused.code, said in refused.err) == (code, True), (words, refused.err)
    assert trained.head() == before
    trained.write("other.safetensors", tensors(**{"v.weight": normal(4, 2, 3)}))
    trained("add", "-A")
    trained("commit", "-m", "another model")
    refused = trained.run("merge", "one", "--adapter", "lora")
    assert "there is more than one model: model.safetensors, other.safetensors" in refused.err
    refused = trained.run("merge", "one", "--adapter", "lora", "--into", "other.safetensors")
    assert refused.code == 10
    assert "missing: q.weight" in refused.err
    trained("merge", "one", "--adapter", "lora", "--into", "model.safetensors")


def test_a_merged_adapter_is_stored_as_its_factors(terminal: Terminal) -> None:
    terminal.write("model.safetensors", tensors(**{"q.weight": normal(0, 512, 512)}))
    save(terminal, lora("q", size=(512, 512), rank=4, alpha=0.02))
    terminal("add", "-A")
    terminal("commit", "-m", "base")
    before = _stored(terminal.root)
    terminal("merge", "--adapter", "lora")
    assert _stored(terminal.root) - before < 0.15 * 512 * 512 * 4


def _stored(root: Path) -> int:
    return sum(pack.stat().st_size for pack in (root / ".mvc/store/packs").iterdir())


def test_factors_that_a_merge_kept_undecided_are_not_averaged_one_by_one(trained: Terminal) -> None:
    trained("switch", "one")
    trained("merge", "--keep-conflicts", "two")
    factor = "base_model.model.q.lora_A.weight"
    for words in (("-X", "average"), ("-X", "linear"), (factor, "-X", "average")):
        refused = trained.run("resolve", *words)
        assert refused.code == 2
        assert "is a factor of LoRA" in refused.err
    trained("resolve", "-X", "theirs")
    assert trained("conflicts") == "Nothing is undecided.\n"
