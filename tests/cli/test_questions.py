"""``blame``, ``lineage``, ``log -t``, ``describe`` and ``shortlog`` as one types them."""

from __future__ import annotations

import json
import re

import pytest
from cli.terminal import Terminal, safetensors

#: Of a lineage: the drawing, how a version came to be, and its subject.
_ROW = re.compile(r"^(\W+)[0-9a-f]{7}  \S+  [0-9a-f]{12}  (.*\S) {2,}(\S.*)$")


@pytest.fixture
def told(terminal: Terminal) -> Terminal:
    """A tensor that was changed on two branches, averaged, and reverted."""
    terminal.commit("base", m={"a": [1.0], "b": [2.0]})
    terminal("switch", "-c", "side")
    terminal.commit("theirs", m={"a": [4.0], "b": [2.0]})
    terminal("switch", "main")
    terminal.commit("ours", m={"a": [2.0], "b": [2.0]})
    terminal("merge", "side", "-X", "average", "-m", "join")
    terminal("revert", "-m", "1", "HEAD")
    return terminal


def rows(said: str) -> list[tuple[str, str, str]]:
    found = (_ROW.match(line) for line in said.splitlines())
    return [
        (match[1].strip(), re.sub("[0-9a-f]{7}", "ID", match[2]), match[3])
        for match in found
        if match
    ]


def test_a_lineage_tells_of_merges_and_reverts(told: Terminal) -> None:
    said = told("lineage", "a")
    assert said.startswith("a  F32 1  in m.safetensors\n")
    assert rows(said) == [
        ("*", "reverted ID", 'Revert "join"'),
        ("*", "merged by average from ID and ID", "join"),
        ("| *", "changed", "theirs"),
        ("* |", "changed", "ours"),
        ("*", "added", "base"),
    ]
    assert [row[2] for row in rows(told("lineage", "b", "--", "m.safetensors"))] == ["base"]


def test_a_step_is_as_long_as_diff_says(told: Terminal) -> None:
    (tensor,) = json.loads(told("lineage", "a", "--stats", "--json"))["tensors"]
    far = [version["relative_l2"] for version in tensor["versions"]]
    assert far == pytest.approx([1 / 3, 0.5, 3.0, 1.0, None], nan_ok=True)
    diff = json.loads(told("diff", "HEAD~1", "HEAD", "--json"))
    (change,) = diff["models"][0]["tensors"]
    assert change["stats"]["relative_l2"] == far[0]
    assert "0.333  Revert" in told("lineage", "a", "--stats")


def test_blame_takes_path_and_revision_in_any_order(told: Terminal) -> None:
    path = "m.safetensors"
    said = told("blame", path, "side")
    assert said == told("blame", "side", path) == told("blame", "side", "--", path)
    assert [line.split()[-3] for line in said.splitlines()] == ["a", "b"]
    assert "theirs" in said.splitlines()[0] and "base" in said.splitlines()[1]
    assert told("blame", "side", "--", path, "b") == told("blame", path, "side", "-t", "b")
    assert told("blame", path, "side", "--", "a") == told("blame", path, "side", "-t", "a")
    assert told("blame", "-s", path, "side", "-t", "b").split()[1:] == ["base", "b", "F32", "1"]
    assert "ada@example.org" in told("blame", "-e", path)


def test_blame_says_what_is_not_committed_yet(told: Terminal) -> None:
    before = told("blame", "m.safetensors")
    assert before == told("blame", "m.safetensors", "HEAD")
    known = {line.split()[-3]: line for line in before.splitlines()}
    changed = {"a": [9.0], "b": [2.0], "new": [1.0]}
    told.write("m.safetensors", safetensors(changed))
    rows = {line.split()[-3]: line for line in told("blame", "m.safetensors").splitlines()}
    assert rows.keys() == changed.keys()
    for name in ("a", "new"):
        assert rows[name].startswith("0000000  Not Committed Yet  ")
    assert rows["b"].split()[0] == known["b"].split()[0]
    assert told("blame", "m.safetensors", "HEAD") == before
    found = json.loads(told("blame", "m.safetensors", "--json", "--", "a"))
    assert [one["commit"] for one in found["tensors"]] == [None]
    assert found["commits"] == []


def test_blame_names_the_file_where_it_had_another_name(told: Terminal) -> None:
    told("mv", "m.safetensors", "n.safetensors")
    told("commit", "-m", "rename")
    told.commit("more", n={"a": [9.0], "b": [2.0]})
    names = [line.split()[1] for line in told("blame", "n.safetensors").splitlines()]
    assert names == ["n.safetensors", "m.safetensors"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("blame", "nope"), "no such model 'nope' in HEAD"),
        (("blame", "m.safetensors", "nope"), "unknown revision 'nope'"),
        (("blame", "a", "b", "c"), "blame takes a path"),
        (("blame", "--", "m.safetensors"), "no path given"),
        (("blame", "m.safetensors", "-t", "x"), "no tensor of m.safetensors matches 'x'"),
        (("lineage", "x"), "no tensor of m.safetensors matches 'x'"),
        (("lineage", "a", "HEAD", "side"), "lineage takes a tensor and one revision"),
        (("lineage", "a", "--", "nope"), "no such model"),
        (("log", "-S", "zz"), "no tensor's id"),
        (("describe",), "no tags can describe"),
        (("describe", "--dirty", "HEAD"), "cannot be used together"),
        (("describe", "--long", "--abbrev", "0"), "cannot be used together"),
        (("describe", "--contains", "HEAD"), "no tag holds it"),
    ],
)
def test_a_question_that_has_no_answer_says_why(
    told: Terminal, words: tuple[str, ...], said: str
) -> None:
    result = told.run(*words)
    assert result.code == 2 and said in result.err


def test_the_log_of_a_tensor_is_that_of_its_changes(told: Terminal) -> None:
    def subjects(*words: str) -> list[str]:
        lines = told("log", "--oneline", *words).splitlines()
        return [re.sub(r"\(.*?\) ", "", line[8:]) for line in lines]

    assert subjects("-t", "b") == ["base"]
    assert subjects("-t", "a", "--first-parent") == ['Revert "join"', "join", "ours", "base"]
    (id_,) = (
        one["id"] for one in json.loads(told("cat", "side:m.safetensors", "a", "--json"))["tensors"]
    )
    assert subjects("-S", id_[:8], "side") == ["theirs"]
    assert subjects("-S", id_.upper(), "main") == ["theirs"]
    assert subjects("-S", id_, "main", "-t", "b") == []
    graph = told("log", "--graph", "--oneline", "-t", "a")
    assert graph.count("*") == 5


def test_a_version_for_a_build(told: Terminal) -> None:
    told("tag", "-a", "v1", "-m", "one", "HEAD~1")
    assert re.fullmatch(r"v1-1-g[0-9a-f]{7}\n", told("describe"))
    assert told("describe", "--contains", "side") == "v1^2\n"
    assert told("describe", "--exact-match", "v1") == "v1\n"
    told.write("m.safetensors", b"")
    assert told("describe", "--abbrev", "0", "--dirty") == "v1-dirty\n"
    assert told("describe", "--abbrev", "0", "--dirty=+") == "v1+\n"


def test_who_made_how_many_commits(told: Terminal) -> None:
    assert told("shortlog", "-sne") == "     5\tAda <ada@example.org>\n"
    assert told("shortlog", "side..main").splitlines() == [
        "Ada (3):",
        "      ours",
        "      join",
        '      Revert "join"',
        "",
    ]
