from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from merge.world import model

import mvc
from mvc.errors import MergeConflict, UsageError
from mvc.history.operations import OperationLog
from mvc.history.signature import Signature
from mvc.repository import Repository

M = "m.safetensors"
WHO = Signature("Ada", "ada@example.org", 1_700_000_000)
AUTHOR = Signature("Bob", "bob@example.org", 1_600_000_000)
Save = Callable[..., str]


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """``topic`` has two commits that ``main`` lacks, ``main`` one; HEAD is at ``main``."""
    repo = mvc.init(str(tmp_path), who=WHO)
    save(repo, a=1, b=1, c=1)
    repo.switch("topic", create="new")
    save(repo, a=2, b=1, c=1)
    save(repo, a=2, b=2, c=1)
    repo.switch("main")
    save(repo, a=1, b=1, c=3)
    return repo


def save(repo: Repository, **tensors: float) -> str:
    Path(repo.root, M).write_bytes(model(**tensors))
    repo.add(["."])
    return repo.commit(f"{tensors}", author=AUTHOR).id


def content(repo: Repository) -> bytes:
    return Path(repo.root, M).read_bytes()


def test_a_rebase_is_one_step_that_one_undo_takes_back(repo: Repository) -> None:
    before = repo.branches["topic"], repo.head, len(list(repo.operations()))
    done = repo.rebase("main", "topic")
    assert (done.home, done.moved, done.commit) == ("refs/heads/topic", True, repo.head)
    assert repo.branch == "topic" and content(repo) == model(a=2, b=2, c=3)
    assert [c.author for c in repo.log(limit=2)] == [AUTHOR, AUTHOR]
    assert len(list(repo.operations())) == before[2] + 1
    repo.undo()
    assert (repo.branches["topic"], repo.head) == before[:2]
    assert repo.branch == "main" and content(repo) == model(a=1, b=1, c=3)
    assert repo.status().clean


def test_a_rebase_that_stops_leaves_the_branch_and_can_be_given_up(repo: Repository) -> None:
    save(repo, a=1, b=7, c=3)
    topic = repo.branches["topic"]
    with pytest.raises(MergeConflict, match=r"could not apply [0-9a-f]{7}\.\.\. "):
        repo.rebase("main", "topic")
    assert repo.branches["topic"] == topic and repo.branch is None
    assert content(repo) == model(a=2, b=7, c=3)
    repo.abort("rebase")
    assert repo.branch == "topic" and repo.head == topic and repo.status().clean


def test_the_record_says_what_was_added_where_the_history_went_on(repo: Repository) -> None:
    save(repo, a=1, b=7, c=3)
    repo.rebase("main", "topic", strategy="additive")
    assert content(repo) == model(a=2, b=8, c=3)
    record = repo.record()
    assert record is not None and record.operation == "rebase"
    assert record.parameters["taken"] == {"exact": 0, "additive": {M: ["b"]}}


def test_work_that_is_not_committed_is_refused(repo: Repository) -> None:
    Path(repo.root, M).write_bytes(model(a=9, b=9, c=9))
    with pytest.raises(UsageError, match=r"cannot rebase: You have unstaged changes\."):
        repo.rebase("topic")
    repo.add([M])
    with pytest.raises(UsageError, match="Your index contains uncommitted changes"):
        repo.rebase("topic")


def test_a_change_that_upstream_has_is_told_and_left_out(repo: Repository) -> None:
    heard: list[str] = []
    repo.cherry_pick(["topic~1"])
    repo.rebase("main", "topic", said=heard.append)
    assert [line.rsplit(" ", 1)[0] for line in heard] == [
        "warning: skipped previously applied commit"
    ]
    assert len([*repo.log(["main..topic"])]) == 1


def _cut_off(repo: Repository, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """``act``, which gets as far as the files, and not to the refs."""
    with monkeypatch.context() as patch:
        patch.setattr(OperationLog, "append", _killed)
        with pytest.raises(_KilledError):
            act()
    assert not repo.status().clean


class _KilledError(Exception):
    pass


def _killed(*_: object) -> None:
    raise _KilledError


def test_a_rebase_that_was_cut_off_between_files_and_refs_goes_on(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cut_off(repo, monkeypatch, lambda: repo.rebase("topic"))
    assert repo.rebase("topic").moved
    assert repo.status().clean


def test_work_is_not_taken_for_what_a_rebase_has_left(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cut_off(repo, monkeypatch, lambda: repo.rebase("topic"))
    known = Path(repo.root, M).read_bytes()
    for content in (model(a=9, b=9, c=9), b"".join(map(bytes, repo.read_file(M, "topic~1")))):
        Path(repo.root, M).write_bytes(content)
        before = repo.head
        with pytest.raises(UsageError, match=r"You have unstaged changes\."):
            repo.rebase("topic")
        assert (repo.head, Path(repo.root, M).read_bytes()) == (before, content)
    Path(repo.root, M).write_bytes(known)
    assert repo.rebase("topic").moved
