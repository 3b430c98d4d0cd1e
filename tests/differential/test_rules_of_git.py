"""Rules of Git that random histories seldom or never meet, each with what Git does beside what mvc does."""

from __future__ import annotations

from pathlib import Path

import pytest
from differential.histories import Game, Tally
from differential.programs import BEGINNING, Edit, Program, Run, Settle, Wait


@pytest.fixture
def game(tmp_path: Path) -> Game:
    return Game(tmp_path, Tally())


def typed(*lines: str) -> Program:
    return [Run(tuple(line.split())) for line in lines]


EDIT = Edit("notes", "a", 1)
OTHER = Edit("d/more", "a", 2)
TENSOR = Edit("m.safetensors", "a", 3)


@pytest.mark.parametrize("mode", ["", "--mixed", "--soft", "--hard", "-- notes"])
def test_before_the_first_commit_a_reset_empties_the_stage(game: Game, mode: str) -> None:
    game.play([*BEGINNING[:-1], *typed(f"reset -q {mode}"), Wait(1), *typed("add -A")], begin=False)
    assert game.git.run("status", "--porcelain")[0] == 0


def test_a_merge_and_a_revert_are_written_by_the_author_and_signed_by_the_committer(
    game: Game,
) -> None:
    fork = ["switch -c one", "commit -a -m second", "switch main"]
    start: Program = [OTHER, *typed("commit -a -m third")]
    game.play([*typed(fork[0]), EDIT, *typed(*fork[1:]), *start])
    game.more(typed("merge --no-edit one", "revert --no-edit -m 1 HEAD"))
    for side in (game.git, game.mvc):
        assert side.seen().logs["HEAD"] == game.git.seen().logs["HEAD"]
    assert game.git.run("log", "--format=%an")[1].split() == ["Author"] * 5


def test_a_revert_that_changes_nothing_is_refused(game: Game) -> None:
    game.play([EDIT, *typed("commit -a -m first", "revert --no-edit HEAD")])
    before = game.mvc.seen()
    game.more(typed("revert --no-edit HEAD~1"))
    assert game.mvc.seen() == before
    assert game.tally.refused == 1


def test_an_amended_commit_may_not_become_empty(game: Game) -> None:
    game.play([EDIT, *typed("commit -a -m first"), Edit("notes", "a", 0), *typed("add -A")])
    game.more(typed("commit --amend --no-edit"))
    assert game.tally.refused == 1
    game.more(typed("commit --amend --no-edit --allow-empty"))
    assert game.tally.refused == 1


def test_a_fast_forward_takes_along_what_is_staged(game: Game) -> None:
    game.play([*typed("switch -c one"), TENSOR, *typed("commit -a -m first", "switch main")])
    game.more([EDIT, *typed("add -A", "merge one")])
    assert game.tally.refused == 0
    assert game.mvc.seen().status == (("M ", "notes"),)


def test_a_fast_forward_leaves_what_is_staged_and_in_its_way(game: Game) -> None:
    game.play([*typed("switch -c one"), TENSOR, *typed("commit -a -m first", "switch main")])
    game.more([Edit("m.safetensors", "b", 2), *typed("add -A", "merge one")])
    assert game.tally.refused == 1


def test_only_the_first_parent_of_a_plain_commit_can_be_its_mainline(game: Game) -> None:
    game.play([EDIT, *typed("commit -a -m first", "revert --no-edit -m 2 HEAD")])
    assert game.tally.refused == 1
    game.more(typed("revert --no-edit -m 1 HEAD"))
    assert game.tally.refused == 1


def test_the_order_of_a_log_is_git_s_though_clocks_went_back(game: Game) -> None:
    game.play([*typed("switch -c one"), Wait(-60), EDIT, *typed("commit -a -m first")])
    game.more([*typed("switch main"), Wait(30), OTHER, *typed("commit -a -m second")])
    game.more([Wait(-10), *typed("merge --no-edit one", "tag v1 HEAD^2")])


def test_a_strategy_that_does_not_exist_is_refused_though_there_is_nothing_to_merge(
    game: Game,
) -> None:
    game.play([])
    done, said = game.mvc.command(("merge", "-X", "bogus", "main"))
    assert not done
    assert "bogus" in said


def test_nothing_to_commit_ends_with_git_s_exit_code(game: Game) -> None:
    game.play([])
    assert game.git.run("commit", "-m", "first")[0] == 1
    assert game.mvc.exit_code(("commit", "-m", "first")) == 1


