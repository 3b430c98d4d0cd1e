"""The drawing of ``log --graph`` against Git's own, over histories of every shape."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from cli.terminal import Terminal

from mvc.history.gitobjects import EMPTY_TREE, ObjectWriter
from mvc.history.signature import Signature
from mvc.ids import CommitId
from mvc.store.fs import Disk


def grow(terminal: Terminal, parents: list[list[int]]) -> None:
    """A history whose commit n has the commits ``parents[n]``; each end is a branch, the last is HEAD."""
    folder = terminal.root / ".mvc"
    writer = ObjectWriter(str(folder / "objects"), Disk())
    writer.tree([])
    ids: list[CommitId] = []
    for number, above in enumerate(parents):
        who = Signature("Ada", "ada@example.org", 1_700_000_000 + 60 * number)
        chosen = [ids[n] for n in dict.fromkeys(above)]
        ids.append(writer.commit(EMPTY_TREE, chosen, who, who, f"c{number}\n"))
    writer.flush()
    ends = set(range(len(parents))) - {n for above in parents for n in above}
    for end in ends:
        (folder / "refs" / "heads" / f"b{end}").write_text(f"{ids[end]}\n")
    (folder / "HEAD").write_text(f"ref: refs/heads/b{len(parents) - 1}\n")


def drawn_by_git(root: Path, *words: str) -> list[str]:
    options = ["--no-decorate", "--no-color", "--graph", "--format=%s", *words]
    done = subprocess.run(
        ["git", "--git-dir=.mvc", "log", *options],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.rstrip() for line in done.stdout.splitlines()]


def drawn(terminal: Terminal, *words: str) -> list[str]:
    """What ``log`` draws, each commit by its subject alone."""
    lines = []
    for line in terminal("log", "--graph", "--oneline", *words).splitlines():
        mark, star, rest = line.partition("* " if "*-" not in line else ". ")
        subject = rest.rsplit(" ", 1)[-1]
        blanks = rest[: len(rest) - len(rest.lstrip(r"|\/_ "))]
        lines.append(f"{mark}{star}{blanks}{subject}" if star else line)
    return lines


SHAPES = {
    "line": [[], [0], [1]],
    "two roots": [[], [], [0, 1]],
    "parted": [[], [0], [0], [1]],
    "merged": [[], [0], [0], [1, 2]],
    "octopus": [[], [0], [0], [0], [1, 2, 3], [4]],
    "octopus beside lines": [[], [0], [0], [0], [0], [1, 2, 3], [0], [4], [5, 6]],
    "criss-cross": [[], [0], [0], [1, 2], [2, 1], [3, 4]],
    "merge into the left": [[], [0], [1], [0], [3, 2], [2, 4], [4, 5]],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_drawn_as_git_draws_it(terminal: Terminal, shape: str) -> None:
    grow(terminal, SHAPES[shape])
    assert drawn(terminal, "--all") == drawn_by_git(terminal.root, "--all")


@pytest.mark.parametrize("seed", range(12))
def test_any_history_is_drawn_as_git_draws_it(terminal: Terminal, seed: int) -> None:
    dice = random.Random(seed)
    parents: list[list[int]] = [[]]
    for number in range(1, 40):
        count = dice.choice([0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4])
        near = range(max(0, number - 8), number)
        parents.append(dice.sample(near, min(count, len(near))))
    grow(terminal, parents)
    for words in (["--all"], [], ["-n", "7"], ["--first-parent"], ["b39", "^HEAD~1"]):
        assert drawn(terminal, *words) == drawn_by_git(terminal.root, *words), words
