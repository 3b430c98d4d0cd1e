"""``expire``: weights of chosen commits go, their history stays, and nothing goes that something kept needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from maintenance.garbage import WHO, age, check, git, reopened, stored

import mvc
from mvc.errors import CorruptPack, MissingObject, UsageError, WeightsExpired
from mvc.history import expired
from mvc.history.expired import EXPIRED, GONE, Tombstone
from mvc.ids import CommitId
from mvc.maintenance.expire import Rules
from mvc.repository import Repository

COUNT = 3000
NOW = {"prune": "now", "expire": "now"}


def commit(repository: Repository, seed: int, message: str, *, share: bool = True) -> str:
    draw = np.random.default_rng(seed).normal(size=COUNT).astype("f4")
    same = np.zeros(COUNT, "f4") if share else draw[::-1].copy()
    return repository.commit_tensors({"own": draw, "same": same}, message).id


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Six commits with a loss in a trailer, the second one tagged; all share a tensor."""
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    repository = mvc.init(str(tmp_path), who=WHO)
    for number, loss in enumerate([3.0, 2.0, 0.5, 1.5, 0.7, 0.9]):
        commit(repository, number, f"step {number}\n\neval-loss: {loss}")
        if number == 1:
            repository.tags.create("v1", message="a release")
    return repository


def subjects(repository: Repository, commits: tuple[Tombstone, ...]) -> list[str]:
    return [repository.read_commit(one.commit).subject for one in commits]


def readable(repository: Repository, revision: str) -> bool:
    try:
        for _ in repository.read_file("model.safetensors", revision):
            pass
    except WeightsExpired:
        return False
    return True


def test_only_what_no_rule_keeps_goes_and_its_history_stays(line: Repository) -> None:
    names = [f"HEAD~{n}" for n in range(6)]
    values = {name: line.load(name)["own"].tobytes() for name in names}
    size = stored(line)
    said = line.upkeep.expire(rules=Rules(last=2), dry_run=True)
    assert subjects(line, said.commits) == ["step 3", "step 2", "step 0"]
    assert not line.upkeep.expired()
    done = line.upkeep.expire(rules=Rules(last=2))
    assert done.bytes == said.bytes > 3 * 4 * COUNT * 0.7
    assert all(readable(line, name) for name in names)
    reopened(line).upkeep.gc(**NOW)
    again = reopened(line)
    assert [readable(again, name) for name in names] == [True, True, False, False, True, False]
    for name in ("HEAD~0", "HEAD~1", "v1"):
        found = again.load(name)["own"].tobytes()
        assert found == values[{"v1": "HEAD~4"}.get(name, name)]
    assert stored(again) == pytest.approx(size - done.bytes, abs=2000)
    assert [one.subject for one in again.log()] == [f"step {n}" for n in (5, 4, 3, 2, 1, 0)]
    assert again.changes_of("HEAD~2").files
    check(again)
    assert reopened(again).upkeep.gc(**NOW).objects == 0
    check(again)


def test_the_error_says_which_commit_when_and_by_which_rule(line: Repository) -> None:
    line.upkeep.expire(["HEAD~3"])
    reopened(line).upkeep.gc(**NOW)
    again = reopened(line)
    short = again.resolve("HEAD~3")[:7]
    for look in (
        lambda: again.load("HEAD~3")["own"],
        lambda: again.diff("HEAD~3", "HEAD").models,
        lambda: again.switch("HEAD~3", detach=True),
        lambda: again.restore(["model.safetensors"], source="HEAD~3"),
    ):
        with pytest.raises(WeightsExpired) as caught:
            look()
        assert f"commit {short} (step 2) were expired 20" in caught.value.message
        assert "by name" in caught.value.message and caught.value.hint is not None
        assert caught.value.exit_code == 8
    assert again.load("HEAD~3")["same"].tobytes() == bytes(4 * COUNT)  # HEAD has it, too
    assert not again.status().unstaged


def test_undo_before_gc_takes_it_back(line: Repository) -> None:
    line.upkeep.expire(rules=Rules(last=1))
    assert len(line.upkeep.expired()) == 4
    assert line.undo().verb == "expire"
    assert not line.upkeep.expired()
    reopened(line).upkeep.gc(**NOW)
    assert all(readable(reopened(line), f"HEAD~{n}") for n in range(6))


