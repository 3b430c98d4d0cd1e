"""``.mvcignore`` means what the same lines mean in a ``.gitignore``."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worktree.work import Work, scratch

from mvc.errors import UsageError
from mvc.worktree.globs import pattern
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
    *("**", "/**", "**/", "sub/**", "**/build/**", "s*b/*/k?ep.pt", "*e*p*", "a.pt ", "[!a].bin"),
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


PARTS = ["a", "b", "ab", "aab", "A", "a]", "-", "\\", "a b", "*", "0"]
PIECES = [
    *(
        "a",
        "b",
        "*",
        "**",
        "?",
        "/",
        "/**/",
        "[ab]",
        "[!a]",
        "[^b]",
        "[a-b]",
        "[b-a]",
        "[]]",
        "[]a]",
        "[",
    ),
    *(
        "[[:alpha:]]",
        "[[:digit:][:upper:]]",
        "[a-",
        "[\\\\]",
        "\\*",
        "\\",
        "]",
        "-",
        " ",
        "!",
        "[--0]",
    ),
]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join))
@settings(max_examples=25)
def test_a_made_up_pattern_fits_what_it_fits_in_git(text: str) -> None:
    paths = [f"{one}/{two}" for one in PARTS for two in PARTS] + PARTS
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        (Path(folder) / ".gitignore").write_text(f"{text}\n")
        told = subprocess.run(
            ["git", "-C", folder, "check-ignore", "-z", "-v", "-n", "--stdin"],
            input="\0".join(paths).encode(),
            capture_output=True,
            check=False,
        ).stdout.decode()
    fields = told.split("\0")[:-1]
    wanted = {path for source, path in zip(fields[::4], fields[3::4], strict=True) if source}
    try:
        made = pattern(text)
    except ValueError:
        made = None
    if made is None:  # Git has no error for a lone "!"
        assert not wanted and text.rstrip(" ") in ("", "!")
        return

    def fits(path: str) -> bool:
        # Git tells of a path that one of its folders is ignored; mvc asks about the folder first.
        folder = path.split("/", maxsplit=1)[0] + "/" if "/" in path else None
        above = folder is not None and made.ignores and made.fits(folder)
        return above or made.fits(path)

    assert {path for path in paths if fits(path)} == wanted


@pytest.mark.parametrize(
    "text",
    ["*" * 90 + "z", "*a" * 60 + "b", "**/a/" * 60 + "z", "a*/**/" * 60 + "z", "?*" * 60 + "/"],
)
def test_no_pattern_takes_more_than_a_moment(text: str) -> None:
    made = pattern(text)
    assert made is not None
    for path in ("a" * 255, "a/" * 2000 + "b", ("a" * 200 + "/") * 20 + "c"):
        assert not made.fits(path)


def test_an_ignore_file_beyond_the_limit_is_refused(work: Work) -> None:
    work.write(".mvcignore", "a\n" * 200_000)
    with pytest.raises(UsageError, match="more than"):
        untracked(str(work.root), ())


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
