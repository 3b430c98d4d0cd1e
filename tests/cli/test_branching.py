"""Branch, switch, merge, conflicts, revert, reset, undo: histories that part and join."""

from __future__ import annotations

import json
import subprocess

import pytest
from cli.terminal import Terminal, safetensors, values

MODEL = "m.safetensors"


@pytest.fixture
def parted(terminal: Terminal) -> Terminal:
    """``main`` changed tensor a, ``other`` tensor b; on main."""
    terminal.commit("base", m={"a": [1.0], "b": [1.0], "c": [1.0]})
    terminal("switch", "-c", "other")
    terminal.commit("theirs", m={"a": [1.0], "b": [5.0], "c": [1.0]})
    terminal("switch", "main")
    terminal.commit("ours", m={"a": [3.0], "b": [1.0], "c": [1.0]})
    return terminal


@pytest.fixture
def contested(terminal: Terminal) -> Terminal:
    """Both sides changed tensor a; on main."""
    terminal.commit("base", m={"a": [1.0], "b": [1.0]})
    terminal("switch", "-c", "other")
    terminal.commit("theirs", m={"a": [5.0], "b": [7.0]})
    terminal("switch", "main")
    terminal.commit("ours", m={"a": [3.0], "b": [1.0]})
    return terminal


def model(terminal: Terminal) -> dict[str, tuple[float, ...]]:
    return values(terminal.root / MODEL)


def parents(terminal: Terminal) -> int:
    return len(json.loads(terminal("log", "-n", "1", "--json"))["commits"][0]["parents"])


def test_switch_moves_the_files_and_back(parted: Terminal) -> None:
    assert "Switched to branch 'other'" in parted("switch", "other")
    assert model(parted) == {"a": (1.0,), "b": (5.0,), "c": (1.0,)}
    parted("switch", "-")
    assert model(parted) == {"a": (3.0,), "b": (1.0,), "c": (1.0,)}


def test_switch_refuses_to_overwrite_changes_and_loses_nothing(parted: Terminal) -> None:
    parted.write(MODEL, safetensors({"a": [9.0]}))
    result = parted.run("switch", "other")
    assert result.code == 5 and MODEL in result.err
    assert model(parted) == {"a": (9.0,)} and parted("branch", "--show-current") == "main\n"


def test_switch_to_a_commit_needs_detach(parted: Terminal) -> None:
    result = parted.run("switch", "HEAD~1")
    assert result.code == 2 and "--detach" in result.err
    parted("switch", "--detach", "HEAD~1")
    assert "HEAD detached at" in parted("status")


def test_a_misspelled_branch_is_guessed(parted: Terminal) -> None:
    assert "did you mean 'other'?" in parted.run("switch", "othre").err


def test_branch_lists_creates_renames_and_deletes(parted: Terminal) -> None:
    assert parted("branch") == "* main\n  other\n"
    parted("branch", "third", "HEAD~1")
    parted("branch", "-m", "third", "fourth")
    assert parted("branch") == "  fourth\n* main\n  other\n"
    assert "Deleted branch fourth" in parted("branch", "-d", "fourth")
    refused = parted.run("branch", "-d", "other")
    assert refused.code == 2 and "not fully merged" in refused.err
    parted("branch", "-D", "other")
    assert parted("branch") == "* main\n"


def test_a_merge_takes_each_sides_tensors(parted: Terminal) -> None:
    out = parted("merge", "other")
    assert model(parted) == {"a": (3.0,), "b": (5.0,), "c": (1.0,)}
    assert parents(parted) == 2
    assert "1 changed by them" in out and "1 changed by us" in out
    assert "    Merge branch 'other'" in parted("log", "-1")


def test_a_merge_of_what_is_ahead_is_a_fast_forward_unless_forbidden(terminal: Terminal) -> None:
    terminal.commit("base", m={"a": [1.0]})
    terminal("switch", "-c", "other")
    ahead = terminal.commit("ahead", m={"a": [2.0]})
    terminal("switch", "main")
    terminal("branch", "copy")
    assert "Fast-forward" in terminal("merge", "other")
    assert terminal.head() == ahead
    terminal("switch", "copy")
    terminal("merge", "--no-ff", "other")
    assert parents(terminal) == 2 and model(terminal) == {"a": (2.0,)}
    assert "Already up to date." in terminal("merge", "other")


def test_ff_only_refuses_a_real_merge(parted: Terminal) -> None:
    assert parted.run("merge", "--ff-only", "other").code == 2


