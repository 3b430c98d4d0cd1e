"""``bisect`` against Git's own: of the same history the same answers lead to the same commits and words."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import mvc
from mvc.cli.app import main

FILES = ("one.txt", "two.txt", "deep/three.txt")
PEOPLE = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
}
SEEDS = range(8)
MORE = range(100, 400)


@dataclass(frozen=True)
class Said:
    code: int
    out: str


class Both:
    """One history in a repository of Git's and one of mvc's: commits have the same ids in both."""

    def __init__(
        self,
        folder: Path,
        patch: pytest.MonkeyPatch,
        capture: pytest.CaptureFixture[str],
        program: str,
    ) -> None:
        self.environment = {**os.environ, **PEOPLE, "HOME": str(folder), "TZ": "UTC"}
        self.environment |= {"GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        for name, value in self.environment.items():
            patch.setenv(name, value)
        self._capture = capture
        self.root, self.work = folder / "git", folder / "mvc"
        self.root.mkdir()
        self.work.mkdir()
        self._run("init", "-q", "-b", "main")
        self._run("fast-import", "--quiet", "--force", text=program)
        self._run("reset", "-q", "--hard", "main")
        patch.chdir(self.work)
        repository = mvc.init(str(self.work), who=("Ada", "ada@example.org"))
        bare = f"--git-dir={repository.folder}"
        self._run(bare, "fetch", "-q", str(self.root), "refs/heads/main:refs/heads/main", "-u")
        repository.reset("main", mode="hard")
        lines = self._run("rev-list", "--topo-order", "--parents", "main").out.splitlines()
        self.commits = [line.split()[0] for line in lines]
        self._below: dict[str, set[str]] = {}
        for id_, *parents in map(str.split, reversed(lines)):
            self._below[id_] = {id_}.union(*(self._below[parent] for parent in parents))
        self.transcript: list[str] = []

    def _run(self, *words: str, text: str | None = None) -> Said:
        done = subprocess.run(
            ["git", *words],
            cwd=self.root,
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        return Said(done.returncode, done.stdout)

    def reaches(self, above: str, below: str) -> bool:
        return below in self._below[above]

    def step(self, *words: str) -> Said:
        """Type it in both; they must say and do the same."""
        theirs = self._run("bisect", *words)
        self._capture.readouterr()
        code = main(["bisect", *words])
        ours = Said(code, self._capture.readouterr().out)
        self.transcript.append(f"bisect {' '.join(words)} -> {theirs.code}\n{theirs.out}")
        told = "\n".join(self.transcript)
        assert _comparable(theirs.out) == _comparable(ours.out), f"{told}\nmvc {ours}"
        assert (theirs.code == 0) == (ours.code == 0), f"{told}\nmvc {ours}"
        if theirs.code in (2, 3, 4):
            assert ours.code == theirs.code, told
        assert self.head() == mvc.open(".").head, told
        return theirs

    def head(self) -> str:
        return self._run("rev-parse", "HEAD").out.strip()

    def log(self) -> tuple[str, str]:
        self._capture.readouterr()
        main(["bisect", "log"])
        ours = self._capture.readouterr().out
        return self._run("bisect", "log").out.replace("git bisect", "mvc bisect"), ours


def _comparable(text: str) -> list[str]:
    """What is said, up to where the commit that was found is shown in each tool's own way."""
    lines = text.splitlines()
    ends = [at for at, line in enumerate(lines) if " is the first " in line]
    return lines[: ends[0] + 1] if ends else lines


def history(chance: random.Random) -> str:
    """A random one, as ``git fast-import`` reads it: branches, merges, octopuses, clocks that stand still."""
    clock, lines, heads = 1_700_000_000, [], [1]
    size = chance.randint(3, 40)
    merging = chance.choice((0.0, 0.1, 0.35))
    for number in range(1, size + 1):
        clock += chance.choice((0, 1, 60, 60, 60)) if chance.random() > 0.05 else -200
        parents: list[int] = []
        if number > 1:
            parents = [chance.choice(heads[-4:])]
            if chance.random() < merging:
                parents += chance.sample(
                    range(1, number), min(chance.choice((1, 1, 2)), number - 1)
                )
            parents = list(dict.fromkeys(parents))
        lines += ["commit refs/heads/main", f"mark :{number}"]
        lines += [f"committer Ada <ada@example.org> {clock} +0000", "data <<E", f"c{number}", "E"]
        lines += [f"{'from' if not at else 'merge'} :{mark}" for at, mark in enumerate(parents)]
        for path in chance.sample(FILES, chance.choice((1, 1, 2))):
            lines += [f"M 100644 inline {path}", "data <<E", f"{number}", "E"]
        if not parents and number > 1:
            lines.insert(-1, "")
        heads = [*heads, number] if chance.random() < 0.5 else [number]
    lines += ["reset refs/heads/main", f"from :{size}", ""]
    return "\n".join(lines) + "\n"


def play(both: Both, chance: random.Random) -> str:
    """Search for a random commit, some of which can't be tested; gives the last words."""
    first_bad = chance.choice(both.commits)
    bad = both.commits[0]

    def is_bad(id_: str) -> bool:
        return both.reaches(id_, first_bad)

    fine = [id_ for id_ in both.commits if not is_bad(id_)]
    if not fine or not is_bad(bad):
        return ""
    goods = chance.sample(fine, min(len(fine), chance.choice((1, 1, 2))))
    flaky = {id_ for id_ in both.commits if chance.random() < chance.choice((0.0, 0.0, 0.3))}
    options: list[str] = []
    if chance.random() < 0.2:
        options.append("--first-parent")
    words = ("bad", "good")
    if chance.random() < 0.2:
        words = ("fast", "slow")
        options += ["--term-new=fast", "--term-old", "slow"]
    paths = ["--", chance.choice((*FILES, "deep"))] if chance.random() < 0.3 else []
    said = both.step("start", *options, bad, *goods, *paths)
    for _ in range(60):
        if not said.out.rsplit("\n", 2)[-2:][0].startswith("["):
            break
        here = both.head()
        if here in flaky:
            said = both.step("skip")
        else:
            said = both.step(words[0] if is_bad(here) else words[1])
        if chance.random() < 0.1 and said.code == 0 and "first" not in said.out:
            both.step("next")
    else:
        raise AssertionError("it never ends")
    theirs, ours = both.log()
    assert theirs.splitlines() == ours.splitlines()
    return said.out


@pytest.fixture
def game(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[int], str]:
    def run(seed: int) -> str:
        chance = random.Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        return play(Both(folder, monkeypatch, capsys, history(chance)), chance)

    return run


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_answers_lead_to_the_same_commits(game: Callable[[int], str], seed: int) -> None:
    game(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MORE)
def test_more_of_the_same(game: Callable[[int], str], seed: int) -> None:
    game(seed)
