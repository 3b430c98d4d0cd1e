"""The operation log can be gone back to anywhere: refs, stage and work tree are as they were then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mvc
from mvc.errors import DirtyWorktree, MvcError, UsageError
from mvc.history.past import find
from mvc.history.refs import KEPT, OPERATIONS
from mvc.repository import Repository

WHO = ("Ada", "ada@example.org")


@dataclass(frozen=True)
class State:
    """All that an operation records, and the files of the work tree."""

    refs: dict[str, str]
    head: str | None
    files: dict[str, str]


def state(repository: Repository) -> State:
    refs = repository._context.refs
    found = refs.list("refs/")
    kept = {n: i for n, i in found.items() if n != OPERATIONS and not n.startswith(KEPT)}
    root = Path(repository.root)
    files = {p.relative_to(root).as_posix(): p.read_text() for p in root.rglob("*.txt")}
    return State(kept, refs.raw("HEAD"), files)


def write(repository: Repository, path: str, text: str) -> None:
    place = Path(repository.root, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def commit(name: str, text: str) -> Callable[[Repository], object]:
    def act(repository: Repository) -> None:
        write(repository, f"{name}.txt", text)
        repository.add([f"{name}.txt"])
        repository.commit(f"{name} {text}")

    return act


def shelve(repository: Repository) -> None:
    write(repository, "a.txt", "unfinished")
    write(repository, "untracked.txt", "unfinished")
    repository.stash.push(untracked="yes")


def remove(repository: Repository) -> None:
    repository.remove(["a.txt"])


ACTS: dict[str, Callable[[Repository], object]] = {
    "commit a": commit("a", "1"),
    "commit b": commit("b", "2"),
    "commit deep": commit("deep/c", "3"),
    "branch": lambda r: r.branches.create("side", force=True),
    "branch below": lambda r: r.branches.create("side/below"),
    "delete": lambda r: r.branches.delete("side", force=True),
    "rename": lambda r: r.branches.rename("side", "side/below"),
    "switch": lambda r: r.switch("side"),
    "switch back": lambda r: r.switch("main"),
    "detach": lambda r: r.switch("HEAD~1", detach=True),
    "tag": lambda r: r.tags.create("v1", message="annotated", force=True),
    "untag": lambda r: r.tags.delete("v1"),
    "reset": lambda r: r.reset("HEAD~1", mode="hard"),
    "merge": lambda r: r.merge("side"),
    "rm": remove,
    "stash": shelve,
    "pop": lambda r: r.stash.pop(index=True),
    "undo": lambda r: r.undo(),
    "back": lambda r: r.restore_operation("@{2}"),
}


@given(st.lists(st.sampled_from(sorted(ACTS)), min_size=3, max_size=9), st.data())
@settings(max_examples=25)
def test_any_operation_can_be_returned_to_and_left_again(
    names: list[str], data: st.DataObject
) -> None:
    from worktree.work import scratch

    with scratch() as work:
        repository = mvc.open(str(work.root), who=WHO)
        commit("a", "0")(repository)
        seen = {repository._context.refs.raw(OPERATIONS) or "": state(repository)}
        for name in names:
            try:
                ACTS[name](repository)
            except MvcError:
                continue
            if repository.unfinished():
                repository.reset(mode="hard")
            seen[repository._context.refs.raw(OPERATIONS) or ""] = state(repository)
        last, end = state(repository), repository._context.refs.raw(OPERATIONS)
        chosen = data.draw(st.sampled_from(sorted(seen, key=list(seen).index)))
        then = seen[chosen]
        try:
            repository.restore_operation(chosen)
        except DirtyWorktree:
            assert state(repository) == last
            return
        found = state(repository)
        assert (found.refs, found.head) == (then.refs, then.head)
        if not {"stash", "undo", "back"} & {*names}:  # then there never was anything unsaved
            assert found.files == then.files
        if repository._context.refs.raw(OPERATIONS) != end:
            repository.undo()
        assert state(repository) == last
        assert not [one for one in repository.upkeep.fsck() if not one.harmless]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    made = mvc.init(str(tmp_path), who=WHO)
    commit("a", "1")(made)
    commit("a", "2")(made)
    return made


def test_files_follow_and_unsaved_work_stops_it(repository: Repository) -> None:
    first = next(one for one in repository.operations() if one.message.endswith("a 1"))
    write(repository, "a.txt", "unsaved")
    before = state(repository)
    with pytest.raises(DirtyWorktree, match=r"a\.txt"):
        repository.restore_operation(first.id or "")
    assert state(repository) == before
    write(repository, "a.txt", "2")
    repository.restore_operation(first.id or "")
    assert state(repository).files == {"a.txt": "1"}
    assert repository.status().clean and repository.read_commit().subject == "a 1"


def test_work_that_a_stash_took_comes_back_with_the_moment_before_it(
    repository: Repository,
) -> None:
    shelve(repository)
    repository.branches.create("later")
    repository.restore_operation("@{2}")
    assert state(repository).files == {"a.txt": "unfinished", "untracked.txt": "unfinished"}
    assert not len(repository.stash) and "later" not in repository.branches
    repository.undo()
    assert repository.status().clean and len(repository.stash) == 1


def test_work_that_a_pop_brought_is_not_in_the_way_of_going_back(repository: Repository) -> None:
    shelve(repository)
    before = state(repository)
    repository.stash.pop()
    repository.restore_operation("@{1}")
    assert state(repository) == before


def test_where_we_are_is_no_operation(repository: Repository) -> None:
    before = [one.id for one in repository.operations()]
    repository.restore_operation("@{0}")
    assert [one.id for one in repository.operations()] == before


def test_an_annotated_tag_survives_every_way_back(repository: Repository) -> None:
    repository.tags.create("v1", message="annotated")
    object_ = repository.tags["v1"]
    repository.restore_operation("@{1}")
    assert "v1" not in repository.tags
    assert repository._context.refs.raw(KEPT + object_) == object_
    repository.undo()
    assert repository.tags["v1"] == object_


def test_an_operation_goes_by_its_place_and_by_its_first_letters(repository: Repository) -> None:
    listed = list(repository.operations())
    assert find(listed, "@{0}") == listed[0]
    assert find(listed, "@{2}") == listed[2]
    assert find(listed, (listed[1].id or "")[:12].upper()) == listed[1]
    assert find(listed, listed[1].id or "") == listed[1]


@pytest.mark.parametrize("text", ["@{99}", "@{-1}", "abc", "zzzzzzz", "HEAD", "", "0000000"])
def test_what_names_no_operation_is_called_so(repository: Repository, text: str) -> None:
    with pytest.raises(UsageError, match="operation"):
        repository.restore_operation(text)


def test_several_operations_with_the_same_letters_are_not_guessed_at(
    repository: Repository,
) -> None:
    from dataclasses import replace

    one = next(repository.operations())
    twins = [replace(one, id=f"abcdef{n:034}") for n in range(2)]  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="ambiguous"):
        find(twins, "abcdef")


def test_before_anything_happened_there_is_nowhere_to_go(tmp_path: Path) -> None:
    fresh = mvc.init(str(tmp_path), who=WHO)
    with pytest.raises(UsageError, match="operation"):
        fresh.restore_operation("@{0}")