def test_what_a_log_remembers_stays_until_it_forgets(line: Repository) -> None:
    line.upkeep.expire(rules=Rules(last=1))
    reopened(line).upkeep.gc(prune="now")
    assert all(readable(reopened(line), f"HEAD~{n}") for n in range(6))
    assert reopened(line)._context.refs.raw(GONE) is None


def test_weights_that_are_young_go_when_their_packs_are_old(line: Repository) -> None:
    line.upkeep.expire(rules=Rules(last=1))
    line.upkeep.gc(expire="now")
    assert readable(reopened(line), "HEAD~1")  # the grace period, for who reads them now
    age(line, 30)
    reopened(line).upkeep.gc(expire="now")
    assert not readable(reopened(line), "HEAD~1") and readable(reopened(line), "HEAD")
    check(reopened(line))


def test_undo_after_gc_does_not_make_damage_of_what_is_gone(line: Repository) -> None:
    line.upkeep.expire(rules=Rules(last=1))
    context = reopened(line)._context
    context.operations  # noqa: B018 - opened before
    before = context.refs.raw(EXPIRED)
    assert before is not None
    reopened(line).upkeep.gc(prune="now", expire="now")
    again = reopened(line)
    with again._context.operations.locked():
        again._context.operations.restore(EXPIRED, before)
    Path(again.folder, *EXPIRED.split("/")).unlink()  # as an undo leaves it
    assert len(reopened(again).upkeep.expired()) == 4
    assert not readable(reopened(again), "HEAD~2")
    check(reopened(again))
    assert reopened(again).upkeep.gc(**NOW).objects == 0


def test_the_best_by_a_metric_stay(line: Repository) -> None:
    rules = Rules(metric="Eval-Loss", best=2)
    said = line.upkeep.expire(rules=rules, dry_run=True)
    assert subjects(line, said.commits) == ["step 3", "step 0"]  # 5 is HEAD, 1 is tagged
    rules = Rules(metric="eval-loss", best=1, highest=True)
    said = line.upkeep.expire(rules=rules, dry_run=True)
    assert subjects(line, said.commits) == ["step 4", "step 3", "step 2"]
    assert said.commits[0].rule == "--metric eval-loss --highest 1"
    with pytest.raises(UsageError, match="no commit has the metric 'accuracy'"):
        line.upkeep.expire(rules=Rules(metric="accuracy"))


def test_what_is_in_use_goes_only_by_name_and_by_force(line: Repository) -> None:
    line.branches.create("old", "HEAD~2")
    for name, why in (("main", "the tip of the branch main"), ("v1", "named by the tag v1")):
        with pytest.raises(UsageError, match=why):
            line.upkeep.expire([name])
    with pytest.raises(UsageError, match="no commits to expire"):
        line.upkeep.expire()
    said = line.upkeep.expire(["HEAD~5..HEAD"], dry_run=True, force=True)
    assert subjects(line, said.commits) == ["step 4", "step 2"]
    done = line.upkeep.expire(["old"], force=True)
    assert [one.forced for one in done.commits] == [True]
    reopened(line).upkeep.gc(**NOW)
    again = reopened(line)
    assert not readable(again, "old") and readable(again, "HEAD")
    check(again)
    reopened(again).upkeep.gc(**NOW)


def test_a_branch_made_later_keeps_what_is_still_there(line: Repository) -> None:
    line.upkeep.expire(["HEAD~2", "HEAD~3"])
    line.branches.create("again", "HEAD~2")
    reopened(line).upkeep.gc(**NOW)
    assert readable(reopened(line), "again") and not readable(reopened(line), "HEAD~3")
    line = reopened(line)
    line.branches.create("late", "HEAD~3")  # too late: its weights are gone, and nothing breaks
    check(reopened(line))
    reopened(line).upkeep.gc(**NOW)
    reopened(line).upkeep.gc(aggressive=True, **NOW)
    assert not readable(reopened(line), "late") and readable(reopened(line), "again")