@pytest.mark.parametrize(
    ("strategy", "expected"), [("ours", 3.0), ("theirs", 5.0), ("base", 1.0), ("average", 4.0)]
)
def test_a_strategy_settles_what_both_sides_changed(
    contested: Terminal, strategy: str, expected: float
) -> None:
    contested("merge", "other", "--strategy", strategy)
    assert model(contested) == {"a": (expected,), "b": (7.0,)}
    record = json.loads(contested("show", "--record"))
    assert record["operation"] == "merge" and record["parameters"]["strategy"] == strategy


def test_a_conflict_stops_is_listed_and_can_be_continued(contested: Terminal) -> None:
    result = contested.run("merge", "other")
    assert result.code == 6 and MODEL in result.err
    status = contested("status")
    assert "Unmerged paths:" in status and MODEL in status
    assert contested.run("commit", "-m", "no").code == 6
    contested("checkout", "--theirs", MODEL)
    assert "All conflicts fixed" in contested("status")
    contested("merge", "--continue")
    assert model(contested) == {"a": (5.0,), "b": (7.0,)} and parents(contested) == 2
    assert contested("status").endswith("nothing to commit, working tree clean\n")


def test_a_conflict_can_be_settled_by_adding_the_file(contested: Terminal) -> None:
    contested.run("merge", "other")
    contested.write(MODEL, safetensors({"a": [42.0], "b": [7.0]}))
    contested("add", MODEL)
    contested("merge", "--continue")
    assert model(contested) == {"a": (42.0,), "b": (7.0,)} and parents(contested) == 2


def test_abort_brings_everything_back(contested: Terminal) -> None:
    head = contested.head()
    contested.run("merge", "other")
    contested("merge", "--abort")
    assert contested.head() == head and model(contested) == {"a": (3.0,), "b": (1.0,)}
    assert contested("status") == "On branch main\nnothing to commit, working tree clean\n"


def test_text_conflicts_carry_gits_markers(terminal: Terminal) -> None:
    for branch, text in (("main", "base\n"), ("other", "theirs\n"), ("main", "ours\n")):
        if branch == "other":
            terminal("switch", "-c", "other")
        elif terminal("branch", "--show-current") == "other\n":
            terminal("switch", "main")
        terminal.write("notes.md", text)
        terminal("add", "notes.md")
        terminal("commit", "-m", text.strip())
    assert terminal.run("merge", "other").code == 6
    assert (terminal.root / "notes.md").read_text() == (
        "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> other\n"
    )


def test_a_merge_of_different_headers_writes_a_valid_file(terminal: Terminal) -> None:
    from safetensors import safe_open

    terminal.commit("base", m={"a": [1.0], "b": [1.0]})
    terminal("switch", "-c", "other")
    terminal.commit("grown", m={"a": [1.0], "b": [1.0, 2.0], "new": [3.0]})
    terminal("switch", "main")
    terminal.commit("ours", m={"a": [4.0], "b": [1.0]})
    terminal("merge", "other")
    with safe_open(terminal.root / MODEL, framework="np") as file:
        found = {name: file.get_tensor(name).tolist() for name in file.keys()}  # noqa: SIM118
    assert found == {"a": [4.0], "b": [1.0, 2.0], "new": [3.0]}


def test_revert_takes_back_one_commit_and_keeps_the_later_ones(terminal: Terminal) -> None:
    terminal.commit("base", m={"a": [1.0], "b": [1.0]})
    bad = terminal.commit("bad", m={"a": [2.0], "b": [1.0]})
    terminal.commit("good", m={"a": [2.0], "b": [3.0]})
    assert 'Revert "bad"' in terminal("revert", "--no-edit", bad)
    assert model(terminal) == {"a": (1.0,), "b": (3.0,)}
    assert f"This reverts commit {bad}." in terminal("log", "-1")


def test_revert_of_a_merge_needs_a_mainline(parted: Terminal) -> None:
    parted("merge", "other")
    refused = parted.run("revert", "HEAD")
    assert refused.code == 2 and "-m 1" in refused.err
    parted("revert", "-m", "1", "HEAD")
    assert model(parted) == {"a": (3.0,), "b": (1.0,), "c": (1.0,)}


def test_a_conflicting_revert_stops_and_can_be_given_up(terminal: Terminal) -> None:
    terminal.commit("base", m={"a": [1.0]})
    bad = terminal.commit("bad", m={"a": [2.0]})
    head = terminal.commit("later", m={"a": [3.0]})
    assert terminal.run("revert", bad).code == 6
    assert "unfinished revert" in terminal("status")
    terminal("revert", "--abort")
    assert terminal.head() == head and model(terminal) == {"a": (3.0,)}