def test_a_merge_says_what_was_merged_as_git_says_it(game: Game) -> None:
    game.play([*typed("switch -c one"), EDIT, *typed("commit -a -m first"), OTHER])
    game.more([*typed("commit -a -m second", "tag v1 HEAD^", "tag -a -m words v2", "switch main")])
    game.more([TENSOR, *typed("commit -a -m third", "branch two")])
    ends = ["-", "@{-1}~1", "one~", "one~0", "one^0", "v1", "v2", "v2~1", "heads/one~1", "one^^"]
    for end in ends:
        game.more(typed(f"merge --no-edit --no-ff {end}", "reset -q --hard two"))
    game.more(typed("switch two", "merge --no-edit one~1", "reset -q --hard HEAD~1"))
    game.more(typed("switch -q --detach main", "merge --no-edit one~1"))


def test_a_revert_that_is_settled_into_nothing_is_refused(game: Game) -> None:
    game.play([EDIT, *typed("commit -a -m first"), Edit("notes", "a", 2)])
    game.more(typed("commit -a -m second", "revert --no-edit HEAD~1"))
    game.more([Settle("ours"), *typed("revert --continue", "commit -m third")])
    assert game.tally.refused == 3
    game.more(typed("commit --allow-empty -m third"))
    assert game.tally.refused == 3


def test_a_stash_that_brings_back_what_is_there_changes_no_byte_of_a_model(game: Game) -> None:
    model = TENSOR.path
    game.play([Edit(model, "a", None), *typed("commit -a -m first"), Edit(model, "b", None)])
    game.more([*typed("stash push"), Edit(model, "a", 1), Edit(model, "b", None)])
    game.more(typed("commit -a -m second", "stash apply"))


def test_a_log_of_paths_follows_the_side_of_a_merge_that_explains_them(game: Game) -> None:
    game.play([EDIT, *typed("commit -a -m first", "switch -c one"), OTHER])
    game.more([*typed("commit -a -m second"), TENSOR, *typed("commit -a -m third")])
    game.more([*typed("switch main"), OTHER, Wait(1), *typed("commit -a -m fourth")])
    game.more([Edit("notes", "b", 1), *typed("commit -a -m fifth", "merge --no-edit one")])
    game.more([*typed("switch one"), Edit("notes", "b", 1), *typed("commit -a -m sixth")])
    game.more([*typed("merge --no-edit main", "switch main", "merge --no-edit --no-ff one")])
    assert game.tally.refused == 0
    every = {"HEAD", "HEAD -- notes", "HEAD --topo-order -- notes", "one..main -- notes"}
    told = {words: game.mvc.log(words) for words in every}
    assert told == {words: game.git.log(words) for words in every}
    assert len(told["HEAD -- notes"]) < len(told["HEAD"])


def test_a_file_that_already_is_as_it_will_be_is_in_nobody_s_way(game: Game) -> None:
    fork = typed("switch -c one"), typed("commit -a -m first", "switch main")
    game.play([*fork[0], EDIT, *fork[1], EDIT, *typed("merge one")])
    assert game.tally.beyond == 1
    assert game.mvc.seen().status == ()


def test_what_git_says_is_in_the_way_is_in_nobody_s_way_of_a_conflict_either(game: Game) -> None:
    game.play([*typed("switch -c one"), EDIT, TENSOR, *typed("commit -a -m first", "switch main")])
    game.more([Edit(TENSOR.path, "a", 1), *typed("commit -a -m second"), EDIT])
    game.play([*typed("merge --no-edit one")], begin=False)
    assert game.tally.beyond == 1
    assert game.mvc.seen().unfinished


@pytest.mark.parametrize("verb", ["merge", "revert"])
def test_giving_up_keeps_work_that_was_there_before(game: Game, verb: str) -> None:
    other = {"merge": "one", "revert": "HEAD~1"}[verb]
    game.play([*typed("switch -c one"), EDIT, *typed("commit -a -m first", "switch main"), EDIT])
    game.more([*typed("commit -a -m second"), Edit("notes", "a", 2), *typed("commit -a -m third")])
    game.more([OTHER, TENSOR, *typed(f"{verb} --no-edit {other}", f"{verb} --abort")])
    game.more(typed(f"{verb} --no-edit {other}", f"{verb} --skip", f"{verb} --abort"))
    assert game.mvc.seen().status == ((" M", "d/more"), (" M", "m.safetensors"))


def test_giving_up_is_refused_where_work_was_done_after_the_conflict(game: Game) -> None:
    game.play([*typed("switch -c one"), EDIT, TENSOR, *typed("commit -a -m first", "switch main")])
    game.more([Edit("notes", "a", 2), Edit(TENSOR.path, "a", 1), *typed("commit -a -m second")])
    game.more([*typed("merge --no-edit one"), Settle("theirs"), Edit("notes", "b", 3)])
    game.more([*typed("merge --abort", "commit -a -m third")])
    assert game.tally.refused == 2


