"""``.mvcignore`` means what the same lines mean in a ``.gitignore``."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worktree.work import Work, scratch

from mvc.errors import UsageError
from mvc.worktree.ignore import is_path_ignored
from mvc.worktree.scan import scan, untracked

FILES = [
    *("a.pt", "b.bin", "keep.pt", "build/x.bin", "build/keep.pt", "sub/a.pt", "sub/build/y.bin"),
    *("sub/deep/b.bin", "sub/deep/keep.pt", "sub/#odd", "sub/!odd"),
]
PATTERNS = [
    *(
        "*.pt",
        "!keep.pt",
        "build/",
        "/build/",
        "build/*",
        "/a.pt",
        "sub",
        "sub/**/b.bin",
        "**/deep",
    ),
    *("# comment", "", "[ab].*", "deep/", r"\#odd", r"\!odd", "sub/*", "!sub/deep/", "?.bin"),
]


def lines() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(PATTERNS), max_size=4)


@settings(max_examples=40)
@given(lines(), lines())
def test_it_agrees_with_git(top: list[str], below: list[str]) -> None:
    with scratch() as work:
        for path in FILES:
            work.write(path, "x")
        for name in (".mvcignore", ".gitignore"):
            work.write(name, "\n".join(top))
            work.write(f"sub/{name}", "\n".join(below))
        subprocess.run(["git", "init", "-q", work.root], check=True)
        listed = subprocess.run(
            ["git", "-C", work.root, "ls-files", "-z", "--others", "--exclude-standard"],
            check=True,
            capture_output=True,
        )
        (work.root / ".git").rename(work.root.parent / "aside")
        wanted = {name for name in listed.stdout.decode().split("\0") if name in FILES}

        found = untracked(str(work.root), (), collapse=False).paths
        assert {path for path in found if path in FILES} == wanted
        assert {p for p in FILES if not is_path_ignored(str(work.root), p)} == wanted


def test_an_ignored_file_is_named_and_force_takes_it(work: Work) -> None:
    work.write(".mvcignore", "*.tmp\nout/\n")
    work.write("out/m.pt", "x")
    work.write("a.tmp", "x")
    root = str(work.root)
    for path in ("a.tmp", "out/m.pt"):
        with pytest.raises(UsageError, match="ignored") as caught:
            scan(root, [path], tracked=())
        assert caught.value.hint is not None
        assert "add -f" in caught.value.hint
        assert scan(root, [path], tracked=(), force=True) == [path]
    assert scan(root, [""], tracked=()) == [".mvcignore"]
    assert scan(root, [""], tracked=(), force=True) == [".mvcignore", "a.tmp", "out/m.pt"]


def test_a_tracked_file_stays_tracked_whatever_is_ignored(work: Work) -> None:
    work.write(".mvcignore", "*")
    work.write("m.pt", "x")
    assert scan(str(work.root), [""], tracked=["m.pt"]) == ["m.pt"]
    assert scan(str(work.root), ["m.pt"], tracked=["m.pt"]) == ["m.pt"]
    assert untracked(str(work.root), ["m.pt"]).paths == []


def test_the_rules_above_a_folder_count_in_it(work: Work) -> None:
    work.write(".mvcignore", "*.tmp\n")
    work.write("sub/.mvcignore", "!keep.tmp\n")
    for name in ("a.tmp", "keep.tmp"):
        work.write(f"sub/inner/{name}", "x")
    assert scan(str(work.root), ["sub/inner"], tracked=()) == ["sub/inner/keep.tmp"]


def test_a_pattern_that_is_none_is_an_error_that_says_where(work: Work) -> None:
    work.write("sub/.mvcignore", "!\n")
    work.write("sub/m.pt", "x")
    with pytest.raises(UsageError, match=r"sub/\.mvcignore"):
        untracked(str(work.root), ())


def test_a_linked_ignore_file_is_not_followed(work: Work) -> None:
    (work.root.parent / "rules").write_text("*")
    (work.root / ".mvcignore").symlink_to(work.root.parent / "rules")
    work.write("m.pt", "x")
    assert untracked(str(work.root), ()).paths == ["m.pt"]
