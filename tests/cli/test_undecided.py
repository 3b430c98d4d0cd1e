"""What is said of undecided tensors: by ``merge``, ``status``, ``conflicts``, ``resolve`` and others."""

from __future__ import annotations

import pytest
from cli.terminal import Terminal, values

M = "model.safetensors"


@pytest.fixture
def apart(terminal: Terminal) -> Terminal:
    """``main`` and ``side`` changed ``a``, ``b`` and ``c``; ``side`` alone ``d``."""
    terminal.commit("base", model={name: [1.0, 1.0] for name in "abcd"})
    terminal("switch", "-c", "side")
    terminal.commit("tune on code", model={name: [2.0, 3.0] for name in "abcd"})
    terminal("switch", "main")
    terminal.commit("tune on maths", model={**{n: [5.0, 7.0] for n in "abc"}, "d": [1.0, 1.0]})
    return terminal


@pytest.fixture
def kept(apart: Terminal) -> Terminal:
    apart("merge", "--keep-conflicts", "side")
    return apart


SAID = f"{M}: 3 undecided tensors written as ours: a, b, c"


def test_a_merge_and_a_switch_say_what_is_written_as_ours(apart: Terminal) -> None:
    said = apart("merge", "--keep-conflicts", "side")
    assert "tensors: 1 changed by them, 3 kept undecided" in said and SAID in said
    assert SAID not in apart("switch", "side")
    assert SAID in apart("switch", "main")
    assert SAID in apart("checkout", "--detach", "HEAD")
    assert SAID in apart("checkout", "HEAD", "--", M)
    assert values(apart.root / M)["a"] == (5.0, 7.0)


def test_status_names_them_and_stays_clean(kept: Terminal) -> None:
    said = kept("status")
    assert "Undecided tensors, in the files as ours:" in said and f"\t{M}: a, b, c\n" in said
    assert "nothing to commit, working tree clean" in said
    assert kept("status", "--short") == ""
    assert "undecided: ours" in kept("ls", "--tensors") and "undecided: ours" in kept("cat", M)


def test_conflicts_shows_each_side_and_whose_it_is(kept: Terminal) -> None:
    said = kept("conflicts", "HEAD", "--", "b").splitlines()
    assert said[0] == f"{M}: 1 of 4 tensors undecided"
    assert [line.split()[0] for line in said[1:]] == ["kept", "ours", "theirs", "tensor", "b"]
    assert said[2].endswith("Ada: tune on maths") and said[3].endswith("Ada: tune on code")
    assert "changed on both sides" in said[5] and said[5].count("F32 2 ") == 3
    assert kept("conflicts", M) == kept("conflicts")
    assert "Nothing is undecided." in kept("conflicts", "side")
    result = kept.run("conflicts", "zz")
    assert (result.code, "names no undecided tensor" in result.err) == (2, True)


def test_resolve_settles_by_name_says_what_is_left_and_can_be_run_again(kept: Terminal) -> None:
    said = kept("resolve", "a", "-X", "average")
    assert f"Resolve a of {M} by average" in said and f" {M}: a settled" in said
    assert "2 tensors are still undecided" in said
    assert "come out as recorded" in kept("rerun", "--verify", "HEAD")
    said = kept("resolve", "-X", "linear", "--rule", "c=theirs", "--weight", "3,1", "-m", "rest")
    assert "rest" in said and "undecided" not in said
    assert "resolved by theirs" in kept("lineage", "c")
    assert "come out as recorded" in kept("rerun", "--verify", "HEAD")
    found = values(kept.root / M)
    assert (found["a"], found["b"], found["c"]) == ((3.5, 5.0), (4.25, 6.0), (2.0, 3.0))


def test_rules_alone_settle_what_they_name(kept: Terminal) -> None:
    assert "1 tensor is still undecided" in kept("resolve", "--rule", "[ab]=ours")
    assert kept("conflicts", "--json").count('"name": "c"') == 1


def test_a_merge_that_waits_is_listed_and_settled(apart: Terminal) -> None:
    assert apart.run("merge", "side").code == 6
    assert "kept by" not in apart("conflicts")
    apart("resolve", "[ab]", "-X", "theirs")
    assert apart.run("merge", "--continue").code == 6
    said = apart("merge", "--continue", "--keep-conflicts")
    assert f"{M}: 1 undecided tensor written as ours: c" in said
    assert "come out as recorded" in apart("rerun", "--verify", "HEAD")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a"], "no strategy given"),
        (["-X", "ours", "-n", "-m", "x"], "--no-commit makes none"),
        (["-X", "nope"], "there is no merge strategy 'nope'"),
        (["-X", "slerp", "-t", "2"], "t is 2"),
        (["zz", "-X", "ours"], "names no undecided tensor"),
        (["../out", "-X", "ours"], "names no undecided tensor"),
    ],
)
def test_what_is_off_is_refused_and_nothing_is_settled(
    kept: Terminal, words: list[str], says: str
) -> None:
    head, result = kept.head(), kept.run("resolve", *words)
    assert result.code == 2 and says in result.err
    assert kept.head() == head and SAID in kept("checkout", "HEAD", "--", M)


def test_there_is_nothing_to_settle_where_all_is_decided(apart: Terminal) -> None:
    result = apart.run("resolve", "-X", "ours")
    assert (result.code, "nothing is undecided" in result.err) == (2, True)