def row(game: Game) -> None:
    """Six commits, of two files in turns; reverting the last one and then the third one stops."""
    game.play([])
    for number in (1, 2, 3):
        game.more([Edit("notes", "a", number), *typed(f"commit -a -m notes{number}")])
        game.more([Edit("m.safetensors", "a", number), *typed(f"commit -a -m model{number}")])
    game.more(typed("revert --no-edit HEAD HEAD~3 HEAD~2"))
    assert game.git.reverting() and game.git.to_do() == 2


@pytest.mark.parametrize(
    "then",
    [
        ["revert --skip", "revert --skip"],
        ["revert --abort", "revert --abort"],
        ["revert --continue"],
        [Settle("theirs"), "revert --continue", "revert --continue"],
        [Settle("ours"), "revert --continue", "revert --skip"],
        [Settle("theirs"), "commit -m mine", "revert --skip", "revert --continue"],
        [Settle("theirs"), "commit -m mine", "revert --abort", "revert --abort"],
        ["reset -q --hard HEAD~1", "revert --skip"],
        ["revert --no-edit HEAD", "revert --skip"],
        [Settle("theirs"), EDIT, "revert --skip", "revert --abort"],
        [Settle("theirs"), OTHER, "revert --abort"],
    ],
)
def test_a_row_of_reverts_goes_on_or_back_as_git_s(game: Game, then: list[str | Settle]) -> None:
    row(game)
    for step in then:
        game.more(typed(step) if isinstance(step, str) else [step])
    assert game.mvc.to_do() == max(game.git.to_do() - 1, 0)


@pytest.mark.parametrize("end", ["--skip", "--abort"])
def test_a_row_of_reverts_in_which_one_changes_nothing_waits(game: Game, end: str) -> None:
    game.play([EDIT, *typed("commit -a -m first", "revert --no-edit HEAD"), OTHER])
    game.more(typed("commit -a -m second", "revert --no-edit HEAD HEAD~2 HEAD HEAD~1"))
    assert (game.git.to_do(), game.mvc.to_do()) == (2, 2)
    game.more(typed(f"revert {end}", "revert --skip"))
    assert game.mvc.to_do() == 0


def test_a_row_of_reverts_of_which_the_first_is_refused_is_none(game: Game) -> None:
    game.play([EDIT, *typed("commit -a -m first"), Edit("notes", "a", 2)])
    game.more(typed("revert --no-edit HEAD HEAD~1", "revert --skip", "revert --abort"))
    assert game.tally.refused == 3


def test_a_hard_reset_keeps_files_that_nobody_tracks(game: Game) -> None:
    game.play([*typed("rm -q notes", "commit -m first"), EDIT, *typed("reset -q --hard HEAD~1")])
    assert game.tally.beyond == 1
    assert game.mvc.seen().status == (("??", "notes"),)


def test_a_reset_of_a_path_that_is_nowhere_changes_nothing(game: Game) -> None:
    game.play(
        typed("mv notes moved", "commit -m first", "reset -q HEAD -- notes", "reset -q -- no")
    )
    assert game.tally.refused == 0


def test_settling_a_text_takes_all_of_a_side(game: Game) -> None:
    game.play([*typed("switch -c one"), EDIT, Edit("notes", "b", 1), *typed("commit -a -m first")])
    game.more([*typed("switch main"), Edit("notes", "a", 2), *typed("commit -a -m second")])
    game.more([*typed("merge --no-edit one"), Settle("ours"), *typed("merge --continue")])
    assert game.tally.refused == 1


def test_only_the_verb_that_stopped_can_go_on(game: Game) -> None:
    game.play([EDIT, *typed("commit -a -m first", "switch -c one"), Edit("notes", "a", 2)])
    game.more([*typed("commit -a -m second", "switch main"), Edit("notes", "a", 3)])
    game.more(typed("commit -a -m third"))
    for stops, other, own in (("merge", "revert", "one"), ("revert", "merge", "HEAD~1")):
        game.more([*typed(f"{stops} --no-edit {own}"), Settle("theirs")])
        game.more(typed(f"{other} --continue", f"{other} --abort"))
        game.more(typed(f"{stops} --continue"))
    assert game.tally.refused == 6


def test_a_revert_of_a_revert_of_a_revert_is_worded_as_git_words_it_today(game: Game) -> None:
    game.play([EDIT, *typed("commit -a -m first", *["revert --no-edit HEAD"] * 4)])
    assert game.mvc.seen().logs["HEAD"][0].startswith('Reapply "Reapply "fi')


def test_where_a_branch_was_before_it_was_amended_into_the_same_is_not_compared(game: Game) -> None:
    game.play([*typed("switch -c one"), EDIT, *typed("commit -a -m first", "switch main"), OTHER])
    game.more(typed("commit -a -m second", "merge --no-edit one", "commit --amend --no-edit"))
    steps = game.tally.steps.total()
    game.more(typed("reset -q main@{1}"))
    assert game.tally.steps.total() == steps
