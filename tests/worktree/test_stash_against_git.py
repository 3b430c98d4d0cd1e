"""The stash against Git's own: random work put aside and brought back by both, on text files."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from click import unstyle
from hypothesis import given, note, settings
from hypothesis import strategies as st

import mvc
from mvc.cli.rendering import short_status_lines
from mvc.errors import MvcError
from mvc.repository import Repository

WHO = ("Ada", "ada@example.org")
NAMES = ("a", "b", "d/x", "d/y")
Files = Mapping[str, str]

#: Lines far enough apart that changes of different ones merge.
TEXTS = tuple(
    "".join(
        f"{line}{mark}\n"
        for line, mark in zip("one two three four five".split(), marks, strict=True)
    )
    for marks in ((*"     ",), (*"!    ",), (*"    !",), (*"?    ",), (*"! ! !",))
)
files = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TEXTS), max_size=4)


@dataclass(frozen=True)
class Case:
    """HEAD, stage and work tree; then how the work is put aside, what HEAD becomes, and how it comes back."""

    head: Files
    stage: Files
    work: Files
    untracked: bool
    keep_index: bool
    later: Files
    index: bool


def comparable(case: Case) -> bool:
    """Not where mvc can do what Git can't, or Git goes half the way to a file that is in the way.

    With ``--index`` Git gives a new file back that was staged and then deleted, and patches the stage where
    mvc merges it. And it can't restore a file of HEAD that was off the stage but there, as it puts it aside
    both as a change and as an untracked file.
    """
    names = {*case.head, *case.stage, *case.work}
    added = any(n in case.stage and n not in case.head and n not in case.work for n in names)
    left = any(n in case.head and n not in case.stage and n in case.work for n in names)
    staged = {n for n in names if case.stage.get(n) != case.head.get(n)}
    merged = case.later and any(case.later.get(n) != case.head.get(n) for n in staged)
    new = {n for n in case.work if n not in case.head and n not in case.stage}
    blocked = not new.isdisjoint(case.later)
    return not (case.index and (added or merged)) and not (case.untracked and (left or blocked))


cases = st.builds(
    Case, files, files, files, st.booleans(), st.booleans(), files, st.booleans()
).filter(comparable)


class Git:
    def __init__(self, root: Path) -> None:
        self.root = root
        self("init", "-q", "-b", "main")

    def __call__(self, *words: str) -> str:
        return self.run(*words).stdout

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C",
            **{f"GIT_{role}_NAME": WHO[0] for role in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{role}_EMAIL": WHO[1] for role in ("AUTHOR", "COMMITTER")},
        }
        return subprocess.run(
            [
                "git",
                *"-c core.fsync=none -c merge.renames=false -c status.renames=false".split(),
                *words,
            ],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def stage(self) -> None:
        self("add", "-A")

    def commit(self, message: str) -> None:
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", message)

    def push(self, case: Case) -> str:
        flags = ["-u"] * case.untracked + ["-k"] * case.keep_index
        done = self.run("stash", "push", *flags)
        return "refused" if done.returncode else self("stash", "list")[:16]

    def pop(self, index: bool) -> str:
        done = self.run("stash", "pop", *["--index"] * index)
        conflicts = "CONFLICT" in done.stdout
        return "conflict" if conflicts else "refused" if done.returncode else "done"

    def state(self) -> set[tuple[str, str]]:
        lines = self("status", "--porcelain", "-uall").splitlines()
        return {(_code(line[:2]), line[3:]) for line in lines}


class Mvc:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.repository: Repository = mvc.init(str(root), who=WHO)

    def stage(self) -> None:
        self.repository.add(everything=True)

    def commit(self, message: str) -> None:
        self.repository.add(everything=True)
        self.repository.commit(message, allow_empty=True)

    def push(self, case: Case) -> str:
        untracked = "yes" if case.untracked else "no"
        with contextlib.suppress(MvcError):
            self.repository.stash.push(untracked=untracked, keep_index=case.keep_index)
            return "".join(f"stash@{{{n}}}: WIP on" for n, _ in enumerate(self.repository.stash))[
                :16
            ]
        return "refused"

    def pop(self, index: bool) -> str:
        try:
            self.repository.stash.pop(index=index)
        except MvcError:
            return "conflict" if self.repository.unfinished() else "refused"
        return "done"

    def state(self) -> set[tuple[str, str]]:
        lines = [*short_status_lines(self.repository.status())]
        found = {(line[:2], line[3:]) for line in map(unstyle, lines) if line[:2] != "??"}
        tracked = {*self.repository.staged(), *(path for code, path in found if code == "UU")}
        return found | {("??", path) for path in tree(self.root) if path not in tracked}


def _code(code: str) -> str:
    return "UU" if "U" in code or code in ("AA", "DD") else code


def tree(root: Path) -> dict[str, str]:
    found = {}
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name not in (".git", ".mvc")]
        for name in names:
            path = Path(folder, name)
            key = path.relative_to(root).as_posix()
            found[key] = path.read_text()
    return found


def save(root: Path, files: Files) -> None:
    for path in tree(root):
        (root / path).unlink()
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(exist_ok=True)
        # No two paths have a line in common, so nobody sees a rename: those are merge's affair.
        place.write_text("".join(f"{path} {line}" for line in text.splitlines(keepends=True)))


def played(tool: Git | Mvc, case: Case) -> Sequence[object]:
    """What is seen at each step; the two tools must agree on all of it."""
    save(tool.root, {**case.head, "base": "base\n"})
    tool.commit("one")
    save(tool.root, {**case.stage, "base": "base\n"})
    tool.stage()
    save(tool.root, {**case.work, "base": "base\n"})
    before = tool.state()
    pushed = tool.push(case)
    seen: list[object] = [before, pushed, tool.state(), tree(tool.root)]
    if pushed != "stash@{0}: WIP on"[:16]:
        return seen
    if case.later:
        save(tool.root, {**case.later, "base": "base\n"})
        tool.commit("two")
    before = tool.state()
    popped = tool.pop(case.index)
    assert popped != "refused" or tool.state() == before
    return [*seen, popped, tool.state(), tree(tool.root)]


@given(cases)
@settings(max_examples=15)
def test_what_git_does_with_work_put_aside_mvc_does(case: Case) -> None:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        roots = [Path(folder, name) for name in ("git", "mvc")]
        for root in roots:
            root.mkdir()
        theirs, ours = played(Git(roots[0]), case), played(Mvc(roots[1]), case)
    for their, our in zip(theirs, ours, strict=False):
        note(f"git: {their}\nmvc: {our}\n")
    assert ours == theirs
