"""``cherry-pick`` and ``rebase`` beside Git's: commits, files, reflogs, what waits and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from differential.histories import Game, Tally
from differential.programs import Edit, Program, Run, Settle, Wait


@pytest.fixture
def game(tmp_path: Path) -> Game:
    return Game(tmp_path, Tally())


def typed(*lines: str) -> Program:
    return [Run(tuple(line.split())) for line in lines]


def fork(game: Game) -> None:
    """``one`` with four commits that ``main`` lacks, ``main`` with one; the third meets what ``main`` did."""
    game.play(typed("switch -c one"))
    game.more([Edit("notes", "a", 1), *typed("commit -a -m first"), Wait(5)])
    game.more([Edit("m.safetensors", "a", 2), *typed("commit -a -m second"), Wait(5)])
    game.more([Edit("m.safetensors", "b", 3), *typed("commit -a -m third"), Wait(5)])
    game.more([Edit("d/more", "c", 4), *typed("commit -a -m fourth"), Wait(5)])
    game.more([*typed("switch main"), Edit("m.safetensors", "b", 4), *typed("commit -a -m mine")])
    game.more([Wait(60)])


PICKS: list[list[str | Settle | Edit | Wait]] = [
    ["cherry-pick one", "cherry-pick one", "cherry-pick --skip"],
    ["cherry-pick -x one~2", "cherry-pick --abort", "cherry-pick one~1", "cherry-pick --abort"],
    ["cherry-pick one~1", Settle("theirs"), "cherry-pick --continue", "cherry-pick --continue"],
    ["cherry-pick -x one~1", Settle("theirs"), "commit -m words"],
    ["cherry-pick one~1", Settle("ours"), "cherry-pick --continue", "cherry-pick --skip"],
    ["cherry-pick one~1", Settle("ours"), "commit --allow-empty -m words"],
    ["cherry-pick main..one", "cherry-pick --skip", "cherry-pick HEAD..one~2"],
    ["cherry-pick main..one", Settle("theirs"), "cherry-pick --continue"],
    ["cherry-pick main..one", Settle("theirs"), "commit -m words", "cherry-pick --continue"],
    ["cherry-pick main..one", "cherry-pick --abort", "cherry-pick --abort"],
    ["cherry-pick one one~3 one~1 one~2", Settle("theirs"), "cherry-pick --abort"],
    ["cherry-pick one", "cherry-pick one one~3", "cherry-pick --skip"],
    ["cherry-pick one~3", "cherry-pick main..one", "cherry-pick --skip", "cherry-pick --skip"],
    ["commit --allow-empty -m empty", "cherry-pick HEAD", "cherry-pick --skip"],
    ["commit --allow-empty -m empty", "cherry-pick --allow-empty HEAD"],
    ["cherry-pick one", "cherry-pick --allow-empty one", "cherry-pick --continue"],
    ["cherry-pick -n one~3 one", "cherry-pick -n one~2", "commit -m both"],
    ["merge --no-edit -X ours one", "switch -c two one~2", "cherry-pick main"],
    ["merge --no-edit -X ours one", "switch -c two one", "cherry-pick -m 2 main"],
    [Edit("d/more", "a", 9), "cherry-pick one~3", "cherry-pick one"],
    [Edit("d/more", "a", 9), "add -A", "cherry-pick one~3"],
    [
        "cherry-pick --continue",
        "cherry-pick --abort",
        "cherry-pick --skip",
        "cherry-pick nosuch",
    ],
    ["cherry-pick one..main one..main", "cherry-pick main..main"],
]
REBASES: list[list[str | Settle | Edit | Wait]] = [
    ["rebase main one~2", Wait(3), "rebase main one~2", "switch main"],
    ["switch one~2 --detach", "rebase main", "rebase main"],
    ["switch -c two one~2", "rebase main", "rebase main", "switch main", "rebase two"],
    ["rebase main one", "rebase --skip"],
    ["rebase main one", Settle("theirs"), "rebase --continue", "rebase --continue"],
    ["rebase main one", Settle("ours"), "rebase --continue"],
    [
        "rebase main one",
        "rebase --continue",
        Settle("ours"),
        "rebase --abort",
        "rebase --abort",
    ],
    ["rebase main one", Settle("theirs"), Edit("notes", "b", 4), "rebase --continue"],
    ["switch --detach one", "rebase main", "rebase --abort"],
    ["rebase --onto main one~1 one", "rebase main~1"],
    ["rebase --onto one~3 one~1 one", "rebase main", "rebase --abort"],
    ["rebase one main", "rebase --skip", "rebase main one"],
    ["cherry-pick one~3 one", "rebase main one", "rebase --skip"],
    [
        "cherry-pick one~3",
        Edit("notes", "a", 4),
        "commit -a -m more",
        "rebase one",
        "rebase --skip",
    ],
    ["switch one", "commit --allow-empty -m empty", "rebase main", "rebase --skip"],
    ["merge --no-edit -X ours one", "rebase one", "rebase --skip"],
    ["merge --no-edit -X ours one", "rebase HEAD~1"],
    [Edit("notes", "a", 7), "rebase one", "add -A", "rebase one", "rebase main"],
    ["rebase nosuch", "rebase main nosuch", "rebase --onto nosuch main", "rebase --skip"],
    ["rebase -X theirs main one", "rebase main one~1"],
]

#: What the default suite plays of each; the rest is slow.
FEW = 3


def some(histories: list[list[str | Settle | Edit | Wait]], first: int) -> list[object]:
    """All of them, but for ``FEW`` from ``first`` on marked as slow."""
    return [
        pytest.param(one, marks=() if 0 <= at - first < FEW else pytest.mark.slow)
        for at, one in enumerate(histories)
    ]


@pytest.mark.parametrize("then", some(PICKS, 5))
def test_a_pick_is_git_s(game: Game, then: list[str | Settle | Edit | Wait]) -> None:
    fork(game)
    for step in then:
        game.more(typed(step) if isinstance(step, str) else [step])


@pytest.mark.parametrize("then", some(REBASES, 3))
def test_a_rebase_is_git_s(game: Game, then: list[str | Settle | Edit | Wait]) -> None:
    fork(game)
    for step in then:
        game.more(typed(step) if isinstance(step, str) else [step])
    assert game.mvc.going_on() == game.git.rebasing()