@pytest.mark.parametrize(
    ("mode", "staged", "on_disk"), [("soft", "M  ", 2.0), ("mixed", " M ", 2.0), ("hard", "", 1.0)]
)
def test_reset_moves_as_much_as_its_mode_says(
    terminal: Terminal, mode: str, staged: str, on_disk: float
) -> None:
    first = terminal.commit("one", m={"a": [1.0]})
    terminal.commit("two", m={"a": [2.0]})
    terminal("reset", f"--{mode}", "HEAD~1")
    assert terminal.head() == first
    assert terminal("status", "--short") == (f"{staged}{MODEL}\n" if staged else "")
    assert model(terminal) == {"a": (on_disk,)}


def test_reset_of_a_path_unstages_it(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]})
    terminal.write(MODEL, safetensors({"a": [2.0]}))
    terminal("add", MODEL)
    terminal("reset", "--", MODEL)
    assert terminal("status", "--short") == f" M {MODEL}\n"


def test_undo_takes_back_each_operation_in_turn(terminal: Terminal) -> None:
    first = terminal.commit("one", m={"a": [1.0]})
    second = terminal.commit("two", m={"a": [2.0]})
    terminal("reset", "--hard", "HEAD~1")
    terminal("undo")
    assert terminal.head() == second and model(terminal) == {"a": (2.0,)}
    terminal("undo")
    assert terminal.head() == first
    assert terminal("status", "--short") == f"M  {MODEL}\n"


def test_undo_of_a_deleted_branch_brings_it_back(parted: Terminal) -> None:
    parted("branch", "-D", "other")
    parted("undo")
    assert parted("branch") == "* main\n  other\n"


def test_reflog_shows_where_head_has_been(parted: Terminal) -> None:
    lines = parted("reflog").splitlines()
    assert lines[0].endswith("HEAD@{0}: commit: ours")
    assert "checkout: moving from other to main" in lines[1]
    assert parted("log", "--oneline", "-1", "main@{1}").split(" ", 1)[1] == "base\n"


def test_restore_puts_back_a_file_or_single_tensors(terminal: Terminal) -> None:
    first = terminal.commit("one", m={"a": [1.0], "b": [1.0]})
    terminal.commit("two", m={"a": [2.0], "b": [2.0]})
    terminal("restore", "--source", first, "--tensor", "a*", MODEL)
    assert model(terminal) == {"a": (1.0,), "b": (2.0,)}
    terminal("restore", MODEL)
    assert model(terminal) == {"a": (2.0,), "b": (2.0,)}
    terminal("checkout", "HEAD~1", "--", MODEL)
    assert model(terminal) == {"a": (1.0,), "b": (1.0,)}
    assert terminal("status", "--short") == f"M  {MODEL}\n"


def test_tags_name_commits_and_may_carry_a_message(terminal: Terminal) -> None:
    head = terminal.commit("one", m={"a": [1.0]})
    terminal("tag", "light")
    terminal("tag", "-a", "v1", "-m", "first release")
    assert terminal("tag") == "light\nv1\n"
    assert "first release" in terminal("show", "v1", "--stat")
    for name in ("light", "v1", "v1^{}", "v1~0"):
        assert json.loads(terminal("log", "-1", "--json", name))["commits"][0]["id"] == head
    assert "tag: v1" in terminal("log", "--oneline")


def test_git_itself_finds_nothing_wrong(parted: Terminal) -> None:
    parted("merge", "other")
    parted("tag", "-a", "v1", "-m", "one")
    checked = subprocess.run(
        ["git", "--git-dir=.mvc", "fsck", "--strict"], capture_output=True, text=True, check=True
    )
    assert checked.stdout == "" and "error" not in checked.stderr
    assert parted("fsck", "--full") == "everything is there and every byte is right\n"


def test_gits_own_housekeeping_loses_nothing(contested: Terminal) -> None:
    contested("branch", "-D", "other")
    contested.write(MODEL, safetensors({"a": [8.0], "b": [8.0]}))
    contested("add", MODEL)
    for words in (["gc", "--prune=now", "-q"], ["prune", "--expire=now"]):
        subprocess.run(["git", "--git-dir=.mvc", *words], check=False, capture_output=True)
    assert contested("fsck", "--full").startswith("everything is there")
    contested("undo")
    contested("undo")
    contested("restore", MODEL)
    contested("merge", "other", "-X", "theirs")
    assert model(contested)["a"] == (5.0,)


def test_git_clean_spares_the_repository(bare_terminal: Terminal) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    bare_terminal("init")
    subprocess.run(["git", "clean", "-fdxq"], check=True)
    assert (bare_terminal.root / ".mvc" / "HEAD").is_file()


