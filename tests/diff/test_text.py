"""Text diffs are those of Git itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.diff.text import header, quoted, text_diff

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "- x", "\r", "é\x0b"]), max_size=12)
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


def git_diff(folder: Path, old: str, new: str) -> list[str]:
    """What ``git diff`` prints from its ``---`` line on."""
    for name, text in (("old", old), ("new", new)):
        (folder / name).write_text(text, newline="", encoding="utf-8")
    done = subprocess.run(
        ["git", "diff", "--no-index", "--no-color", "--diff-algorithm=myers", "old", "new"],
        cwd=folder,
        capture_output=True,
        check=False,
        env={
            "PATH": "/usr/bin:/bin:/usr/local/bin",
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": str(folder),
        },
    )
    text = done.stdout.decode("utf-8")
    return text[text.index("--- ") :].removesuffix("\n").split("\n") if "--- " in text else []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("a\nb", "a\nb\n"),
        ("a\nb\n", "a\nb"),
        ("a", "b"),
        ("".join(f"{n}\n" for n in range(40)), "".join(f"{n}\n" for n in range(40) if n % 17)),
    ],
)
def test_hunks_are_those_of_git(old: str, new: str, tmp_path: Path) -> None:
    diff = text_diff(old.encode(), new.encode(), "old", "new")
    assert diff is not None
    assert list(diff.lines) == git_diff(tmp_path, old, new)


def test_the_last_lines_newline_is_noted() -> None:
    diff = text_diff(b"a\n", b"a", "x", "x")
    assert diff is not None
    assert diff.lines == (
        *("--- a/x", "+++ b/x", "@@ -1 +1 @@", "-a", "+a"),
        "\\ No newline at end of file",
    )
    assert (diff.insertions, diff.deletions) == (1, 1)


@given(TEXTS, TEXTS)
def test_the_diff_applied_to_the_old_text_gives_the_new(old: str, new: str) -> None:
    diff = text_diff(old.encode(), new.encode(), "x", "x")
    assert diff is not None
    assert apply(old, diff.lines) == new


def apply(old: str, lines: tuple[str, ...]) -> str:
    """A strict patch: context and removed lines must be where the hunks say."""
    source = old.split("\n")
    source = [line + "\n" for line in source[:-1]] + ([source[-1]] if source[-1] else [])
    result: list[str] = []
    place = 0
    body = list(lines[2:])
    for number, line in enumerate(body):
        if line.startswith("@@ "):
            start, _, count = line.split(" ")[1][1:].partition(",")
            target = int(start) - (count != "0")
            result += source[place:target]
            place = target
        elif not line.startswith("\\ "):
            bare = number + 1 < len(body) and body[number + 1].startswith("\\ ")
            text = line[1:] + ("" if bare else "\n")
            if line[0] in " -":
                assert source[place] == text
                place += 1
            if line[0] in " +":
                result.append(text)
    return "".join(result + source[place:])


def test_an_added_and_a_deleted_file_have_no_other_side() -> None:
    added = text_diff(None, b"a\n", "x", "x")
    deleted = text_diff(b"a\n", None, "x", "x")
    assert added is not None
    assert deleted is not None
    assert added.lines == ("--- /dev/null", "+++ b/x", "@@ -0,0 +1 @@", "+a")
    assert deleted.lines == ("--- a/x", "+++ /dev/null", "@@ -1 +0,0 @@", "-a")


def test_equal_text_has_no_lines() -> None:
    diff = text_diff(b"a\n", b"a\n", "x", "y")
    assert diff is not None
    assert diff.lines == ()


def test_what_git_calls_binary_has_no_text_diff() -> None:
    assert text_diff(b"a\0", b"b", "x", "x") is None
    assert text_diff(None, b"\xff\xfe", "x", "x") is None


def test_many_changed_lines_are_no_trouble() -> None:
    old = "".join(f"{n * 7919 % 100003}\n" for n in range(50_000))
    new = "".join(f"{n * 104729 % 100003}\n" for n in range(50_000))
    diff = text_diff(old.encode(), new.encode(), "x", "x")
    assert diff is not None
    assert apply(old, diff.lines) == new


def test_headers_are_those_of_git() -> None:
    assert header("x", "x", 0o100644, 0o100644) == ("diff --git a/x b/x",)
    assert header("x", "x", None, 0o100755)[1] == "new file mode 100755"
    assert header("x", "x", 0o100644, None)[1] == "deleted file mode 100644"
    assert header("x", "x", 0o100644, 0o100755)[1:] == ("old mode 100644", "new mode 100755")
    renamed = header("x", "d/y", 0o100644, 0o100644, renamed=True)
    assert renamed == (
        "diff --git a/x b/d/y",
        "similarity index 100%",
        "rename from x",
        "rename to d/y",
    )


def test_paths_are_quoted_as_git_does() -> None:
    assert quoted("a/ü") == '"a/\\303\\274"'
    assert quoted('say "x"') == '"say \\"x\\""'
    assert quoted("plain name") == "plain name"
    diff = text_diff(b"a", b"b", "a b", "c")
    assert diff is not None
    assert diff.lines[:2] == ("--- a/a b\t", "+++ b/c")