def test_what_a_stash_was_made_on_stays(line: Repository) -> None:
    Path(line.root, "notes.txt").write_text("one\n")
    line.add(["notes.txt"])
    base = line.commit("notes\n\neval-loss: 9").id
    Path(line.root, "notes.txt").write_text("two\n")
    line.stash.push()
    commit(line, 99, "later")
    commit(line, 98, "latest")
    done = line.upkeep.expire(rules=Rules(last=1))
    assert base not in {one.commit for one in done.commits}
    with pytest.raises(UsageError, match="needed by a stash"):
        line.upkeep.expire([base])
    reopened(line).upkeep.gc(**NOW)
    assert readable(reopened(line), base)
    reopened(line).stash.pop()
    assert Path(line.root, "notes.txt").read_text() == "two\n"


def test_a_base_that_something_kept_stands_on_stays_and_a_repack_frees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    repository = mvc.init(str(tmp_path), who=WHO)
    draw = np.random.default_rng(0)
    values = draw.normal(0, 0.02, 30_000).astype("f4")
    for number in range(5):
        repository.commit_tensors({"w": values}, f"step {number}")
        values = (values + draw.normal(0, 1e-4, len(values))).astype("f4")
    done = repository.upkeep.expire(rules=Rules(last=1))
    assert len(done.commits) == 4
    expected = repository.load()["w"].tobytes()
    reopened(repository).upkeep.gc(**NOW)
    assert reopened(repository).load()["w"].tobytes() == expected
    check(reopened(repository))
    before = stored(repository)
    reopened(repository).upkeep.gc(aggressive=True, **NOW)
    assert stored(repository) < before
    assert reopened(repository).load()["w"].tobytes() == expected
    check(reopened(repository))


def test_commits_with_one_tree_are_told_apart(line: Repository) -> None:
    """The tree of an expired commit is that of a kept one, too: its weights are needed."""
    other = line.commit("the same again", allow_empty=True).id
    commit(line, 50, "on")
    line.upkeep.expire([f"{other}~1"])
    reopened(line).upkeep.gc(**NOW)
    assert readable(reopened(line), other) and readable(reopened(line), f"{other}~1")
    place = Path(line.folder, "store", "packs")
    assert any(place.iterdir())
    check(reopened(line))


def test_damage_of_a_kept_commit_is_still_damage(line: Repository) -> None:
    line.upkeep.expire(rules=Rules(last=2))
    reopened(line).upkeep.gc(**NOW)
    for path in Path(line.folder, "store", "packs").iterdir():
        path.unlink()
    for path in Path(line.folder, "store", "index").iterdir():
        path.unlink()
    for revision, error in (("HEAD", MissingObject), ("HEAD~2", WeightsExpired)):
        with pytest.raises(MissingObject) as caught:
            reopened(line).load(revision)["own"]
        assert type(caught.value) is error
    findings = [one for one in reopened(line).upkeep.fsck() if not one.harmless]
    where = " ".join(one.where for one in findings)
    assert "step 5" in where and "step 1" in where and "step 3" not in where


def test_git_keeps_the_tombstones(line: Repository) -> None:
    line.upkeep.expire(rules=Rules(last=2))
    git(line, "gc", "--quiet", "--prune=now")
    assert len(reopened(line).upkeep.expired()) == 3
    text = git(line, "show", f"{EXPIRED}:expired")
    assert text.startswith("mvc-expired 1\n") and text.count(" asked --keep-last 2\n") == 3
    check(reopened(line))


def test_a_second_time_adds_to_the_first(line: Repository) -> None:
    line.upkeep.expire(rules=Rules(last=3))
    done = line.upkeep.expire(rules=Rules(last=1))
    assert subjects(line, done.commits) == ["step 4", "step 3"]
    rules = {one.rule for one in line.upkeep.expired().values()}
    assert rules == {"--keep-last 3", "--keep-last 1"}
    assert not line.upkeep.expire(rules=Rules(last=1)).commits


def test_text_goes_there_and_back() -> None:
    found = {
        CommitId("ab" * 20): Tombstone(CommitId("ab" * 20), 12, "--keep-last 3", True),
        CommitId("0c" * 20): Tombstone(CommitId("0c" * 20), 0, "name"),
    }
    assert expired.decode(expired.encode(found.values())) == found
    for text in (b"", b"mvc-expired 2\n", b"mvc-expired 1\nx\n", b"\xff", b"mvc-expired 1"):
        with pytest.raises(CorruptPack):
            expired.decode(text)
