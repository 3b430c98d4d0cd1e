"""``cat`` and ``grep``: looking into models, in the work tree, on the stage and in commits."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cli.terminal import Terminal, safetensors

MODEL = "m.safetensors"


@pytest.fixture
def trained(terminal: Terminal) -> Terminal:
    """Committed, staged and on disk the tensor ``layers.0.q`` differs."""
    terminal.write("notes.txt", "hello\n")
    terminal.commit("one", m={"layers.0.q": [1.0, 3.0], "layers.1.q": [0.0], "Head.qkv": [1.0]})
    for staged, value in ((True, 2.0), (False, 4.0)):
        terminal.write(MODEL, safetensors({"layers.0.q": [value, value], "layers.1.q": [0.0]}))
        if staged:
            terminal("add", MODEL)
    return terminal


def rows(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()[1:]]


def test_cat_shows_the_numbers_of_each_tensor(trained: Terminal) -> None:
    assert rows(trained("cat", f"HEAD:{MODEL}", "layers.*")) == [
        ["layers.0.q", "F32", "2", "1", "3", "2", "1", "3.162", "0"],
        ["layers.1.q", "F32", "1", "0", "0", "0", "0", "0", "100.0%"],
    ]


@pytest.mark.parametrize(
    ("place", "value"), [(MODEL, "4"), (f":{MODEL}", "2"), (f"@:{MODEL}", "1")]
)
def test_cat_looks_at_disk_stage_or_commit(trained: Terminal, place: str, value: str) -> None:
    assert rows(trained("cat", place, "layers.0.q"))[0][3] == value


def test_paths_of_a_revision_begin_at_the_root_and_others_here(
    trained: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trained.root / "sub").mkdir()
    monkeypatch.chdir(trained.root / "sub")
    for place in (f"HEAD:{MODEL}", f"HEAD:../{MODEL}", f"../{MODEL}"):
        assert "layers.0.q" in trained("cat", place)
    assert trained("grep", "-l", "layers", "--", "..") == f"{MODEL}\n"


def test_cat_prints_values_and_all_of_them_as_json(trained: Terminal) -> None:
    assert "[1. 3.]" in trained("cat", f"HEAD:{MODEL}", "layers.0.q", "--values")
    trained.write("odd.safetensors", safetensors({"x": [float("nan"), float("-inf"), 0.5]}))
    trained("add", "odd.safetensors")
    (found,) = json.loads(trained("cat", "odd.safetensors", "--values", "--json"))["tensors"]
    assert found["values"] == ["NaN", "-Infinity", 0.5]
    assert "1 NaN, 1 Inf" in trained("cat", "odd.safetensors")


def test_cat_of_a_file_without_tensors_prints_it(trained: Terminal) -> None:
    trained.write("notes.txt", "changed\n")
    assert trained("cat", "notes.txt") == "changed\n"
    assert trained("cat", "HEAD:notes.txt") == "hello\n"


def test_cat_writes_a_tensor_to_a_file(trained: Terminal) -> None:
    trained("cat", f"HEAD:{MODEL}", "layers.0.q", "-o", "q.npy")
    assert np.load(trained.root / "q.npy").tolist() == [1.0, 3.0]
    assert trained.run("cat", f"HEAD:{MODEL}", "layers.1.q", "-o", "q.npy").code == 2
    trained("cat", f"HEAD:{MODEL}", "layers.1.q", "-o", "q.npy", "-f")
    assert np.load(trained.root / "q.npy").tolist() == [0.0]


def test_cat_of_what_is_not_there_says_what_is(trained: Terminal) -> None:
    result = trained.run("cat", MODEL, "layers.0.k")
    assert result.code == 2 and "did you mean 'layers." in result.err
    assert trained.run("cat", "HEAD:").code == 2


def test_grep_finds_names_on_disk_on_the_stage_and_in_commits(trained: Terminal) -> None:
    trained.write(MODEL, safetensors({"layers.0.q": [1.0], "fresh.q": [1.0]}))
    assert trained("grep", "q$").splitlines() == [f"{MODEL}:fresh.q", f"{MODEL}:layers.0.q"]
    assert trained("grep", "--cached", "-c", "q$") == f"{MODEL}:2\n"
    assert trained("grep", "^Head", "HEAD") == f"HEAD:{MODEL}:Head.qkv\n"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["layers.0"], ["layers.0.q"]),
        (["-F", "s.0.q"], ["layers.0.q"]),
        (["-F", "s.0..q"], []),
        (["-i", "head"], ["Head.qkv"]),
        (["-w", "q"], ["layers.0.q", "layers.1.q"]),
        (["-v", "layers"], ["Head.qkv"]),
        (["-e", "0", "-e", "kv"], ["Head.qkv", "layers.0.q"]),
    ],
)
def test_greps_flags_are_gits(trained: Terminal, words: list[str], found: list[str]) -> None:
    result = trained.run("grep", *words, "HEAD", "--", MODEL)
    assert result.out.splitlines() == [f"HEAD:{MODEL}:{name}" for name in found]
    assert result.code == (0 if found else 1)


def test_grep_can_be_asked_for_the_exit_code_alone(trained: Terminal) -> None:
    for pattern, code in (("layers", 0), ("nothing", 1)):
        result = trained.run("grep", "-q", pattern)
        assert (result.code, result.out, result.err) == (code, "", "")


def test_a_pattern_that_is_none_is_said(trained: Terminal) -> None:
    assert "-F takes it as it is" in trained.run("grep", "(").err
    assert trained.run("grep").code == 2


def test_a_file_that_is_refused_hides_no_other(trained: Terminal) -> None:
    trained.write("a.safetensors", safetensors({"a.q": [1.0]}))
    trained("add", "a.safetensors")
    trained.write("a.safetensors", b"\xff" * 20)
    assert trained("grep", "-l", "q") == f"{MODEL}\n"
