from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from merge.world import index, model

import mvc
from mvc.errors import DirtyWorktree, MergeConflict, RefConflict, UsageError
from mvc.history.signature import Signature
from mvc.merge import merging, reverting
from mvc.merge.three_way import Merged
from mvc.repository import Repository

M = "m.safetensors"
WHO = Signature("Ada", "ada@example.org", 1_700_000_000)
Save = Callable[..., str]


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return mvc.init(str(tmp_path), who=WHO)


@pytest.fixture
def save(repo: Repository) -> Save:
    """Commit a model of these tensors on a branch, made here if it is new."""

    def commit(branch: str, **tensors: float) -> str:
        if repo.branch != branch:
            repo.switch(branch, create="no" if branch in repo.branches else "new")
        Path(repo.root, M).write_bytes(model(**tensors))
        repo.add(["."])
        return repo.commit(f"{branch}: {tensors}").id

    return commit


def content(repo: Repository, path: str = M) -> bytes:
    return Path(repo.root, path).read_bytes()


def test_a_clean_merge_has_both_parents_and_both_changes(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1)
    side = save("side", a=1, b=2)
    ours = save("main", a=2, b=1)
    outcome = repo.merge("side")
    commit = repo.read_commit()
    assert outcome.kind == "merge" and outcome.commit == commit.id
    assert commit.parents == (ours, side)
    assert commit.message.startswith("Merge branch 'side'\n")
    assert content(repo) == model(a=2, b=2)
    assert repo.status().staged == repo.status().unstaged == ()


def test_an_ancestor_is_up_to_date_and_a_descendant_fast_forwards(
    repo: Repository, save: Save
) -> None:
    save("main", a=1)
    side = save("side", a=2)
    repo.switch("main")
    assert repo.merge("side").kind == "fast-forward"
    assert repo.head == side and content(repo) == model(a=2)
    assert repo.merge("side").kind == "up-to-date"


def test_fast_forward_can_be_refused_or_demanded(repo: Repository, save: Save) -> None:
    first = save("main", a=1)
    side = save("side", a=2)
    repo.switch("main")
    repo.merge("side", fast_forward="never")
    assert repo.read_commit().parents == (first, side)
    save("side", a=3)
    repo.switch("main")
    with pytest.raises(UsageError, match="fast-forward"):
        repo.merge("side", fast_forward="only")


@pytest.fixture
def stopped(repo: Repository, save: Save) -> Repository:
    """A merge that waits: ``b`` was changed on both sides, ``a`` and ``c`` on one each."""
    save("main", a=1, b=1, c=1)
    save("side", a=1, b=2, c=2)
    save("main", a=2, b=4, c=1)
    with pytest.raises(MergeConflict, match=r"CONFLICT \(tensors\): Merge conflict in m\S+: b\n"):
        repo.merge("side")
    return repo


def test_a_conflict_writes_ours_and_what_merged_and_is_listed(stopped: Repository) -> None:
    assert content(stopped) == model(a=2, b=4, c=2)
    status = stopped.status()
    assert [(c.path, c.kind) for c in status.conflicts] == [(M, "tensors")]
    assert status.unfinished == "merge"
    with pytest.raises(MergeConflict, match="unmerged"):
        stopped.commit()
    with pytest.raises(UsageError, match="not concluded"):
        stopped.merge("side")


@pytest.mark.parametrize(
    ("strategy", "b"), [("ours", 4), ("theirs", 2), ("base", 1), ("average", 3)]
)
def test_a_conflict_is_settled_and_concluded(stopped: Repository, strategy: str, b: float) -> None:
    assert stopped.resolve_conflicts([M], strategy) == [M]
    assert content(stopped) == model(a=2, b=b, c=2)
    commit = stopped.commit()
    assert len(commit.parents) == 2
    assert commit.message.startswith("Merge branch 'side'")
    assert stopped.unfinished() is None
    assert stopped.status().conflicts == ()


def test_adding_the_file_settles_it_as_it_is(stopped: Repository) -> None:
    Path(stopped.root, M).write_bytes(model(a=2, b=9, c=2))
    stopped.add([M])
    assert len(stopped.commit("by hand").parents) == 2
    assert content(stopped) == model(a=2, b=9, c=2)


def test_abort_brings_everything_back(stopped: Repository) -> None:
    head = stopped.head
    stopped.abort()
    assert stopped.head == head and stopped.unfinished() is None
    assert content(stopped) == model(a=2, b=4, c=1)
    status = stopped.status()
    assert status.staged == status.unstaged == status.conflicts == ()


def test_a_merge_does_not_touch_unsaved_work(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1)
    save("side", a=1, b=2)
    head = save("main", a=2, b=1)
    Path(repo.root, M).write_bytes(model(a=7, b=7))
    with pytest.raises(DirtyWorktree):
        repo.merge("side")
    assert content(repo) == model(a=7, b=7) and repo.head == head


