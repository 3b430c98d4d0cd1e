"""What we read out of Git's objects is what libgit2 reads out of them, odd ones included."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pygit2
import pytest

from mvc.errors import CorruptPack, MissingObject
from mvc.history.git import Git
from mvc.history.gitforms import parse_commit, parse_tag, parse_tree

TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
PERSON = "Ada Lovelace <ada@example.org> 1700000000 +0130"

COMMITS = {
    "plain": f"tree {TREE}\nauthor {PERSON}\ncommitter {PERSON}\n\nsubject\n\nbody\n",
    "merge": f"tree {TREE}\nparent {'1' * 40}\nparent {'2' * 40}\n"
    f"author {PERSON}\ncommitter {PERSON}\n\nm",
    "signed": f"tree {TREE}\nauthor {PERSON}\ncommitter {PERSON}\n"
    "gpgsig -----BEGIN\n \n author no <no> 1 +0000\n -----END\n\nsigned\n",
    "west": f"tree {TREE}\nauthor A <a> 5 -0730\ncommitter B <> 0 +0000\n\n\n\nlate start\n",
    "empty": f"tree {TREE}\nauthor {PERSON}\ncommitter {PERSON}\n\n",
    "latin": f"tree {TREE}\nauthor {PERSON}\ncommitter {PERSON}\nencoding iso-8859-1\n\nbl\xe4\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "r"], check=True)
    return tmp_path / "r"


def put(folder: Path, kind: str, body: bytes) -> str:
    words = [
        "git",
        f"--git-dir={folder}",
        "hash-object",
        "-w",
        "--literally",
        "-t",
        kind,
        "--stdin",
    ]
    done = subprocess.run(words, input=body, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.mark.parametrize("name", COMMITS)
@pytest.mark.parametrize("packed", [False, True])
def test_commits_read_as_libgit2_reads_them(folder: Path, name: str, packed: bool) -> None:
    id_ = put(folder, "commit", COMMITS[name].encode("latin-1"))
    if packed:
        words = ["git", f"--git-dir={folder}", "pack-objects", "-q", f"{folder}/objects/pack/pack"]
        subprocess.run(words, input=f"{id_}\n".encode(), capture_output=True, check=True)
        (folder / "objects" / id_[:2] / id_[2:]).unlink()
    found = Git(str(folder)).commit(id_)
    theirs = pygit2.Repository(str(folder))[id_]
    assert isinstance(theirs, pygit2.Commit)
    assert (found.tree, list(found.parents)) == (
        str(theirs.tree_id),
        list(map(str, theirs.parent_ids)),
    )
    assert found.message == theirs.message
    for ours, other in ((found.author, theirs.author), (found.committer, theirs.committer)):
        assert (ours.name, ours.email, ours.time, ours.offset) == (
            *(other.name, other.email),
            *(other.time, other.offset),
        )


def test_trees_read_as_libgit2_reads_them(folder: Path) -> None:
    modes = [b"100644", b"100664", b"100755", b"120000", b"160000", b"40000", b"040000"]
    body = b"".join(b"%s n%d\0%s" % (mode, n, b"\x11" * 20) for n, mode in enumerate(modes))
    id_ = put(folder, "tree", body)
    theirs = pygit2.Repository(str(folder))[id_]
    assert isinstance(theirs, pygit2.Tree)
    assert Git(str(folder)).folder(id_) == {
        entry.name: (int(entry.filemode), str(entry.id)) for entry in theirs
    }


@pytest.mark.parametrize("tagger", [f"tagger {PERSON}\n", ""])
def test_tags_read_as_libgit2_reads_them(folder: Path, tagger: str) -> None:
    commit = put(folder, "commit", COMMITS["plain"].encode())
    id_ = put(folder, "tag", f"object {commit}\ntype commit\ntag v1\n{tagger}\nfirst\n".encode())
    git = Git(str(folder))
    assert git.tag_target(id_) == commit
    who, message = git.tag_message(id_)
    assert message == "first\n" and (who is None) == (not tagger)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"tree short\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\n",
        f"tree {TREE}\ncommitter {PERSON}\n\nno author".encode(),
        f"tree {TREE}\nauthor nobody\ncommitter {PERSON}\n\n".encode(),
        f"tree {TREE}\nparent x\nauthor {PERSON}\ncommitter {PERSON}\n\n".encode(),
    ],
)
def test_a_commit_that_says_nothing_is_damage(body: bytes) -> None:
    with pytest.raises(CorruptPack):
        parse_commit("0" * 40, body)


@pytest.mark.parametrize(
    "body", [b"100644 name", b"100644 name\0short", b"9 n\0" + b"1" * 20, b"\0"]
)
def test_a_tree_that_is_cut_off_is_damage(body: bytes) -> None:
    with pytest.raises(CorruptPack):
        list(parse_tree("0" * 40, body))


def test_a_tag_of_nothing_is_damage() -> None:
    with pytest.raises(CorruptPack):
        parse_tag("0" * 40, b"type commit\ntag v1\n\nx")


def test_an_object_that_is_nowhere_is_missing(folder: Path) -> None:
    with pytest.raises(MissingObject):
        Git(str(folder)).commit("1" * 40)
