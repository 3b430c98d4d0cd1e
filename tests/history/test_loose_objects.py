"""A damaged loose object is refused before libgit2 reads it: that would never return (libgit2 #7342)."""

from __future__ import annotations

import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import CorruptPack, IntegrityError, LimitExceeded, MvcError
from mvc.history.git import Git
from mvc.history.gitobjects import FILE_MODE, ObjectWriter
from mvc.history.loose import LooseObjects
from mvc.history.signature import Signature
from mvc.store.fs import Disk

WHO = Signature("Ada", "ada@example.org", 1_700_000_000, 0)


@pytest.fixture
def line(tmp_path):
    """A bare repository with three commits in a row: its folder and their ids, oldest first."""
    for folder in ("objects", "refs/heads"):
        os.makedirs(tmp_path / folder)
    (tmp_path / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
    writer = ObjectWriter(str(tmp_path / "objects"), Disk())
    commits = []
    for text in (b"one " * 99, b"two " * 99, b"three " * 99):
        tree = writer.files({"sub/text": (FILE_MODE, writer.blob(text))})
        commits.append(writer.commit(tree, commits[-1:], WHO, WHO, text.decode()))
    writer.flush()
    return str(tmp_path), commits


def damage(folder: str, id_: str, change) -> None:
    path = os.path.join(folder, "objects", id_[:2], id_[2:])
    with open(path, "rb") as file:
        data = file.read()
    os.chmod(path, 0o644)
    with open(path, "wb") as file:
        file.write(change(data))


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("topological", [False, True])
def test_a_walk_ends_at_a_commit_that_was_cut_short(line, position, topological):
    folder, commits = line
    damage(folder, commits[position], half)
    with pytest.raises(CorruptPack, match=commits[position]):
        list(Git(folder).walk([commits[2]], topological=topological))


@pytest.mark.parametrize(
    "ask",
    [
        lambda git, commits: list(git.walk([commits[2]], [commits[1]])),
        lambda git, commits: git.merge_bases(commits[2], commits[0]),
        lambda git, commits: git.is_ancestor(commits[0], commits[2]),
        lambda git, commits: git.commit(commits[0]),
        lambda git, commits: git.kind(commits[0]),
        lambda git, commits: git.expand(commits[0][:10]),
    ],
    ids=["range", "merge base", "ancestor", "commit", "kind", "short id"],
)
def test_no_question_hangs_on_a_commit_that_was_cut_short(line, ask):
    folder, commits = line
    damage(folder, commits[0], half)
    with pytest.raises(IntegrityError):
        ask(Git(folder), commits)


@pytest.mark.parametrize("path", ["sub", "sub/text"])
def test_no_path_hangs_on_a_tree_that_was_cut_short(line, path):
    folder, commits = line
    git = Git(folder)
    tree = git.commit(commits[0]).tree
    _, sub = git.entry(tree, "sub")
    damage(folder, sub if path == "sub/text" else tree, half)
    with pytest.raises(CorruptPack):
        Git(folder).entry(tree, path)


def test_a_path_through_a_file_or_to_nothing_is_nothing(line):
    folder, commits = line
    git = Git(folder)
    tree = git.commit(commits[0]).tree
    assert git.entry(tree, "sub/text")[0] == FILE_MODE
    assert [git.entry(tree, path) for path in ("sub/text/more", "none", "sub/none")] == [None] * 3


def test_an_object_with_more_in_it_than_it_declares_is_refused(line):
    folder, commits = line
    damage(folder, commits[0], lambda data: zlib.compress(b"commit 5\0" + b"x" * 60))
    with pytest.raises(CorruptPack, match="declares 5 bytes"):
        Git(folder).commit(commits[0])


def test_an_object_that_declares_terabytes_is_refused_unread(line):
    folder, commits = line
    damage(folder, commits[0], lambda data: zlib.compress(b"blob 999999999999\0" + b"x" * 60))
    with pytest.raises(LimitExceeded):
        Git(folder).commit(commits[0])


@given(st.binary(max_size=200), st.integers(0, 300), st.binary(max_size=3))
def test_an_object_passes_only_if_it_is_whole(tmp_path_factory, body, cut, tail):
    folder = tmp_path_factory.mktemp("objects")
    os.makedirs(folder / "ab")
    whole = zlib.compress(b"blob %d\0" % len(body) + body, 1)
    data = whole[:cut] + tail
    (folder / "ab" / ("c" * 38)).write_bytes(data)
    try:
        LooseObjects(str(folder)).judge("ab" + "c" * 38)
        passed = True
    except MvcError:
        passed = False
    assert passed == (data == whole)  # "garbage at end of loose object", says Git
