from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from merge.world import World

WORDS = st.lists(st.sampled_from(["a", "b", "c", "", "=======", "x y"]), max_size=8)


def text(lines: list[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


def git_merge(
    folder: Path, base: bytes, ours: bytes, theirs: bytes, *more: str
) -> tuple[bytes, bool]:
    """Git's own verdict, by a real merge of two branches."""
    folder.mkdir(exist_ok=True)

    def git(*words: str) -> subprocess.CompletedProcess[bytes]:
        person = ["-c", "user.name=A", "-c", "user.email=a@b", "-c", "core.autocrlf=false"]
        return subprocess.run(
            ["git", *person, *words], cwd=folder, capture_output=True, check=False
        )

    git("init", "-q", "-b", "main", ".")
    file = folder / "f.txt"
    for branch, content in [("base", base), ("ours", ours), ("side", theirs)]:
        if branch != "base":
            git("checkout", "-q", "-b", branch, "base")
        else:
            git("checkout", "-q", "--orphan", "base")
        file.write_bytes(content)
        git("add", "f.txt")
        git("commit", "-q", "--allow-empty", "-m", branch)
    git("checkout", "-q", "ours")
    done = git("merge", "-q", "-m", "m", *more, "side")
    return file.read_bytes(), done.returncode == 0


@pytest.mark.parametrize("strategy", [None, "ours", "theirs"])
@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        (b"a\nb\nc\n", b"A\nb\nc\n", b"a\nb\nC\n"),
        (b"a\nb\nc\n", b"a\nB\nc\n", b"a\nX\nc\n"),
        (b"a\nb\nc\nd\ne\nf\ng\n", b"a\nB\nc\nd\ne\nf\nG\n", b"a\nX\nc\nd\ne\nf\ng\nh\n"),
        (b"a\nb\nc", b"a\nb\nC", b"a\nb\nX"),
        (b"a\nb\nc\n", b"a\nb\nC", b"a\nb\nX\n"),
        (b"a\r\nb\r\nc\r\n", b"a\r\nB\r\nc\r\n", b"a\r\nX\r\nc\r\n"),
        (b"a\nb\nc\n", b"", b"a\nX\nc\n"),
        ("ä\nö\n".encode(), "ä\nü\n".encode(), "ä\nß\n".encode()),
    ],
)
def test_text_merges_as_git_merges_it(
    world: World, tmp_path: Path, base: bytes, ours: bytes, theirs: bytes, strategy: str | None
) -> None:
    options = [f"-X{strategy}"] if strategy else []
    wanted, clean = git_merge(tmp_path / "git", base, ours, theirs, *options)
    merged = world.merge({"f": base}, {"f": ours}, {"f": theirs}, strategy)
    assert world.files(merged) == {"f": wanted}
    assert merged.conflicted != clean
    if not clean:
        assert merged.conflicts["f"].kind == "text"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(base=WORDS, ours=WORDS, theirs=WORDS)
def test_one_sided_and_equal_text_changes_are_taken(
    world: World, base: list[str], ours: list[str], theirs: list[str]
) -> None:
    b, o, t = (world.snapshot({"f": text(lines)}) for lines in (base, ours, theirs))
    assert world.files(world.merge(b, o, b)) == world.files(o)
    assert world.files(world.merge(b, b, t)) == world.files(t)
    assert world.files(world.merge(b, o, o)) == world.files(o)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(base=WORDS, ours=WORDS, theirs=WORDS, strategy=st.sampled_from(["ours", "theirs", "base"]))
def test_a_strategy_with_a_side_settles_every_text(
    world: World, base: list[str], ours: list[str], theirs: list[str], strategy: str
) -> None:
    merged = world.merge(*({"f": text(lines)} for lines in (base, ours, theirs)), strategy)
    assert not merged.conflicted
    assert b"<<<<<<<" not in world.files(merged)["f"]


def test_added_and_deleted_files_are_one_sided_changes(world: World) -> None:
    base = {"kept": b"k", "gone": b"g"}
    merged = world.merge(base, {"kept": b"k", "new": b"n"}, {**base, "other": b"o"})
    assert world.files(merged) == {"kept": b"k", "new": b"n", "other": b"o"}
    assert not merged.conflicted


@pytest.mark.parametrize(
    ("strategy", "files"),
    [
        (None, {"f": b"2"}),
        ("average", {"f": b"2"}),
        ("ours", {}),
        ("theirs", {"f": b"2"}),
        ("base", {"f": b"1"}),
    ],
)
def test_deleted_here_and_changed_there(
    world: World, strategy: str | None, files: dict[str, bytes]
) -> None:
    merged = world.merge({"f": b"1"}, {}, {"f": b"2"}, strategy)
    assert world.files(merged) == files
    assert merged.conflicted == (strategy in (None, "average"))
    if merged.conflicted:
        assert merged.conflicts["f"].kind == "delete-modify"
        assert merged.conflicts["f"].ours is None
        assert world.settle(merged, "f", "ours") == {"f": None}
        assert world.settle(merged, "f", "base") == {"f": b"1"}


def test_two_different_new_texts_conflict_as_in_git(world: World) -> None:
    merged = world.merge({}, {"f": b"same\nours\n"}, {"f": b"same\ntheirs\n"})
    assert merged.conflicts["f"].kind == "add-add"
    assert world.files(merged)["f"] == (
        b"same\n<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> side\n"
    )


@pytest.mark.parametrize("strategy", [None, "ours", "theirs", "base", "average"])
def test_bytes_that_both_changed_take_a_side_or_conflict(
    world: World, strategy: str | None
) -> None:
    sides = {"base": b"\0b", "ours": b"\0o", "theirs": b"\0t"}
    merged = world.merge(*({"f.gguf": data} for data in sides.values()), strategy)
    assert merged.conflicted == (strategy in (None, "average"))
    assert world.files(merged) == {"f.gguf": sides.get(strategy or "ours", b"\0o")}
    if merged.conflicted:
        assert merged.conflicts["f.gguf"].kind == "bytes"
        assert world.settle(merged, "f.gguf", "theirs") == {"f.gguf": b"\0t"}


def test_modes_merge_apart_from_contents(world: World) -> None:
    base, ours = world.snapshot({"f": b"1"}), world.snapshot({"f": b"1"}, executable=("f",))
    merged = world.merge(base, ours, world.snapshot({"f": b"2"}))
    assert merged.files["f"][0] == 0o100755
    assert world.files(merged) == {"f": b"2"}


def test_a_file_that_one_side_renamed_takes_the_other_sides_change(world: World) -> None:
    for ours, theirs in [({"new": b"1"}, {"old": b"2"}), ({"old": b"2"}, {"new": b"1"})]:
        merged = world.merge({"old": b"1"}, ours, theirs)
        assert world.files(merged) == {"new": b"2"}
        assert not merged.conflicted


def test_a_rename_to_different_names_keeps_both(world: World) -> None:
    merged = world.merge({"old": b"1"}, {"a": b"1"}, {"b": b"1"})
    assert world.files(merged) == {"a": b"1", "b": b"1"}


def test_a_file_in_the_way_of_a_folder_steps_aside(world: World) -> None:
    merged = world.merge({}, {"a": b"file"}, {"a/b": b"inner"})
    assert world.files(merged) == {"a~HEAD": b"file", "a/b": b"inner"}
    assert merged.conflicts["a~HEAD"].kind == "file-folder"


def test_unrelated_sides_merge_from_nothing(world: World) -> None:
    merged = world.merge(None, {"a": b"1"}, {"b": b"2"})
    assert world.files(merged) == {"a": b"1", "b": b"2"}