def test_a_deleted_annotated_tag_survives_git_prune_and_comes_back(terminal: Terminal) -> None:
    terminal.commit("one", m={"a": [1.0]})
    terminal("tag", "-a", "v1", "-m", "first release")
    terminal("tag", "-d", "v1")
    subprocess.run(
        ["git", "--git-dir=.mvc", "prune", "--expire=now"], capture_output=True, check=False
    )
    terminal("undo")
    assert "first release" in terminal("show", "v1", "--stat")


def test_several_commits_to_revert_are_looked_up_before_the_first_revert(
    terminal: Terminal,
) -> None:
    for number in range(4):
        terminal.write("list.txt", "".join(f"{n}\n" for n in range(number + 1)))
        terminal.commit(f"add {number}")
    terminal("revert", "--no-edit", "HEAD", "HEAD~1")
    assert (terminal.root / "list.txt").read_text() == "0\n1\n"
    terminal("reset", "--hard", "HEAD~2")
    terminal("revert", "--no-edit", "HEAD~3..HEAD")
    assert (terminal.root / "list.txt").read_text() == "0\n"
    terminal("reset", "--hard", "HEAD~3")
    stopped = terminal.run("revert", "HEAD~1", "HEAD", "HEAD~2")
    assert stopped.code == 6
    assert "mvc revert --continue; or mvc revert --skip, or mvc revert --abort" in stopped.err


@pytest.fixture
def row(terminal: Terminal) -> Terminal:
    """The second of three reverts has stopped; the first is made."""
    terminal.commit("base", m={"a": [1.0]}, n={"b": [1.0]})
    terminal.commit("two", m={"a": [2.0]})
    terminal.commit("three", m={"a": [3.0]})
    terminal.commit("four", n={"b": [2.0]})
    assert terminal.run("revert", "--no-edit", "HEAD", "HEAD~2", "HEAD~1").code == 6
    return terminal


def subject(terminal: Terminal, revision: str = "HEAD") -> str:
    line = terminal("log", "--oneline", "-1", revision).strip()
    return line.split(" ", 1)[1].removeprefix("(HEAD -> main) ")


def test_skipping_a_revert_goes_on_with_the_next(row: Terminal) -> None:
    assert '(use "mvc revert --skip" to leave this commit as it is)' in row("status")
    said = row("revert", "--skip")
    assert 'Revert "three"' in said and 'Revert "two"' not in said
    assert model(row) == {"a": (2.0,)}
    assert subject(row) == 'Revert "three"' and subject(row, "HEAD~1") == 'Revert "four"'
    refused = row.run("revert", "--skip")
    assert (refused.code, "no revert in progress" in refused.err) == (2, True)


def test_giving_a_row_of_reverts_up_goes_back_to_before_the_first(row: Terminal) -> None:
    row("revert", "--abort")
    assert subject(row) == "four"
    assert row("status", "--short") == ""
    assert "reset: moving to " in row("reflog", "-n", "1")
    row("undo")
    assert "Unmerged paths" in row("status")


def test_what_was_committed_in_a_row_of_reverts_is_never_rewound(row: Terminal) -> None:
    row("checkout", "--ours", ".")
    row("add", "-A")
    row("commit", "--allow-empty", "-m", "mine")
    assert "Revert currently in progress." in row("status")
    nothing = row.run("revert", "--skip")
    assert (nothing.code, "there is nothing to skip" in nothing.err) == (2, True)
    assert "Not rewinding" in row("revert", "--abort")
    assert subject(row) == "mine"
    assert row("status", "--short") == ""


def test_what_a_row_of_reverts_still_needs_outlives_gc(row: Terminal) -> None:
    row("branch", "-f", "kept", "HEAD~4")
    row("gc", "--prune=now")
    assert row.run("fsck", "--full").code == 0
    row("revert", "--skip")


def test_a_refused_revert_in_a_row_is_tried_again_or_skipped(terminal: Terminal) -> None:
    terminal.commit("base", m={"a": [1.0]})
    terminal.commit("two", m={"a": [2.0]})
    terminal("revert", "--no-edit", "HEAD")
    terminal.commit("four", n={"b": [2.0]})
    refused = terminal.run("revert", "--no-edit", "HEAD", "HEAD~2", "HEAD~1")
    assert (refused.code, "already taken back" in refused.err) == (1, True)
    assert terminal.run("revert", "--continue").code == 1
    assert 'Reapply "two"' in terminal("revert", "--skip")


def test_ends_of_a_revert_go_alone(row: Terminal) -> None:
    for words in (("--skip", "--abort"), ("--continue", "HEAD")):
        assert row.run("revert", *words).code == 2
    assert "unfinished revert" in row("status")
