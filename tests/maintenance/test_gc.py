"""gc: what is reached stays, what is not goes, and any doubt ends it before anything is removed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from maintenance.garbage import (
    age,
    check,
    commit,
    contents,
    files,
    git,
    reached,
    reopened,
    save,
    stored,
)

import mvc
from mvc.errors import IntegrityError, Locked, MergeConflict, StorageError, UsageError
from mvc.history.signature import Signature
from mvc.repository import Repository
from mvc.store.fs import Disk


def ago(days: float) -> Signature:
    return Signature("Ada", "ada@example.org", int(time.time() - days * 86_400))


@pytest.fixture
def wasteful(repository: Repository) -> Repository:
    """Two commits on ``main``, and two more that only the logs know."""
    for seed in (12, 13, 22, 23):
        commit(repository, seed)
    repository.reset("HEAD~2", mode="hard")
    return repository


def test_what_only_the_logs_reach_stays_until_they_forget_it(wasteful: Repository) -> None:
    before = reached(wasteful), contents(wasteful)
    done = wasteful.upkeep.gc(prune="now")
    assert (done.objects, done.git_objects, done.operations) == (0, 0, 0)
    assert before == (reached(wasteful), contents(wasteful))
    check(wasteful)
    reopened(wasteful).undo()
    assert wasteful.read_commit().subject == "seed 23"


def test_what_nothing_reaches_goes_and_its_bytes_with_it(wasteful: Repository) -> None:
    wasteful.upkeep.gc(prune="now")
    size, kept = stored(wasteful), reached(wasteful, logs=False)
    done = wasteful.upkeep.gc(prune="now", expire="now")
    assert done.objects == 2 and done.git_objects > 4
    assert stored(wasteful) == size - done.freed < size - 2 * 3000
    assert reached(wasteful) <= kept
    check(wasteful)
    assert [c.subject for c in wasteful.log(limit=2)] == ["seed 13", "seed 12"]


def test_a_second_collection_finds_nothing_to_do(wasteful: Repository) -> None:
    for options in ({}, {"prune": "now"}, {"prune": "now", "expire": "now"}):
        wasteful.upkeep.gc(**options)
        before = files(wasteful)
        done = reopened(wasteful).upkeep.gc(**options)
        assert not any((done.objects, done.git_objects, done.packed, done.gathered, done.freed))
        assert not any((done.operations, done.moves, done.indexes))
        assert files(wasteful) == before


@pytest.mark.parametrize("options", [{}, {"prune": "now"}, {"prune": "now", "expire": "now"}])
def test_a_dry_run_changes_nothing_and_says_what_will_happen(
    wasteful: Repository, options: dict[str, str]
) -> None:
    before = files(wasteful)
    said = wasteful.upkeep.gc(dry_run=True, **options)
    assert files(wasteful) == before
    size = stored(wasteful)
    done = wasteful.upkeep.gc(**options)
    names = (
        "objects",
        "git_objects",
        "operations",
        "moves",
        "freed",
        "packed",
        "gathered",
        "waiting",
    )
    assert {n: getattr(said, n) for n in names} == {n: getattr(done, n) for n in names}
    loose = [path for path in before if path.startswith("objects/") and path not in files(wasteful)]
    assert len(loose) >= done.packed > 0
    assert options != {"prune": "now"} or size - stored(wasteful) == done.freed


def test_many_small_commits_end_in_one_pack_of_each_kind(repository: Repository) -> None:
    for seed in range(12):
        commit(repository, seed)
    before = contents(repository)
    done = repository.upkeep.gc(prune="now")
    found = list(files(repository))
    assert done.packed > 60 and done.git_after is not None and done.git_after < done.git_before
    assert sum(path.startswith("store/packs/") for path in found) == 1
    assert sum(path.startswith("store/index/") for path in found) == 1
    assert sum(path.startswith("objects/pack/") for path in found) == 2
    assert not any(len(path.split("/")[1]) == 2 for path in found if path.startswith("objects/"))
    assert contents(repository) == before
    check(repository)


def test_old_packs_outlive_a_collection_by_the_grace_period(
    wasteful: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvc.store.compaction.FEW", 1)
    before = {path for path in files(wasteful) if path.startswith("store/packs/")}
    done = wasteful.upkeep.gc(expire="now")
    assert before < files(wasteful).keys() and done.waiting > 0 and done.objects == 0
    assert done.kept == 2 and done.git_kept > 4
    check(wasteful)
    age(wasteful, days=13)
    wasteful.upkeep.gc(expire="now")
    assert before < files(wasteful).keys()
    age(wasteful, days=2)
    done = wasteful.upkeep.gc(expire="now")
    assert not before & files(wasteful).keys() and done.freed > 0
    check(wasteful)


def test_a_pack_that_was_left_goes_though_its_content_moves_on_every_week(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvc.store.compaction.FEW", 1)
    first = {path for path in files(repository) if path.startswith("store/packs/")}
    for seed in range(3):
        repository.upkeep.gc()
        age(repository, days=8)
        commit(repository, seed)
    repository.upkeep.gc()
    assert not first & files(repository).keys()
    check(repository)


def test_a_few_small_packs_are_not_worth_being_kept_twice(repository: Repository) -> None:
    before = {path for path in files(repository) if path.startswith("store/packs/")}
    assert repository.upkeep.gc().gathered == 0
    assert before <= files(repository).keys()


def test_what_nothing_reaches_stays_for_the_grace_period(wasteful: Repository) -> None:
    lost = wasteful.resolve("HEAD@{1}")
    wasteful.upkeep.gc(expire="now")
    reopened(wasteful).branches.create("found", lost)
    check(wasteful)
    assert contents(wasteful)[lost]["notes.txt"] == b"notes 23\n"
    age(wasteful, days=15)
    wasteful.upkeep.gc(expire="now")
    check(wasteful)


def test_a_new_reference_to_something_that_waits_to_go_saves_it(wasteful: Repository) -> None:
    lost = wasteful.resolve("HEAD@{1}")
    wasteful.upkeep.gc(expire="now")
    age(wasteful, days=15)
    reopened(wasteful).branches.create("found", lost)
    wasteful.upkeep.gc(prune="now", expire="now")
    assert contents(wasteful)[lost]["notes.txt"] == b"notes 23\n"
    check(wasteful)


def test_the_stage_is_reached(repository: Repository) -> None:
    save(repository, 99, "staged.safetensors")
    repository.add(["staged.safetensors"])
    repository.upkeep.gc(prune="now", expire="now")
    check(repository)
    Path(repository.root, "staged.safetensors").unlink()
    reopened(repository).restore(["staged.safetensors"])
    assert Path(repository.root, "staged.safetensors").exists()


def test_a_ref_that_only_git_knows_keeps_what_it_names(wasteful: Repository) -> None:
    lost = wasteful.resolve("HEAD@{1}")
    git(wasteful, "update-ref", "refs/somewhere/else", lost)
    wasteful.upkeep.gc(prune="now", expire="now")
    assert contents(wasteful)[lost]["notes.txt"] == b"notes 23\n"
    check(wasteful)


def test_an_unfinished_merge_can_be_given_up_or_concluded_after_a_collection(
    repository: Repository,
) -> None:
    repository.branches.create("other")
    commit(repository, 1)
    repository.switch("other")
    commit(repository, 2)
    with pytest.raises(MergeConflict):
        repository.merge("main")
    repository.upkeep.gc(prune="now", expire="now")
    check(repository)
    again = reopened(repository)
    again.resolve_conflicts(["."], "theirs")
    again.upkeep.gc(prune="now", expire="now")
    reopened(repository).abort("merge")
    assert repository.read_commit().subject == "seed 2"
    assert reopened(repository).status().clean
    check(repository)


def test_undo_goes_back_to_the_horizon_and_no_further(wasteful: Repository) -> None:
    assert wasteful.upkeep.gc(expire="now", prune="now").operations > 0
    with pytest.raises(UsageError, match="nothing to undo"):
        wasteful.undo()
    assert list(wasteful.operations()) == []
    commit(wasteful, 50)
    commit(wasteful, 51)
    for subject in ("seed 50", "seed 50", "seed 13"):
        wasteful.undo()
        assert reopened(wasteful).read_commit().subject == subject
    wasteful.undo()
    with pytest.raises(UsageError, match="nothing to undo"):
        wasteful.undo()
    wasteful.upkeep.gc(prune="now")
    check(wasteful)


def test_an_undo_keeps_the_operation_that_it_took_back(repository: Repository) -> None:
    repository.who = ago(days=100)
    commit(repository, 1)
    commit(repository, 2)
    repository.who = ago(days=1)
    repository.undo()
    repository.upkeep.gc(prune="now")
    reopened(repository).undo()
    check(repository)


def test_entries_of_both_logs_go_by_their_age(repository: Repository) -> None:
    repository.who = ago(days=100)
    commit(repository, 1)
    repository.who = ago(days=80)
    commit(repository, 2)
    done = repository.upkeep.gc()
    # The fixture's own commits are of now, and came first: a clock that jumped back tears no hole.
    assert (done.operations, done.moves) == (0, 0)
    repository.upkeep.gc(expire="now", prune="now")
    repository.who = ago(days=100)
    commit(repository, 3)
    repository.who = ago(days=80)
    commit(repository, 4)
    done = repository.upkeep.gc(prune="now")
    assert (done.operations, done.moves) == (2, 2)  # an add and a commit; HEAD's step and main's
    assert [move.message for move in repository.reflog("main")] == ["commit: seed 4"]
    check(repository)


def test_a_deleted_tag_is_kept_for_undo_as_long_as_the_log_goes_back(
    repository: Repository,
) -> None:
    repository.tags.create("v1", message="one")
    tag = repository.tags["v1"]
    repository.tags.delete("v1")
    repository.upkeep.gc(prune="now")
    repository.undo()
    assert repository.tags["v1"] == tag
    repository.tags.delete("v1")
    commit(repository, 1)
    repository.upkeep.gc(prune="now", expire="now")
    assert tag not in reopened(repository)._context.git
    check(repository)


def test_a_young_object_stays_with_all_that_it_names(repository: Repository) -> None:
    context = repository._context
    writer = context.writer()
    blob = writer.blob(b"old text")
    writer.flush()
    age(repository, days=30)
    tree = writer.files({"a/b.txt": (0o100644, blob)})
    writer.flush()
    repository.upkeep.gc()
    assert reopened(repository)._context.git.files(tree) == {"a/b.txt": (0o100644, blob)}
    assert reopened(repository)._context.git.blob(blob) == b"old text"
    age(repository, days=15)
    assert repository.upkeep.gc().git_objects == 3
    assert blob not in reopened(repository)._context.git


@pytest.mark.parametrize("damage", ["git object", "pack", "index", "payload", "ref", "git index"])
def test_any_damage_ends_it_and_nothing_is_removed(wasteful: Repository, damage: str) -> None:
    folder = Path(wasteful.folder)
    if damage == "git index":
        wasteful.upkeep.gc()
    packs = sorted((folder / "store" / "packs").iterdir())
    if damage == "git object":
        tree = wasteful.read_commit("HEAD~1").tree
        (folder / "objects" / tree[:2] / tree[2:]).unlink()
    elif damage == "pack":
        packs[0].unlink()
    elif damage == "index":
        _flip(sorted((folder / "store" / "index").iterdir())[0], 100)
    elif damage == "payload":
        same = next(pack for pack in packs if b"step" not in pack.read_bytes()[:1])
        _flip(same, 16 + 96 + 64 + 1)
    elif damage == "git index":
        _flip(next((folder / "objects" / "pack").glob("*.idx")), 1100)
    else:
        wasteful.branches.create("other")
        (folder / "refs" / "heads" / "other").write_text("nonsense\n")
    before = files(wasteful)
    with pytest.raises(IntegrityError):
        reopened(wasteful).upkeep.gc(prune="now", expire="never")
    after = files(wasteful)
    gone = {path for path in before.keys() - after.keys() if not _is_packed(wasteful, path)}
    assert not gone


def test_a_reflog_that_cannot_be_read_ends_it_and_nothing_is_removed(wasteful: Repository) -> None:
    log = Path(wasteful.folder, "logs", "refs", "heads", "main")
    kept = log.rename(log.with_name("kept"))
    log.symlink_to(log)  # "too many levels of symbolic links": not the same as "not there"
    before = reached(wasteful, logs=False)
    with pytest.raises(StorageError):
        wasteful.upkeep.gc(prune="now", expire="never")
    kept.replace(log)
    assert before <= reached(wasteful)


def _is_packed(repository: Repository, path: str) -> bool:
    """Whether a loose object that is gone is in a pack now: the Git side comes first."""
    parts = path.split("/")
    return parts[0] == "objects" and "".join(parts[1:]) in reopened(repository)._context.git


def _flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_reader_that_was_there_before_finds_everything(wasteful: Repository) -> None:
    reader = reopened(wasteful)
    tensors = reader.load("HEAD")
    expected = reopened(wasteful).load("HEAD")["own"].tobytes()
    assert reader.load("HEAD~1")["own"].tobytes() != expected
    wasteful.upkeep.gc(prune="now", expire="now")
    assert tensors["own"].tobytes() == expected
    assert [c.subject for c in reader.log(limit=3)] == ["seed 13", "seed 12", "step 1"]
    assert b"".join(map(bytes, reader.read_file("notes.txt", "HEAD~1"))) == b"notes 12\n"


def test_a_writer_that_was_there_before_builds_on_nothing_that_is_gone(
    wasteful: Repository,
) -> None:
    writer = reopened(wasteful)
    lost = writer.resolve("HEAD@{1}")
    assert writer.load(lost)["own"].tobytes()
    wasteful.upkeep.gc(prune="now", expire="now")
    commit(writer, 23)  # what the lost commit held
    check(wasteful)
    with pytest.raises(UsageError):
        writer.branches.create("lost", lost)
    check(wasteful)


def test_it_does_not_begin_while_somebody_writes(
    wasteful: Repository,
) -> None:
    class Impatient(Disk):
        def lock(self, path, *, shared=False, patience=0):  # type: ignore[no-untyped-def]
            return super().lock(path, shared=shared, patience=0)

    hasty = mvc.open(wasteful.root, disk=Impatient())
    before = files(wasteful)
    with wasteful._context.gc_held_off(), pytest.raises(Locked):
        hasty.upkeep.gc(prune="now", expire="now")
    with wasteful._context.operations.locked(), pytest.raises(Locked):
        hasty.upkeep.gc(prune="now", expire="now")
    with wasteful._context.store.writer(), pytest.raises(Locked):
        hasty.upkeep.gc(prune="now", expire="now")
    assert files(wasteful) == before


def test_what_killed_commands_left_goes_once_nobody_can_be_writing_it(
    repository: Repository,
) -> None:
    folder = Path(repository.folder)
    dead = [folder / "objects" / "tmp_obj_0123", folder / "store" / "incoming" / "x.pack"]
    maybe = [folder / "tmp" / "rebuilt", folder / "stat-cache.1.2.tmp"]
    for path in dead + maybe:
        path.write_bytes(b"12345")
    assert repository.upkeep.gc(dry_run=True).leftovers == 2
    assert repository.upkeep.gc(prune="now").leftovers == 2
    assert [path.exists() for path in dead + maybe] == [False, False, True, True]
    age(repository, days=1)
    assert repository.upkeep.gc(prune="now").leftovers == 2
    assert not any(path.exists() for path in maybe)


def test_packs_that_git_was_told_to_keep_are_left_alone(wasteful: Repository) -> None:
    git(wasteful, "repack", "-a", "-q")
    (pack,) = Path(wasteful.folder, "objects", "pack").glob("*.pack")
    pack.with_suffix(".keep").touch()
    commit(wasteful, 60)
    wasteful.upkeep.gc(prune="now", expire="now")
    assert pack.exists()
    check(wasteful)


def test_what_git_itself_packed_and_derived_does_not_stand_in_the_way(wasteful: Repository) -> None:
    git(wasteful, "repack", "-a", "-q", "--write-bitmap-index")
    git(wasteful, "multi-pack-index", "write")
    git(wasteful, "commit-graph", "write", "--reachable")
    commit(wasteful, 60)
    wasteful.upkeep.gc(prune="now", expire="now")
    check(wasteful)


@pytest.mark.parametrize("name", ["index", "worktrees"])
def test_it_refuses_where_git_keeps_what_it_cannot_count(repository: Repository, name: str) -> None:
    Path(repository.folder, name).mkdir()
    with pytest.raises(UsageError, match="Git's own tools"):
        repository.upkeep.gc()


def test_options_of_the_repository_are_its_defaults(wasteful: Repository) -> None:
    wasteful.config.put("mvc.pruneExpire", "now")
    wasteful.config.put("mvc.reflogExpire", "now")
    assert wasteful.upkeep.gc(dry_run=True).objects > 0
    assert wasteful.upkeep.gc(dry_run=True, expire="never").objects == 0
    with pytest.raises(UsageError, match="not a date"):
        wasteful.upkeep.gc(prune="soon")


def test_never_keeps_everything_for_ever(
    wasteful: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mvc.store.compaction.FEW", 1)
    age(wasteful, days=4000)
    done = wasteful.upkeep.gc(prune="never", expire="now")
    assert done.objects == 0 and done.until == float("inf")
    age(wasteful, days=4000)
    assert wasteful.upkeep.gc(prune="never", expire="now").objects == 0
    check(wasteful)
