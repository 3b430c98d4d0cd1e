"""The stash: work put aside and brought back, exactly, whatever it was."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worktree.work import model, scratch

import mvc
from mvc.errors import DirtyWorktree, MergeConflict, MvcError, UsageError
from mvc.history.refs import STASH, STASHES
from mvc.repository import Repository

WHO = ("Ada", "ada@example.org")
#: name → bytes and whether it is executable.
Files = Mapping[str, tuple[bytes, bool]]

CONTENTS = (
    b"text\n",
    b"other text\n",
    b"",
    model(1),
    model(2),
    b"\x00opaque" * 9,
    model(3)[:-1],  # what a killed training run leaves: not what its name says
    b"mvc-manifest 1\nnot one\n",
)
NAMES = ("a", "m.safetensors", "w.bin", "d/x.txt", "d/m.safetensors", "d/e/f", "d", "ignored.tmp")


def _without_clashes(files: dict[str, tuple[bytes, bool]]) -> dict[str, tuple[bytes, bool]]:
    """No file where another needs a folder."""
    return {n: c for n, c in files.items() if not any(o.startswith(f"{n}/") for o in files)}


states = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.sampled_from(CONTENTS), st.booleans()), max_size=5
).map(_without_clashes)


@dataclass(frozen=True)
class Seen:
    """All that a user sees of a work tree and the stage."""

    files: dict[str, tuple[bytes, bool]]
    stage: dict[str, tuple[int, str]]
    status: object


def tree(root: str) -> dict[str, tuple[bytes, bool]]:
    found = {}
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name != ".mvc"]
        for name in names:
            path = Path(folder, name)
            key = path.relative_to(root).as_posix()
            found[key] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return found


def seen(repository: Repository) -> Seen:
    status = repository.status()
    what = (status.staged, status.unstaged, status.untracked)
    return Seen(tree(repository.root), dict(repository.staged()), what)


def save(repository: Repository, files: Files) -> None:
    """Make the work tree hold just ``files``."""
    root = Path(repository.root)
    for path in tree(repository.root):
        (root / path).unlink()
    for folder, _, _ in os.walk(root, topdown=False):
        if ".mvc" not in folder and not os.listdir(folder):
            os.rmdir(folder)
    for path, (content, executable) in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o755 if executable else 0o644)


def stage(repository: Repository) -> None:
    """Put all of the work tree on the stage, whatever it is."""
    names = sorted(tree(repository.root))
    gone = [path for path in repository.staged() if path not in names]
    if gone:
        repository.remove(gone, cached=True, force=True)
    if names:
        repository.add(names, opaque=True, force=True)


def write(repository: Repository, path: str, content: bytes | str) -> None:
    place = Path(repository.root, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """One commit: a text, a model, and a file in a folder."""
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    with scratch() as work:
        made = mvc.open(str(work.root), who=WHO)
        write(made, "a.txt", "one\ntwo\nthree\n")
        write(made, "m.safetensors", model(1))
        write(made, "d/x.txt", "x\n")
        made.add(["."])
        made.commit("one")
        yield made


@given(states, states, states, st.sampled_from(["yes", "all"]), st.booleans())
@settings(max_examples=20)
def test_push_then_pop_leaves_work_tree_and_stage_as_they_were(
    head: Files, staged: Files, work: Files, untracked: str, undone: bool
) -> None:
    with scratch() as place:
        repository = mvc.open(str(place.root), who=WHO)
        save(repository, {**head, ".mvcignore": (b"*.tmp\n", False)})
        stage(repository)
        repository.commit("one")
        clean = seen(repository)
        save(repository, {**staged, ".mvcignore": (b"*.tmp\n", False)})
        stage(repository)
        save(repository, {**work, ".mvcignore": (b"*.tmp\n", False)})
        before = seen(repository)
        try:
            pushed = repository.stash.push(untracked=untracked)
        except DirtyWorktree:  # an ignored file is where one of HEAD's must come back
            assert seen(repository) == before and not len(repository.stash)
            return
        after = seen(repository)
        assert after.stage == clean.stage
        if pushed is None:
            assert before.stage == clean.stage
            return
        assert {p for p in after.files if p not in clean.files} <= {"ignored.tmp"}
        if undone:
            repository.undo()
        else:
            repository.stash.pop(index=True)
        assert seen(repository) == before
        assert not len(repository.stash)
        assert not [one for one in repository.upkeep.fsck() if not one.harmless]


def test_the_list_is_what_git_shows(repository: Repository) -> None:
    for number in range(3):
        write(repository, "a.txt", f"{number}\n")
        repository.stash.push(f"number {number}")
    repository.stash.drop("stash@{1}")

    def git(*words: str) -> list[str]:
        command = ["git", f"--git-dir={repository.folder}", f"--work-tree={repository.root}"]
        return subprocess.run(
            [*command, *words], capture_output=True, text=True, check=True
        ).stdout.splitlines()

    listed = [f"stash@{{{n}}}: {one.message}" for n, one in enumerate(repository.stash)]
    assert listed == ["stash@{0}: On main: number 2", "stash@{1}: On main: number 0"]
    assert git("stash", "list") == listed
    ids = [one.commit for one in repository.stash]
    assert git("rev-parse", "stash@{0}", "stash@{1}") == ids
    assert [repository.resolve(f"stash@{{{n}}}") for n in (0, 1)] == ids
    assert git("show", "stash@{1}:a.txt") == ["0"]


def test_every_stash_is_reached_by_refs_alone(repository: Repository) -> None:
    for number in range(3):
        write(repository, "a.txt", f"{number}\n")
        repository.stash.push()
    refs = repository._context.refs
    parents = repository._context.git.commit(refs.raw(STASHES) or "").parents
    assert parents == tuple(one.commit for one in repository.stash)
    assert refs.raw(STASH) == parents[0]


def test_undo_takes_back_each_change_of_the_list(repository: Repository) -> None:
    for number in range(2):
        write(repository, "a.txt", f"{number}\n")
        repository.stash.push(f"{number}")
    both = list(repository.stash)
    acts: list[Callable[[], object]] = [
        repository.stash.clear,
        lambda: repository.stash.drop("1"),
        lambda: repository.stash.pop("1"),
    ]
    for act in acts:
        act()
        assert list(repository.stash) != both
        repository.undo()
        assert list(repository.stash) == both
        assert repository.status().clean
        assert repository.resolve("stash@{1}") == both[1].commit


def test_a_model_is_merged_tensor_by_tensor(repository: Repository) -> None:
    from worktree.work import safetensors

    def three(a: int, b: int, c: int) -> bytes:
        return safetensors(
            {n: ("U8", [4], bytes([v] * 4)) for n, v in zip("abc", (a, b, c), strict=True)}
        )

    write(repository, "m.safetensors", three(1, 1, 1))
    repository.commit("three tensors", all=True)
    write(repository, "m.safetensors", three(2, 1, 1))
    repository.stash.push()
    write(repository, "m.safetensors", three(1, 1, 3))
    repository.commit("another tensor", all=True)
    repository.stash.pop()
    assert Path(repository.root, "m.safetensors").read_bytes() == three(2, 1, 3)


def test_shards_that_grew_come_back_with_their_index(repository: Repository) -> None:
    index = '{"metadata": {}, "weight_map": {"a": "s-1.safetensors", "b": "s-2.safetensors"}}'
    write(repository, "s-1.safetensors", model(1))
    repository.add(["s-1.safetensors"])
    repository.commit("a shard")
    write(repository, "s-1.safetensors", model(5))
    write(repository, "s-2.safetensors", model(6))
    write(repository, "s.safetensors.index.json", index)
    repository.add(["s.safetensors.index.json"])
    before = seen(repository)
    repository.stash.push(untracked="yes")
    assert repository.status().clean and "s-2.safetensors" not in tree(repository.root)
    repository.stash.pop(index=True)
    assert seen(repository) == before


def test_a_conflict_waits_as_one_of_merge_does_and_the_stash_is_kept(
    repository: Repository,
) -> None:
    write(repository, "m.safetensors", model(2))
    write(repository, "a.txt", "ONE\ntwo\nthree\n")
    repository.stash.push()
    write(repository, "m.safetensors", model(3))
    write(repository, "a.txt", "1\ntwo\nthree\n")
    repository.commit("meanwhile", all=True)
    clean = seen(repository)
    with pytest.raises(MergeConflict, match="kept in case you need it"):
        repository.stash.pop()
    assert [(c.path, c.kind) for c in repository.status().conflicts] == [
        ("a.txt", "text"),
        ("m.safetensors", "tensors"),
    ]
    text = Path(repository.root, "a.txt").read_text()
    assert "<<<<<<< Updated upstream\n1\n=======\nONE\n>>>>>>> Stashed changes\n" in text
    assert len(repository.stash) == 1
    with pytest.raises(UsageError, match="not settled"):
        repository.stash.pop()
    repository.undo()
    assert seen(repository) == clean and repository.unfinished() is None


def test_once_the_last_conflict_is_settled_nothing_is_unfinished(repository: Repository) -> None:
    write(repository, "m.safetensors", model(2))
    write(repository, "a.txt", "ONE\ntwo\nthree\n")
    repository.stash.push()
    write(repository, "m.safetensors", model(3))
    write(repository, "a.txt", "1\ntwo\nthree\n")
    repository.commit("meanwhile", all=True)
    with pytest.raises(MergeConflict):
        repository.stash.apply()
    repository.resolve_conflicts(["m.safetensors"], "theirs")
    assert repository.unfinished() is not None
    repository.add(["a.txt"])
    assert repository.unfinished() is None
    assert Path(repository.root, "m.safetensors").read_bytes() == model(2)
    commit = repository.commit("with the stash in it")
    assert len(commit.parents) == 1


def test_a_stash_during_an_unfinished_merge_is_refused(repository: Repository) -> None:
    repository.switch("side", create="new")
    write(repository, "a.txt", "side\n")
    repository.commit("side", all=True)
    repository.switch("main")
    write(repository, "a.txt", "main\n")
    repository.commit("main", all=True)
    with pytest.raises(MergeConflict):
        repository.merge("side")
    before = seen(repository)
    with pytest.raises(UsageError, match=r"a\.txt: needs merge"):
        repository.stash.push()
    assert seen(repository) == before


def test_nothing_to_put_aside_is_nothing_done(repository: Repository) -> None:
    operations = len(list(repository.operations()))
    write(repository, "new.txt", "untracked\n")
    assert repository.stash.push() is None
    assert len(list(repository.operations())) == operations


def test_before_the_first_commit_there_is_nothing_to_return_to(
    repository: Repository, tmp_path: Path
) -> None:
    fresh = mvc.init(str(tmp_path), who=WHO)
    write(fresh, "a.txt", "a\n")
    fresh.add(["a.txt"])
    with pytest.raises(UsageError, match="initial commit"):
        fresh.stash.push()


def test_only_the_named_paths_go_and_only_they_are_in_the_stash(repository: Repository) -> None:
    write(repository, "a.txt", "changed\n")
    write(repository, "d/x.txt", "changed, too\n")
    repository.add(["."])
    repository.stash.push(paths=["d"])
    assert [d.path for d in repository.status().staged] == ["a.txt"]
    assert [f.path for f in repository.stash.show().files] == ["d/x.txt"]
    repository.stash.pop(index=True)
    assert [d.path for d in repository.status().staged] == ["a.txt", "d/x.txt"]
    with pytest.raises(UsageError, match="did not match"):
        repository.stash.push(paths=["nowhere"])


def test_what_is_staged_stays_with_keep_index(repository: Repository) -> None:
    write(repository, "a.txt", "staged\n")
    repository.add(["a.txt"])
    write(repository, "a.txt", "staged, then edited\n")
    repository.stash.push(keep_index=True)
    assert Path(repository.root, "a.txt").read_text() == "staged\n"
    status = repository.status()
    assert ([d.path for d in status.staged], status.unstaged) == (["a.txt"], ())


def test_a_file_saved_since_stops_the_pop_before_anything_moves(repository: Repository) -> None:
    write(repository, "a.txt", "put aside\n")
    write(repository, "d/x.txt", "this, too\n")
    repository.stash.push()
    write(repository, "a.txt", "unsaved\n")
    before = seen(repository)
    with pytest.raises(DirtyWorktree, match=r"a\.txt"):
        repository.stash.pop()
    assert seen(repository) == before and len(repository.stash) == 1


def test_an_untracked_file_of_the_stash_never_replaces_another(repository: Repository) -> None:
    write(repository, "u.txt", "put aside\n")
    repository.stash.push(untracked="yes")
    write(repository, "u.txt", "another\n")
    with pytest.raises(DirtyWorktree, match=r"u\.txt"):
        repository.stash.pop()
    repository.add(["u.txt"])
    repository.commit("tracked now")
    with pytest.raises(DirtyWorktree, match="already exists, no checkout"):
        repository.stash.pop()
    assert Path(repository.root, "u.txt").read_text() == "another\n"


def test_a_branch_is_made_where_the_stash_was(repository: Repository) -> None:
    base = repository.head
    write(repository, "a.txt", "put aside\n")
    repository.add(["a.txt"])
    repository.stash.push()
    write(repository, "a.txt", "in the way\n")
    repository.commit("later", all=True)
    repository.stash.branch("rescue")
    assert (repository.branch, repository.head, len(repository.stash)) == ("rescue", base, 0)
    assert [d.path for d in repository.status().staged] == ["a.txt"]


def test_a_dropped_stash_is_applied_by_its_id(repository: Repository) -> None:
    write(repository, "a.txt", "put aside\n")
    repository.stash.push()
    dropped = repository.stash.drop().commit
    repository.stash.apply(dropped)
    assert Path(repository.root, "a.txt").read_text() == "put aside\n"
    with pytest.raises(UsageError, match="not a stash reference"):
        repository.stash.drop(dropped)
    with pytest.raises(UsageError, match="not a stash-like commit"):
        repository.stash.apply("HEAD")


@pytest.mark.parametrize("name", ["stash@{7}", "7", "stash", "refs/stash", None])
def test_a_stash_that_is_not_there_is_called_so(repository: Repository, name: str | None) -> None:
    with pytest.raises(UsageError, match="no stash entries found"):
        repository.stash.pop(name)
    write(repository, "a.txt", "put aside\n")
    repository.stash.push()
    if name is not None and "7" in name:
        with pytest.raises(UsageError, match="not a valid reference"):
            repository.stash.pop(name)
    else:
        assert repository.stash.pop(name).number == 0


def test_a_link_in_a_file_s_place_stops_the_stash(repository: Repository) -> None:
    Path(repository.root, "a.txt").unlink()
    Path(repository.root, "a.txt").symlink_to("d/x.txt")
    with pytest.raises(UsageError, match="no regular file"):
        repository.stash.push()
    assert Path(repository.root, "a.txt").is_symlink()


def test_of_two_stashes_at_once_none_is_lost(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds the list moved, and its files untouched."""
    from mvc.worktree import shelving

    prepared = shelving.prepared

    def meanwhile(*arguments: object, **options: object) -> object:
        monkeypatch.setattr(shelving, "prepared", prepared)
        mvc.open(repository.root, who=WHO).stash.push("the first")
        return prepared(*arguments, **options)  # type: ignore[arg-type]

    write(repository, "a.txt", "put aside\n")
    monkeypatch.setattr(shelving, "prepared", meanwhile)
    with pytest.raises(MvcError):
        repository.stash.push("the second")
    assert [one.message for one in repository.stash] == ["On main: the first"]
    repository.stash.pop()
    assert Path(repository.root, "a.txt").read_text() == "put aside\n"


def test_a_save_while_the_stash_is_made_is_never_overwritten(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mvc.worktree import shelving

    prepared = shelving.prepared

    def meanwhile(*arguments: object, **options: object) -> object:
        files = prepared(*arguments, **options)  # type: ignore[arg-type]
        write(repository, "a.txt", "saved meanwhile\n")
        return files

    write(repository, "a.txt", "put aside\n")
    monkeypatch.setattr(shelving, "prepared", meanwhile)
    with pytest.raises(DirtyWorktree):
        repository.stash.push()
    assert Path(repository.root, "a.txt").read_text() == "saved meanwhile\n"
    assert not len(repository.stash)
