"""Which branches and tags are listed, and in what order: as Git does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cli.terminal import Terminal


@pytest.fixture
def forked(terminal: Terminal, clock: Callable[[int], None]) -> Terminal:
    """``main`` and ``side`` part at v1.9; the dates of the tags are not in the order of their names."""
    for number, (branch, tag) in enumerate((("main", "v1.9"), ("main", "v1.10"), ("side", "a"))):
        clock(1_700_000_000 + 60 * number)
        if branch == "side":
            terminal("switch", "-c", "side", "v1.9")
        terminal.commit(f"step {number}\n\nBody.", m={"a": [float(number)]})
        terminal("tag", "-a", tag, "-m", f"tag {tag}", "-m", "more")
    terminal("switch", "main")
    terminal("tag", "light", "side")
    return terminal


@pytest.mark.parametrize(
    "words",
    [
        ["--contains"],
        ["--contains", "v1.9"],
        ["--no-contains", "side"],
        ["--merged"],
        ["--merged", "side"],
        ["--no-merged", "main"],
        ["--points-at", "side"],
        ["--sort=-refname"],
        ["--sort=committerdate", "--contains", "v1.9"],
    ],
    ids=" ".join,
)
def test_branches_and_tags_are_chosen_as_git_chooses(words: list[str], forked: Terminal) -> None:
    for verb in ("branch", "tag"):
        if verb == "branch" or "committerdate" not in words[0]:
            assert forked(verb, *words) == forked.git(verb, *words), verb


@pytest.mark.parametrize(
    "words",
    [
        ["-n"],
        ["-n3", "-l", "v*"],
        ["--sort=version:refname", "-l", "v*"],
        ["--sort=-v:refname"],
        ["-l", "v1.?", "--contains", "v1.9"],
    ],
    ids=" ".join,
)
def test_tags_are_listed_as_git_lists_them(words: list[str], forked: Terminal) -> None:
    assert forked("tag", *words).split() == forked.git("tag", *words).split()


def test_an_unknown_order_is_refused(forked: Terminal) -> None:
    refused = forked.run("branch", "--sort=size")
    assert (refused.code, "unknown field name: size" in refused.err) == (2, True)


def test_a_branch_is_copied(forked: Terminal) -> None:
    forked("branch", "-c", "copy")
    forked("branch", "-c", "side", "other")
    assert forked("branch", "-l", "*o*") == "  copy\n  other\n"
    assert forked("branch", "--points-at", "side") == "  other\n  side\n"
    assert forked.run("branch", "-c", "side", "copy").code == 2
    forked("branch", "-C", "side", "copy")
    assert "  copy\n" in forked("branch", "--points-at", "side")
    assert "no branch named 'gone'" in forked.run("branch", "-c", "gone", "x").err
