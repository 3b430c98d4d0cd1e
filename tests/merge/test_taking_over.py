"""``cherry-pick``, and ``revert`` of some tensors: exact where nothing came after, additive where it did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from merge.world import index, model

import mvc
from mvc.errors import MergeConflict, NothingToCommit, UsageError
from mvc.history.signature import Signature
from mvc.history.unfinished import Manner
from mvc.repository import Repository

M = "m.safetensors"
WHO = Signature("Ada", "ada@example.org", 1_700_000_000)
AUTHOR = Signature("Bob", "bob@example.org", 1_600_000_000)
Save = Callable[..., str]


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return mvc.init(str(tmp_path), who=WHO)


@pytest.fixture
def save(repo: Repository) -> Save:
    def commit(branch: str, notes: str = "", **tensors: float) -> str:
        if repo.branch != branch:
            repo.switch(branch, create="no" if branch in repo.branches else "new")
        Path(repo.root, M).write_bytes(model(**tensors))
        Path(repo.root, "notes").write_text(notes)
        repo.add(["."])
        return repo.commit(f"{branch}: {tensors}", author=AUTHOR).id

    return commit


def content(repo: Repository, path: str = M) -> bytes:
    return Path(repo.root, path).read_bytes()


def taken(repo: Repository) -> object:
    record = repo.record()
    assert record is not None
    return record.parameters["taken"]


def test_a_pick_brings_over_one_change_with_its_author_and_words(
    repo: Repository, save: Save
) -> None:
    save("main", a=1, b=1, c=1)
    save("side", a=2, b=1, c=1)
    wanted = save("side", a=2, b=2, c=1)
    head = save("main", a=1, b=1, c=3)
    repo.cherry_pick([wanted])
    commit = repo.read_commit()
    assert content(repo) == model(a=1, b=2, c=3)
    assert commit.parents == (head,)
    assert (commit.author, commit.committer) == (AUTHOR, WHO)
    assert commit.subject == repo.read_commit(wanted).subject
    record = repo.record()
    assert record is not None and record.operation == "cherry-pick"
    assert record.parameters["theirs"] == wanted
    assert taken(repo) == {"exact": 1}


def test_a_range_is_brought_over_the_oldest_first(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1, c=1)
    picked = [save("side", a=n, b=1, c=1) for n in (2, 3, 4)]
    save("main", a=1, b=1, c=2)
    made: list[str] = []
    repo.cherry_pick(["main..side"], made=made.append)
    assert content(repo) == model(a=4, b=1, c=2)
    told = [repo.read_commit(id_).subject for id_ in made]
    assert told == [repo.read_commit(id_).subject for id_ in picked]


@pytest.mark.parametrize("signed", [False, True])
def test_x_names_the_commit_behind_its_words(repo: Repository, save: Save, signed: bool) -> None:
    save("main", a=1)
    repo.switch("side", create="new")
    Path(repo.root, M).write_bytes(model(a=2))
    repo.add(["."])
    words = "words\n\nSigned-off-by: Bob <b@example.org>" if signed else "words"
    wanted = repo.commit(words).id
    repo.switch("main")
    repo.cherry_pick([wanted], manner=Manner(cite=True))
    gap = "\n" if signed else "\n\n"
    assert repo.read_commit().message.startswith(
        f"{words}{gap}(cherry picked from commit {wanted})\n"
    )


def test_only_the_named_tensors_are_brought_over(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1, c=1)
    wanted = save("side", "words", a=2, b=2, c=2)
    save("main", a=5, b=1, c=1)
    repo.cherry_pick([wanted], manner=Manner(tensors=("b*",)))
    assert content(repo) == model(a=5, b=2, c=1)
    assert content(repo, "notes") == b""
    record = repo.record()
    assert record is not None and record.parameters["tensors"] == ["b*"]


def test_named_tensors_that_the_commit_did_not_change_are_refused(
    repo: Repository, save: Save
) -> None:
    save("main", a=1, b=1)
    head = save("main", a=2, b=1)
    for verb in (repo.revert_each, repo.cherry_pick):
        with pytest.raises(UsageError, match="changed no tensor that matches b"):
            if verb == repo.revert_each:
                repo.revert_each(["HEAD"], tensors=["b"])
            else:
                repo.cherry_pick(["HEAD"], manner=Manner(tensors=("b",)))
    assert repo.head == head


def test_of_a_row_those_that_did_not_change_the_named_tensors_are_left_out(
    repo: Repository, save: Save
) -> None:
    save("main", a=1, b=1)
    save("side", a=2, b=1)
    save("side", a=2, b=2)
    repo.switch("main")
    made: list[str] = []
    repo.cherry_pick(["main..side"], manner=Manner(tensors=("b",)), made=made.append)
    assert len(made) == 1 and content(repo) == model(a=1, b=2)


def test_a_revert_of_some_tensors_restores_their_ids_and_leaves_the_rest(
    repo: Repository, save: Save
) -> None:
    save("main", a=1, b=1, c=1)
    before = repo.snapshot().manifest(M)
    step = save("main", "words", a=2, b=2, c=1)
    save("main", "words", a=2, b=2, c=4)
    repo.revert(step, tensors=["a"])
    assert content(repo) == model(a=1, b=2, c=4) and content(repo, "notes") == b"words"
    after = repo.snapshot().manifest(M)
    assert before is not None and after is not None
    ids = [{e.name: e.id for e in m.tensors}["a"] for m in (before, after)]
    assert ids[0] == ids[1]
    assert taken(repo) == {"exact": 1}


def test_where_the_history_went_on_a_revert_is_a_conflict_or_subtracts_the_step(
    repo: Repository, save: Save
) -> None:
    save("main", a=1, b=1)
    step = save("main", a=3, b=3)
    save("main", a=10, b=3)
    with pytest.raises(MergeConflict, match=r"m\.safetensors: a\n"):
        repo.revert(step)
    repo.abort("revert")
    repo.revert(step, strategy="additive")
    assert content(repo) == model(a=8, b=1)
    assert taken(repo) == {"exact": 1, "additive": {M: ["a"]}}


def test_where_the_history_went_on_a_pick_adds_the_step(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1)
    step = save("side", a=3, b=3)
    save("main", a=10, b=1)
    repo.cherry_pick([step], strategy="additive")
    assert content(repo) == model(a=12, b=3)
    assert taken(repo) == {"exact": 1, "additive": {M: ["a"]}}


def test_tensors_of_a_file_that_is_new_here_can_be_brought_over_alone(
    repo: Repository, save: Save
) -> None:
    save("main", a=1)
    repo.switch("side", create="new")
    Path(repo.root, "new.safetensors").write_bytes(model(x=1, y=2))
    repo.add(["."])
    wanted = repo.commit("new").id
    repo.switch("main")
    repo.cherry_pick([wanted], manner=Manner(tensors=("x",)))
    assert content(repo, "new.safetensors") == model(x=1)
    repo.revert("HEAD", tensors=["x"])
    assert not Path(repo.root, "new.safetensors").exists()


def test_tensors_that_a_commit_deleted_come_back_alone(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1, c=1)
    step = save("main", c=2)
    repo.revert(step, tensors=["b"])
    assert content(repo) == model(b=1, c=2)


def test_of_a_sharded_model_only_the_named_tensors_move(repo: Repository) -> None:
    shards = ["w-00001-of-00002.safetensors", "w-00002-of-00002.safetensors"]

    def save(first: dict[str, float], second: dict[str, float]) -> None:
        weight_map = dict.fromkeys(first, shards[0]) | dict.fromkeys(second, shards[1])
        Path(repo.root, shards[0]).write_bytes(model(**first))
        Path(repo.root, shards[1]).write_bytes(model(**second))
        Path(repo.root, "w.safetensors.index.json").write_bytes(index(weight_map))
        repo.add(["."])
        repo.commit("saved")

    save({"a": 1, "b": 1}, {"c": 1})
    save({"a": 2}, {"c": 2, "d": 1})
    repo.revert("HEAD", tensors=["[bd]"])
    assert content(repo, shards[0]) == model(a=2, b=1)
    assert content(repo, shards[1]) == model(c=2)
    assert content(repo, "w.safetensors.index.json") == index(
        {"a": shards[0], "b": shards[0], "c": shards[1]}
    )


def test_a_pick_that_changes_nothing_waits_and_can_be_committed_or_left_out(
    repo: Repository, save: Save
) -> None:
    save("main", a=1)
    wanted = save("main", a=2)
    with pytest.raises(NothingToCommit, match="The previous cherry-pick is now empty"):
        repo.cherry_pick([wanted])
    assert repo.status().unfinished == "cherry-pick"
    head = repo.head
    repo.skip_row("cherry-pick")
    assert repo.head == head and repo.status().clean
    empty = repo.commit("nothing", allow_empty=True).id
    repo.cherry_pick([empty], manner=Manner(allow_empty=True))
    assert repo.read_commit().subject == "nothing"


def test_a_row_of_picks_stops_goes_on_and_keeps_its_authors(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1)
    save("side", a=2, b=1)
    save("side", a=2, b=2)
    save("main", a=5, b=1)
    with pytest.raises(MergeConflict, match=r"could not apply [0-9a-f]{7}\.\.\. side"):
        repo.cherry_pick(["main..side"])
    repo.resolve_conflicts([M], "theirs")
    repo.continue_row("cherry-pick")
    assert content(repo) == model(a=2, b=2)
    assert [c.author for c in repo.log(limit=2)] == [AUTHOR, AUTHOR]
    assert repo.unfinished() is None


def test_a_row_of_picks_that_is_given_up_has_never_been(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1)
    save("side", a=1, b=2)
    save("side", a=2, b=2)
    head = save("main", a=5, b=1)
    with pytest.raises(MergeConflict):
        repo.cherry_pick(["main..side"])
    assert repo.head != head
    repo.abort("cherry-pick")
    assert repo.head == head and repo.status().clean


def test_a_row_that_is_quit_leaves_all_as_it_is(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1)
    save("side", a=2, b=1)
    save("side", a=2, b=2)
    head = save("main", a=5, b=1)
    with pytest.raises(MergeConflict):
        repo.cherry_pick(["main..side"])
    with pytest.raises(UsageError, match="conflicts to settle"):
        repo.quit_row("cherry-pick")
    repo.resolve_conflicts([M], "theirs")
    repo.quit_row("cherry-pick")
    assert repo.unfinished() is None and repo.head == head
    assert content(repo) == model(a=2, b=1) and len(repo.status().staged) == 1


def test_without_a_commit_the_change_is_staged_beside_what_is_staged(
    repo: Repository, save: Save
) -> None:
    save("main", a=1, b=1)
    wanted = save("side", a=2, b=1)
    repo.switch("main")
    Path(repo.root, "notes").write_text("staged")
    repo.add(["notes"])
    head = repo.head
    repo.stage_row("cherry-pick", [wanted])
    assert repo.head == head and repo.unfinished() is None
    assert content(repo) == model(a=2, b=1)
    assert [delta.path for delta in repo.status().staged] == [M, "notes"]


def test_without_a_commit_a_conflict_changes_nothing(repo: Repository, save: Save) -> None:
    save("main", a=1)
    step = save("main", a=2)
    save("main", a=3)
    with pytest.raises(MergeConflict, match="nothing has changed"):
        repo.stage_row("revert", [step])
    assert repo.status().clean and content(repo) == model(a=3)
    repo.stage_row("revert", [step], strategy="additive")
    assert content(repo) == model(a=2)
