"""``merge`` of several models by a strategy or a recipe, what is recorded, and ``rerun``."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest
from cli.terminal import Terminal, safetensors

import mvc


def record(terminal: Terminal, revision: str = "HEAD") -> dict[str, Any]:
    found = mvc.open(str(terminal.root)).record(revision)
    assert found is not None
    return json.loads(found.encode())


def value(terminal: Terminal, name: str = "w") -> list[float]:
    rows = json.loads(terminal("cat", "m.safetensors", name, "--values", "--json"))
    found: list[float] = np.ravel(rows["tensors"][0]["values"]).tolist()
    return found


@pytest.fixture
def branches(terminal: Terminal) -> Terminal:
    """``main`` at the base, and ``one``, ``two``, ``three``, each with another model."""
    terminal.commit("base", m={"w": [0.0, 0.0], "v": [1.0]})
    for number, name in enumerate(("one", "two", "three"), 1):
        terminal("switch", "-c", name, "main")
        terminal.commit(name, m={"w": [number * 2.0, -number], "v": [1.0]})
    terminal("switch", "main")
    return terminal


def test_several_models_are_merged_at_once(branches: Terminal) -> None:
    said = branches("merge", "one", "two", "three", "--strategy", "linear", "--weight", "1,1,2")
    assert "Merge made by the strategy linear from 3 models." in said
    assert value(branches) == [4.5, -2.25]
    commit = mvc.open(str(branches.root)).read_commit()
    assert len(commit.parents) == 3  # HEAD came before all of them, as in Git's octopus
    assert commit.subject == "Merge branches 'one', 'two' and 'three'"
    made = record(branches)
    assert made["parameters"]["parameters"] == {"weight": [1, 1, 2], "normalize": True}
    assert [one["commit"] for one in made["parameters"]["models"]] == list(commit.parents)
    assert [one["root"] for one in made["parameters"]["models"]] == made["inputs"]
    assert made["versions"].keys() == {"mvc", "numpy", "ml_dtypes"}
    assert "up to date" in branches("merge", "one", "two", "-X", "linear")


def test_head_counts_when_it_went_its_own_way_and_with_no_ff(branches: Terminal) -> None:
    branches("switch", "one")
    branches("merge", "two", "-X", "linear", "--weight", "3,1")
    assert value(branches) == [2.5, -1.25]
    branches("switch", "main")
    branches("merge", "two", "-X", "linear", "--no-ff")
    assert value(branches) == [2, -1]
    branches("reset", "--hard", "HEAD~1")
    assert "Fast-forward" in branches("merge", "two", "-X", "linear")


def test_merging_again_starts_from_what_a_merge_was_made_of(branches: Terminal) -> None:
    branches("merge", "one", "two", "-X", "linear", "--weight", "1,3")
    said = branches("merge", "three", "-X", "linear")
    assert "merged again from what earlier merges were made of" in said
    assert record(branches)["parameters"]["parameters"]["weight"] == [1, 3, 1]
    assert value(branches)[0] == pytest.approx((2 + 3 * 4 + 6) / 5)
    assert branches.run("rerun", "--verify", "HEAD").code == 0
    branches("reset", "--hard", "HEAD~1")
    branches("merge", "three", "-X", "linear", "--from-result")
    assert value(branches)[0] == pytest.approx((3.5 + 6) / 2)


def test_a_contribution_that_went_on_stands_in_for_what_it_was(branches: Terminal) -> None:
    branches("merge", "one", "two", "-X", "linear")
    branches("switch", "one")
    branches.commit("on", m={"w": [10.0, 0.0], "v": [1.0]})
    branches("switch", "main")
    branches("merge", "one", "-X", "linear")
    assert value(branches) == [7, -1]


def test_rules_and_recipes_say_what_options_say(branches: Terminal) -> None:
    text = "strategy: linear\nweight: [1, 3]\nseed: 5\nrules:\n  'v*': {strategy: slerp, t: 1e-1}\n"
    branches.write("recipe.yaml", text)
    branches.write("recipe.json", json.dumps({"strategy": "linear", "weight": [1, 3], "seed": 5}))
    made = []
    for words in (
        ("--recipe", "recipe.yaml"),
        ("--recipe", "recipe.json", "--rule", "v*=slerp:t=0.1"),
        ("-X", "linear", "--weight", "1,3", "--seed", "5", "--rule", "v*=slerp:t=0.1"),
    ):
        branches("merge", "one", "two", *words)
        made.append(record(branches))
        assert value(branches) == [3.5, -1.75]
        branches("reset", "--hard", "main~1")
    first = made[0]
    assert first["seed"] == 5
    assert first["parameters"]["rules"] == [{"match": "v*", "strategy": "slerp", "t": 0.1}]
    assert made == [first] * 3


def test_a_recipe_that_is_none_is_refused(branches: Terminal) -> None:
    for text, said in [
        ("strategy: [", "no recipe"),
        ("a: &x 1\nb: *x\n", "alias"),
        ("strategy: ties\nstrategy: ties\n", "twice"),
        ("- ties\n", "must map words"),
        ("!!python/object/apply:os.getcwd []\n", "no recipe"),
        ("1: ties\n", "must map words"),
        ('{"strategy": "ties", "strategy": "ties"}', "twice"),
        ("{" * 100_000, "no recipe"),
        ("x: " + "a" * 1_100_000, "too long"),
        ("strategy: ties\nrules:\n  a: {strategy: slerp}\nt: 3\n", "t is 3"),
    ]:
        branches.write("recipe", text)
        result = branches.run("merge", "one", "two", "--recipe", "recipe")
        assert (result.code, result.out) == (2, "")
        assert said in result.err


def test_a_recipe_in_yaml_without_pyyaml_says_what_to_do(
    branches: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    branches.write("recipe.yaml", "strategy: linear\n")
    result = branches.run("merge", "one", "two", "--recipe", "recipe.yaml")
    assert result.code == 2
    assert "pip install pyyaml" in result.err
    assert branches.run("merge", "one", "two", "--recipe", "absent").code == 1


def test_words_that_are_off_are_refused_before_anything_happens(branches: Terminal) -> None:
    before = branches.head()
    for words, said in [
        (("-X", "tis"), "no merge strategy 'tis'"),
        (("-X", "ties", "--density", "1.5"), "density is 1.5, and must be a number from 0 to 1"),
        (("-X", "ties", "--weight", "1,2"), "weight has 2 values for 3 models"),
        (("-X", "slerp"), "slerp merges 2 models"),
        (("-X", "average"), "average is the mean of two sides, and there are 3"),
        (("-X", "slerp", "--density", "1"), "slerp has no parameter 'density'"),
        (("--seed", "1"), "none is given"),
        (("--rule", "ties"), "must be GLOB=NAME"),
        (("--rule", "w=ties:density"), "must be PARAM=VALUE"),
        (("--param", "t"), "must be NAME=VALUE"),
        (("-X", "fedavg"), "fedavg needs to know"),
        (("-X", "fisher"), "fisher needs m.fisher.safetensors in every model"),
    ]:
        result = branches.run("merge", "one", "two", "three", *words)
        assert result.code == 2
        assert said in result.err
    assert branches.head() == before


def test_a_conflict_in_a_text_waits_and_the_record_stays(branches: Terminal) -> None:
    for name in ("one", "two"):
        branches("switch", name)
        branches.write("notes.md", f"{name}\n")
        branches("add", "notes.md")
        branches("commit", "-m", "notes")
    result = branches.run("merge", "one", "-X", "linear", "--weight", "1,3")
    assert result.code == 6
    assert "Merge conflict in notes.md" in result.err
    assert value(branches) == [2.5, -1.25]
    branches.write("notes.md", "both\n")
    branches("add", "notes.md")
    branches("merge", "--continue")
    made = record(branches)
    assert made["parameters"]["strategy"] == "linear"
    assert made["seed"] == 0
    assert branches.run("rerun", "--verify", "HEAD").code == 0
    branches("switch", "three")
    branches.write("notes.md", "three\n")
    branches("add", "notes.md")
    branches("commit", "-m", "notes")
    refused = branches.run("merge", "one", "two", "-X", "linear")
    assert refused.code == 6
    assert "nothing has changed" in refused.err
    assert "merge" not in branches("status")


def test_a_random_merge_is_what_its_seed_makes_it(terminal: Terminal) -> None:
    terminal.commit("base", m={"w": [0.0] * 40})
    terminal("branch", "one")
    terminal("switch", "one")
    terminal.commit("many", m={"w": [float(n) for n in range(1, 41)]})
    terminal("switch", "main")
    made = []
    for seed in ("3", "3", "4"):
        words = ("--density", "0.5", "--seed", seed, "--no-ff")
        terminal("merge", "one", "-X", "dare_linear", *words)
        made.append(value(terminal))
        terminal("reset", "--hard", "HEAD~1")
    assert made[0] == made[1] != made[2]


def test_rerun_names_what_comes_out_otherwise(branches: Terminal) -> None:
    branches("switch", "one")
    branches.run("merge", "two")
    branches.write("m.safetensors", safetensors({"w": [9.0, 9.0], "v": [1.0]}))
    branches("add", "m.safetensors")
    branches("merge", "--continue")
    result = branches.run("rerun", "--verify", "HEAD")
    assert result.code == 1
    assert "1 of 2 tensors come out otherwise" in result.out
    assert "m.safetensors: w" in result.out
    assert branches.run("rerun", "HEAD").code == 0
    found = json.loads(branches("rerun", "HEAD", "--json"))
    assert found["schema"] == "mvc.rerun/1"
    assert found["differing"] == [{"path": "m.safetensors", "name": "w"}]
    assert not found["same"]
    refused = branches.run("rerun", "main")
    assert refused.code == 2
    assert "records no merge" in refused.err


def test_rerun_writes_nothing(branches: Terminal) -> None:
    branches("merge", "one", "two", "-X", "ties")
    packs = sorted(path.name for path in (branches.root / ".mvc" / "store").rglob("*"))
    branches("rerun", "HEAD")
    assert sorted(path.name for path in (branches.root / ".mvc" / "store").rglob("*")) == packs


def test_fedavg_takes_the_samples_that_were_noted(branches: Terminal) -> None:
    branches("metric", "add", "one", "samples=100")
    refused = branches.run("merge", "one", "two", "-X", "fedavg")
    assert refused.code == 2
    assert "says nothing" in refused.err
    assert "mvc metric add" in refused.err
    branches("metric", "add", "two", "samples=300")
    branches("merge", "one", "two", "-X", "fedavg")
    assert value(branches) == [3.5, -1.75]
    assert record(branches)["parameters"]["parameters"] == {"samples": [100, 300]}
    branches("reset", "--hard", "HEAD~1")
    branches("merge", "one", "two", "-X", "fedavg", "--param", "samples=300,100")
    assert value(branches) == [2.5, -1.25]


def test_a_merge_with_another_message_says_still_how_it_was_made(branches: Terminal) -> None:
    branches("merge", "one", "two", "-X", "linear")
    made = record(branches)
    branches("commit", "--amend", "-m", "better words")
    assert record(branches) == made
    branches.write("m.safetensors", safetensors({"w": [9.0, 9.0], "v": [1.0]}))
    branches("commit", "-a", "--amend", "-m", "other weights")
    assert record(branches)["operation"] == "commit"


def test_a_merge_of_two_sides_is_run_again_as_it_was(branches: Terminal) -> None:
    branches("switch", "one")
    branches("merge", "two", "-X", "average")
    assert value(branches) == [3, -1.5]
    assert "all 2 tensors come out as recorded" in branches("rerun", "--verify", "HEAD")
