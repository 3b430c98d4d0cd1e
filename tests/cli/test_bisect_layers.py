"""``bisect run --layers``: the layer that broke the model, by halving, written nowhere but on the terminal."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from cli.terminal import Terminal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import mvc

LIMIT = ["--metric", "perplexity", "--max-increase", "3%", "--data", "held.txt"]


class Fake:
    """``count`` layers, of which number ``bad`` makes the model as bad as ``worse``; counts what is asked."""

    def __init__(self, count: int, bad: int, worse: float = 40.0) -> None:
        self.names = [f"model.layers.{number}" for number in range(count)]
        self._bad, self._worse = bad, worse
        self.asked: list[int] = []

    def measure(self, count: int) -> float:
        self.asked.append(count)
        return self._worse if count > self._bad else 10.0 + count / 1000

    def told(self, number: int) -> Mapping[str, Any]:
        name = f"{self.names[number]}.mlp.up_proj.weight"
        return {name: {"loss": 0.25, "format": "int4"}}


Planted = Callable[[Fake], Fake]


@pytest.fixture
def planted(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """Has ``perplexity`` measured by a fake, in a repository of two commits."""
    terminal.commit("dense", m={"w": [1.0]})
    terminal.commit("step", m={"w": [2.0]})

    def plant(fake: Fake) -> Fake:
        def layers(repository: Any, revision: str, data: Sequence[str]) -> Fake:
            assert list(data) == ["held.txt"]
            return fake

        known = EntryPoint("perplexity", "somewhere:layers", "mvc.evaluators.layers")
        monkeypatch.setattr(EntryPoint, "load", lambda self: layers)
        monkeypatch.setattr("importlib.metadata.entry_points", lambda **words: [known])
        return fake

    return plant


def test_the_bad_one_of_thirty_layers_is_found_in_five_tests_and_the_parents(
    terminal: Terminal, planted: Planted
) -> None:
    before = sorted(terminal.git("for-each-ref").splitlines())
    for bad in range(30):
        fake = planted(Fake(30, bad))
        out = terminal("bisect", "run", *LIMIT, "--layers", "HEAD")
        assert f"model.layers.{bad} is the first bad layer of " in out
        assert f"-- 'model.layers.{bad}.*'" in out
        # The last layer is bad on the user's word alone, unless that is tried, too.
        assert len(fake.asked) <= 1 + 5 + (bad == 29)
        assert len(set(fake.asked)) == len(fake.asked)
    assert sorted(terminal.git("for-each-ref").splitlines()) == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(some.data())
def test_any_bad_layer_is_found_in_the_fewest_tests_there_can_be(
    terminal: Terminal, planted: Planted, data: some.DataObject
) -> None:
    count = data.draw(some.integers(1, 64))
    bad = data.draw(some.integers(0, count - 1))
    worse = data.draw(some.sampled_from([11.0, 1e9, math.inf, math.nan]))
    fake = planted(Fake(count, bad, worse))
    told = json.loads(terminal("bisect", "run", *LIMIT, "--layers", "HEAD", "--json"))
    assert told["layer"] == f"model.layers.{bad}"
    assert len(fake.asked) <= 1 + math.ceil(math.log2(count)) + (bad == count - 1)


def test_the_answer_says_how_much_the_layer_costs_and_how_to_take_it_back(
    terminal: Terminal, planted: Planted
) -> None:
    planted(Fake(4, 2))
    head = terminal.head()
    assert terminal("bisect", "run", *LIMIT, "--layers", "HEAD").splitlines() == [
        "perplexity 10 of the parent is good, the limit is 10.3",
        "Bisecting: 4 layers left (roughly 2 steps)",
        "perplexity 10.002 with layers up to model.layers.1: good",
        "Bisecting: 2 layers left (roughly 1 step)",
        "perplexity 40 with layers up to model.layers.2: bad",
        f"model.layers.2 is the first bad layer of {head[:7]}",
        " perplexity 10.002 without it, 40 with it",
        " model.layers.2.mlp.up_proj.weight  loss 0.25, format int4",
        f"take it back: mvc revert {head[:7]} -- 'model.layers.2.*'",
        "3 measured, nothing written",
    ]


def test_programs_get_one_object(terminal: Terminal, planted: Planted) -> None:
    planted(Fake(4, 3, math.nan))
    assert json.loads(terminal("bisect", "run", *LIMIT, "--layers", "HEAD", "--json")) == {
        "schema": "mvc.bisect-layers/1",
        "commit": terminal.head(),
        "layer": "model.layers.3",
        "glob": "model.layers.3.*",
        "revert": f"mvc revert {terminal.head()[:7]} -- 'model.layers.3.*'",
        "metric": "perplexity",
        "good": 10.0,
        "limit": 10.3,
        "without": 10.003,
        "with": None,
        "layers": 4,
        "measured": 4,
        "tensors": {"model.layers.3.mlp.up_proj.weight": {"loss": 0.25, "format": "int4"}},
    }


def test_a_layer_is_taken_back_as_later_commits_allow(terminal: Terminal, planted: Planted) -> None:
    layers = {f"model.layers.{n}.w": [1.0, 2.0] for n in range(4)}
    terminal.commit("dense", m=layers)
    step = terminal.commit("step", m={name: [5.0, 6.0] for name in layers})
    terminal.commit(
        "later", m={**{name: [5.0, 6.0] for name in layers}, "model.layers.2.w": [7, 8]}
    )
    for bad, command in (
        (1, f"mvc revert {step[:7]} -- 'model.layers.1.*'"),
        (2, f"mvc revert --additive {step[:7]} -- 'model.layers.2.*'"),
    ):
        planted(Fake(4, bad))
        out = terminal("bisect", "run", *LIMIT, "--layers", step)
        assert f"take it back: {command}\n" in out
        terminal(*shlex.split(command)[1:])
    weights = mvc.open(str(terminal.root)).load()
    found = {name: list(weights[name]) for name in layers}
    assert found == {
        "model.layers.0.w": [5, 6],
        "model.layers.1.w": [1, 2],
        "model.layers.2.w": [3, 4],
        "model.layers.3.w": [5, 6],
    }
    terminal("switch", "-c", "other", "HEAD~4")
    planted(Fake(4, 1))
    assert "take it back" not in terminal("bisect", "run", *LIMIT, "--layers", step)


def test_what_can_t_be_searched_is_said(
    terminal: Terminal, planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = ["--metric", "perplexity", "--above", "1", "--data", "held.txt"]
    for fake, words, code, message in (
        (Fake(0, 0), LIMIT, 2, "changed no layer"),
        (Fake(5, 5), LIMIT, 1, "which is good by this limit"),
        (Fake(5, 2), above, 1, "which is bad already"),
        (Fake(5, 2), [*LIMIT, "--", "true"], 2, "--data is for a built-in evaluator"),
        (Fake(5, 2), [*LIMIT, "--again"], 2, "--again is for a search over commits"),
    ):
        planted(fake)
        result = terminal.run("bisect", "run", "--layers", "HEAD", *words)
        assert (result.code, message in result.err) == (code, True), result
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **words: [])
    result = terminal.run("bisect", "run", *LIMIT, "--layers", "HEAD")
    assert (result.code, "measures perplexity layer by layer" in result.err) == (2, True)
    assert "mvc-weights[compress]" in result.err
    result = terminal.run("bisect", "run", *LIMIT, "--json")
    assert (result.code, "--json is for --layers" in result.err) == (2, True)
