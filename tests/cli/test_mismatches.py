"""``merge`` of models that do not match: the refusal, ``--mismatch``, and the record of it."""

from __future__ import annotations

import json

import pytest
from cli.terminal import Terminal
from cli.test_merge_recipes import record, value

NAME = "lm_head.weight"


@pytest.fixture
def grown(terminal: Terminal) -> Terminal:
    """``main``, and on ``chat`` a head with two rows more; both changed since they parted."""

    def commit(scale: float, words: str) -> None:
        vocab = {word: row for row, word in enumerate(words)}
        terminal.write("tokenizer.json", json.dumps({"model": {"vocab": vocab}}))
        head = [scale * row for row in range(len(words))]
        terminal.commit(f"{scale} {words}", m={NAME: head, "w": [scale]})

    commit(0, "abc")
    terminal("switch", "-c", "chat")
    commit(2, "abcde")
    terminal("switch", "main")
    commit(4, "abc")
    return terminal


def test_a_merge_of_models_that_do_not_match_changes_nothing_and_names_the_ways_on(
    grown: Terminal,
) -> None:
    before = grown.head()
    refused = grown.run("merge", "chat", "-X", "linear")
    assert refused.code == 10
    assert refused.err == (
        "error: m.safetensors: the models do not match, and nothing has changed\n"
        "  vocabulary: tokens differ: 'd' and 1 more only in chat; 1 tensor: lm_head.weight (3 in HEAD, "
        "5 in chat)\n"
        "hint: mvc merge --mismatch pad (merge the rows that all have, keep the others), skip (as HEAD has "
        "it), take=chat (as that has it), three-way (as whoever changed it has it)\n"
    )
    assert grown.head() == before
    assert "merge" not in grown("status")


@pytest.mark.parametrize(
    ("way", "written", "settled", "head"),
    [
        ("pad", "pad", "padded", [0, 3, 6, 6, 8]),
        ("skip", "skip", "as HEAD has it", [0, 4, 8]),
        ("take=chat", "take=2", "as chat has it", [0, 2, 4, 6, 8]),
        ("take=theirs", "take=2", "as chat has it", [0, 2, 4, 6, 8]),
        ("take=ours", "take=1", "as HEAD has it", [0, 4, 8]),
    ],
)
def test_a_way_settles_what_does_not_match_and_is_recorded_and_run_again(
    grown: Terminal, way: str, written: str, settled: str, head: list[float]
) -> None:
    said = grown("merge", "chat", "-X", "linear", "--mismatch", way)
    assert (
        " vocabulary: tokens differ: 'd' and 1 more only in chat; 1 tensor: lm_head.weight" in said
    )
    assert f": {settled}\n" in said
    assert value(grown, NAME) == head
    assert value(grown) == [3]
    assert record(grown)["parameters"]["mismatch"] == [written]
    assert "as recorded" in grown("rerun", "--verify", "HEAD")
    words = len(json.loads((grown.root / "tokenizer.json").read_text())["model"]["vocab"])
    assert words == len(head)


def test_a_way_from_a_recipe_or_none_at_all_is_checked(grown: Terminal) -> None:
    for words, said in [
        (("-X", "linear", "--mismatch", "fill"), "mismatch is 'fill', and must be pad"),
        (("-X", "linear", "--mismatch", "take=chat~1"), "none of the models that are merged"),
        (("-X", "linear", "--mismatch", "take=nowhere"), "unknown revision 'nowhere'"),
        (("--mismatch", "pad"), "say how a strategy computes, and none is given"),
    ]:
        refused = grown.run("merge", "chat", *words)
        assert refused.code == 2
        assert said in refused.err
    grown.write("recipe.json", json.dumps({"strategy": "linear", "mismatch": ["pad"]}))
    grown("merge", "chat", "--recipe", "recipe.json")
    assert value(grown, NAME) == [0, 3, 6, 6, 8]
