"""A search in progress is one value: gc spares what it needs, races stop at it, equal files stay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from maintenance.garbage import check, commit, reopened, save

from mvc.errors import CorruptPack, MvcError, RefConflict, UsageError
from mvc.history.bisection import BISECT, Bisection, read_bisection
from mvc.history.halving import choose
from mvc.repository import Repository
from mvc.worktree import bisect as steps


def line(repository: Repository, count: int) -> list[str]:
    return [commit(repository, number) for number in range(count)]


def begun(repository: Repository, bad: str, good: str) -> str:
    step = repository.bisect.start([bad, good])
    assert step.kind == "testing" and step.commit == repository.head
    return str(step.commit)


def test_gc_keeps_what_only_the_search_names(repository: Repository) -> None:
    repository.switch("side", create="new")
    ids = line(repository, 6)
    begun(repository, ids[5], ids[0])
    repository.branches.delete("side", force=True)
    repository.upkeep.gc(prune="now", expire="now")
    again = reopened(repository)
    check(again)
    while (step := again.bisect.mark("bad" if again.head in ids[3:] else "good")).kind == "testing":
        assert Path(again.root, "m.safetensors").exists()
    assert (step.kind, step.commit) == ("found", ids[3])


def test_gc_takes_it_once_the_search_has_ended(repository: Repository) -> None:
    repository.switch("side", create="new")
    ids = line(repository, 4)
    repository.switch("main")
    begun(repository, ids[3], ids[0])
    repository.branches.delete("side", force=True)
    repository.bisect.reset()
    repository.upkeep.gc(prune="now", expire="now")
    assert ids[3] not in reopened(repository)._context.git


def test_the_ends_of_a_search_can_not_be_expired(repository: Repository) -> None:
    ids = line(repository, 4)
    begun(repository, ids[2], ids[0])
    with pytest.raises(UsageError, match="a bisect"):
        repository.upkeep.expire([ids[0]])


def test_a_commit_whose_weights_have_expired_is_skipped(repository: Repository) -> None:
    ids = line(repository, 6)
    middle = choose(repository._context.git, ids[5], [ids[0]]).commit  # type: ignore[list-item, arg-type]
    assert middle is not None
    repository.upkeep.expire([middle])
    repository.upkeep.gc(prune="now", expire="now")
    again = reopened(repository)
    step = again.bisect.start([ids[5], ids[0]])
    assert step.notes == (f"{middle[:7]} is skipped: its weights have expired",)
    assert step.commit is not None and step.commit == again.head != middle
    assert middle in step.search.skipped


def test_what_does_not_change_between_two_steps_is_not_written(repository: Repository) -> None:
    big = Path(repository.root, "big.safetensors")
    save(repository, 999, "big.safetensors")
    repository.add(["big.safetensors"])
    repository.commit("big")
    ids = line(repository, 9)
    os.utime(big, ns=(10**18, 10**18))
    before = big.stat()
    begun(repository, ids[8], ids[0])
    while repository.bisect.mark("good").kind == "testing":
        pass
    repository.bisect.reset()
    after = big.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_answer_that_another_one_forestalled_changes_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = line(repository, 9)
    begun(repository, ids[8], ids[0])
    original = steps.choose

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(steps, "choose", original)
        reopened(repository).bisect.mark("bad", stay=lambda id_: True)
        return original(*arguments, **options)

    monkeypatch.setattr(steps, "choose", meanwhile)
    here = repository.head
    with pytest.raises(RefConflict, match="another command took a step"):
        repository.bisect.mark("good")
    assert reopened(repository).head == here
    search = reopened(repository).bisect.search
    assert search is not None and search.bad == here and here not in search.good


def test_the_value_comes_back_as_it_was_written(repository: Repository) -> None:
    ids = line(repository, 6)
    begun(repository, ids[5], ids[0])
    repository.bisect.mark("skip")
    _, search = read_bisection(repository._context)
    assert search is not None
    assert Bisection.decode(search.encode()) == search
    with pytest.raises(CorruptPack, match="search in progress is damaged"):
        Bisection.decode("bisect\n\n{}")


def test_fsck_says_when_the_search_or_the_metrics_can_not_be_read(repository: Repository) -> None:
    """Both refs name a commit that is neither."""
    for ref, said in ((BISECT, "search in progress"), ("refs/mvc/metrics", "metrics")):
        Path(repository.folder, ref).write_text(f"{repository.head}\n")
        found = [one for one in reopened(repository).upkeep.fsck() if one.where == ref]
        assert len(found) == 1 and said in found[0].message
        Path(repository.folder, ref).unlink()


def test_a_search_whose_branch_is_gone_ends_elsewhere(repository: Repository) -> None:
    repository.switch("side", create="new")
    ids = line(repository, 4)
    begun(repository, ids[3], ids[0])
    repository.branches.delete("side", force=True)
    with pytest.raises(UsageError, match="could not check out original HEAD 'side'"):
        repository.bisect.reset()
    assert repository.bisect.reset("main")
    assert (repository.branch, repository.bisect.search) == ("main", None)


def test_an_unborn_branch_has_nothing_to_search(tmp_path: Path) -> None:
    import mvc

    (tmp_path / "new").mkdir()
    with pytest.raises(MvcError, match="bad HEAD"):
        mvc.init(str(tmp_path / "new")).bisect.start()
