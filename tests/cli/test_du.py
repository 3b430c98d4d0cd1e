"""``mvc du`` on the command line."""

from __future__ import annotations

import json
import re

from cli.terminal import Terminal


def two(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0] * 400, "b": [1.0, 2.0]})
    terminal.commit("two", m={"a": [1.0] * 400, "b": [1.0, 3.0]}, n={"a": [1.0] * 400})


def test_it_says_what_was_saved_and_a_line_a_branch(terminal: Terminal) -> None:
    two(terminal)
    terminal("branch", "other", "HEAD~1")
    said = terminal("du")
    assert re.search(r"^ *\d\.\d kB +3 file versions, each as a file$", said, re.MULTILINE)
    assert re.search(r"-\d+\.\d %  \d objects, each once$", said, re.MULTILINE)
    assert re.findall(r"(\S+)$", said.split("\n\n")[1], re.MULTILINE) == ["branch", "main", "other"]
    assert re.search(r"B in \.mvc: packs \d", said)
    assert "more in the packs" not in said
    assert "more in the packs that none of this needs" in terminal("du", "other")


def test_lines_can_be_commits_and_few_and_in_bytes(terminal: Terminal) -> None:
    two(terminal)
    said = terminal("du", "--by", "commit", "-n", "1", "-b")
    assert re.search(r"^ *\d+ +\d+ +\d+  [0-9a-f]{7} one$", said, re.MULTILINE)
    assert " two" not in said
    assert "branch" not in terminal("du", "-s")


def test_paths_and_globs_limit_it(terminal: Terminal) -> None:
    two(terminal)
    found = json.loads(terminal("du", "--json", "HEAD", "--", "n.safetensors"))
    assert found["total"]["versions"] == 1
    found = json.loads(terminal("du", "--json", "--by", "tensor", "-t", "b"))
    assert [row["name"] for row in found["rows"]] == ["b"] and found["total"]["logical"] == 16


def test_no_revision_and_no_path_is_refused(terminal: Terminal) -> None:
    two(terminal)
    result = terminal.run("du", "nowhere")
    assert result.code == 2 and "unknown revision" in result.err