def test_what_another_process_stages_during_a_merge_is_not_lost(
    repo: Repository, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    save("main", a=1, b=1)
    save("side", a=1, b=2)
    head = save("main", a=2, b=1)
    merge_commits = merging.merge_commits

    def slow(*sides: object, **options: object) -> Merged:
        merged = merge_commits(*sides, **options)  # type: ignore[arg-type]
        Path(repo.root, "notes.txt").write_text("meanwhile")
        mvc.open(repo.root, who=WHO).add(["notes.txt"])
        return merged

    monkeypatch.setattr(merging, "merge_commits", slow)
    with pytest.raises(RefConflict, match="something was staged"):
        repo.merge("side")
    assert repo.head == head and "notes.txt" in repo.staged()


def test_a_merge_onto_a_head_that_moved_records_nothing(
    repo: Repository, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    save("main", a=1, b=1)
    save("side", a=1, b=2)
    save("main", a=2, b=1)
    merge_commits = merging.merge_commits

    def slow(*sides: object, **options: object) -> Merged:
        merged = merge_commits(*sides, **options)  # type: ignore[arg-type]
        mvc.open(repo.root, who=WHO).commit("meanwhile", allow_empty=True)
        return merged

    monkeypatch.setattr(merging, "merge_commits", slow)
    with pytest.raises(RefConflict, match="HEAD moved"):
        repo.merge("side")
    assert repo.read_commit().subject == "meanwhile"


def test_a_criss_cross_history_merges_from_a_virtual_base(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1)
    save("x", a=2, b=1)
    repo.switch("main")
    save("y", a=1, b=2)
    repo.branches.create("y1", "y")
    repo.merge("x")
    repo.switch("x")
    repo.merge("y1")
    save("y", a=2, b=3)
    save("x", a=3, b=2)
    repo.merge("y")
    assert content(repo) == model(a=3, b=3)


def test_unrelated_histories_are_refused(repo: Repository, save: Save) -> None:
    save("main", a=1)
    files = repo.read_commit()
    writer = repo._context.writer()
    other = writer.commit(files.tree, [], WHO, WHO, "other")
    writer.flush()
    with pytest.raises(UsageError, match="unrelated"):
        repo.merge(other)


def test_revert_takes_out_one_change_and_keeps_later_ones(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1)
    wave = save("main", a=2, b=1)
    save("main", a=2, b=2)
    repo.revert("HEAD~1")
    assert content(repo) == model(a=1, b=2)
    message = repo.read_commit().message
    subject = repo.read_commit(wave).subject
    assert message.startswith(f'Revert "{subject}"\n\nThis reverts commit {wave}.\n')
    repo.revert("HEAD")
    assert content(repo) == model(a=2, b=2)
    assert repo.read_commit().subject == f'Reapply "{subject}"'


def test_revert_of_a_merge_needs_a_parent_to_keep(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1)
    save("side", a=1, b=2)
    ours = save("main", a=2, b=1)
    merge = repo.merge("side").commit
    with pytest.raises(UsageError, match="no -m option"):
        repo.revert("HEAD")
    repo.revert("HEAD", mainline=1)
    assert content(repo) == model(a=2, b=1)
    assert f"This reverts commit {merge}, reversing\nchanges made to {ours}.\n" in (
        repo.read_commit().message
    )


def test_a_revert_that_meets_later_changes_stops_and_can_be_concluded(
    repo: Repository, save: Save
) -> None:
    save("main", a=1)
    save("main", a=2)
    save("main", a=3)
    with pytest.raises(MergeConflict, match="tensors"):
        repo.revert("HEAD~1")
    repo.resolve_conflicts([M], "theirs")
    commit = repo.commit()
    assert len(commit.parents) == 1
    assert content(repo) == model(a=1)
    assert commit.message.startswith("Revert ")


def test_reverting_the_first_commit_removes_its_files(repo: Repository, save: Save) -> None:
    save("main", a=1)
    repo.revert("HEAD")
    assert not Path(repo.root, M).exists()


def test_settling_a_shard_brings_its_index_along(repo: Repository) -> None:
    shards = ["w-00001-of-00002.safetensors", "w-00002-of-00002.safetensors"]

    def save(branch: str, first: dict[str, float], second: dict[str, float]) -> None:
        if repo.branch != branch:
            repo.switch(branch, create="no" if branch in repo.branches else "new")
        weight_map = dict.fromkeys(first, shards[0]) | dict.fromkeys(second, shards[1])
        for path, data in [
            (shards[0], model(**first)),
            (shards[1], model(**second)),
            ("w.safetensors.index.json", index(weight_map)),
        ]:
            Path(repo.root, path).write_bytes(data)
        repo.add(["."])
        repo.commit(branch)

    save("main", {"a": 1, "b": 1}, {"c": 1})
    save("side", {"a": 1, "b": 2}, {"c": 1})
    save("main", {"a": 1}, {"c": 2})
    with pytest.raises(MergeConflict):
        repo.merge("side")
    repo.resolve_conflicts([shards[0]], "theirs")
    repo.commit()
    assert content(repo, shards[0]) == model(a=1, b=2)
    assert content(repo, "w.safetensors.index.json") == index(
        {"a": shards[0], "b": shards[0], "c": shards[1]}
    )


@pytest.mark.parametrize(
    ("subject", "wanted"),
    [
        ("Fix", 'Revert "Fix"'),
        ('Revert "Fix"', 'Reapply "Fix"'),
        ('Revert "Revert "Fix""', 'Revert "Revert "Revert "Fix"""'),
    ],
)
def test_a_revert_is_called_as_git_calls_it(
    repo: Repository, save: Save, subject: str, wanted: str
) -> None:
    save("main", a=1)
    commit = repo.commit(subject, allow_empty=True)
    assert reverting.revert_message(commit, None).startswith(f"{wanted}\n\nThis reverts commit ")
