"""Edits of ``.pre-commit-config.yaml``: YAML means what it meant before, and comments stay."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from hooks.pre_commit_config import added, line_of, removed
from mvc.errors import UsageError

TEXTS = {
    "empty": "",
    "comment": "# ours\n",
    "no repos": "fail_fast: true\n",
    "flow": "repos: []\n",
    "flow and more": "repos: [] # none yet\nfail_fast: true\n",
    "indented": "repos:\n  - repo: meta\n    hooks:\n      - id: identity\n",
    "flush": "repos:\n- repo: meta\n  hooks:\n  - id: identity\n",
    "deep": "repos:\n    -   repo: meta\n        hooks:\n        -   id: identity\n",
    "before more": "repos:\n- repo: meta\n  hooks:\n  - id: identity\n\n# CI\nci:\n  skip: [a]\n",
    "no newline": "repos:\n- repo: meta\n  hooks:\n  - id: identity",
    "commented": "repos: # all\n  # first\n  - repo: meta\n    hooks:\n      - id: identity # why\n",
}
ARGUMENTS = ("--exclude", 'it\'s "x": [a], #b')


def _value(text: str) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(text) or {}
    return value


def _without_nothing(text: str) -> dict[str, Any]:
    return {"repos": []} | _value(text)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_it_becomes_the_last_repo_and_nothing_else_changes(text: str) -> None:
    before, after = _without_nothing(text), _value(added(text, ARGUMENTS))
    ours = after["repos"].pop()
    assert after == before
    [hook] = ours["hooks"]
    assert (ours["repo"], hook["id"], hook["entry"]) == (
        "local",
        "weight-hashes",
        "mvc-weight-hashes",
    )
    assert hook["args"] == list(ARGUMENTS)
    assert "args" not in _value(added(text))["repos"][-1]["hooks"][0]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_it_is_found_and_taken_out_again(text: str) -> None:
    assert line_of(text) is None
    with_hook = added(text)
    line = line_of(with_hook)
    assert line is not None
    assert "id: weight-hashes" in with_hook.splitlines()[line - 1]
    without = removed(with_hook)
    assert _without_nothing(without) == _without_nothing(text)
    assert without.count("#") == text.count("#")
    assert removed(without) == without


def test_another_layout_is_refused_with_the_lines_to_add() -> None:
    with pytest.raises(UsageError) as caught:
        added("repos: [{repo: meta, hooks: [{id: identity}]}]\n")
    assert "id: weight-hashes" in (caught.value.hint or "")


def test_a_hook_among_others_is_left_for_the_person() -> None:
    text = (
        "repos:\n  - repo: https://example.org/mvc\n    rev: v1\n    hooks:\n"
        "      - id: weight-hashes\n      - id: weight-hashes-check\n"
    )
    assert line_of(text) == 5
    with pytest.raises(UsageError, match="other hooks"):
        removed(text)


def test_a_hook_of_a_pinned_repo_is_ours_too() -> None:
    text = (
        "repos:\n  - repo: https://example.org/mvc\n    rev: v1\n    hooks:\n"
        "      - id: weight-hashes\n        args: [--exclude, tests]\n"
        "  - repo: meta\n    hooks:\n      - id: identity\n"
    )
    assert [repo["repo"] for repo in _value(removed(text))["repos"]] == ["meta"]
