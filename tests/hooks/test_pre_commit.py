"""The real pre-commit, in real repositories, running the hook as Git starts it. Nothing is downloaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from weights_repo import Done, WeightsRepo

from hooks.pre_commit_config import NAME as CONFIG
from hooks.pre_commit_config import added
from hooks.weight_hashes import NAME

A = {"bias": [1.0, 2.0], "weight": [3.0, 4.0, 5.0]}
B = {**A, "bias": [1.0, 9.0]}
ROOT = Path(__file__).resolve().parents[2]

# Beside this interpreter, as the fixture looks for it: no shell needs to have entered the environment.
_PROGRAMS = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
PRE_COMMIT = shutil.which("pre-commit", path=_PROGRAMS) or ""
pytestmark = pytest.mark.skipif(not PRE_COMMIT, reason="needs pre-commit")


class Committing:
    """Commits with pre-commit installed."""

    def __init__(self, repo: WeightsRepo) -> None:
        self.repo = repo

    def commit(self, *words: str) -> Done:
        return self.repo.try_git("commit", "-m", "x", *words)

    def refused(self, *words: str) -> str:
        head = self.repo.try_git("rev-parse", "HEAD").out
        done = self.commit(*words)
        assert done.code == 1, done
        assert self.repo.try_git("rev-parse", "HEAD").out == head
        return done.text

    def made(self, *words: str) -> None:
        """A commit that holds the hashes of all its weights."""
        done = self.commit(*words)
        assert done.code == 0, done
        assert self.repo.git("status", "--porcelain", "--untracked-files=no") == ""

    def pre_commit(self, *words: str) -> Done:
        done = subprocess.run(
            [PRE_COMMIT, *words], cwd=self.repo.root, capture_output=True, text=True, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``pre-commit install`` writes."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    words = [PRE_COMMIT, "install", "-t", "pre-commit", "-t", "pre-merge-commit"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return folder / ".git" / "hooks"


@pytest.fixture
def work(repo: WeightsRepo, installed: Path) -> Committing:
    repo.add(CONFIG, added("").encode())
    shutil.copytree(installed, repo.root / ".git" / "hooks", dirs_exist_ok=True)
    repo.git("commit", "-q", "--no-verify", "-m", "Configure")
    return Committing(repo)


def test_add_change_rename_delete(work: Committing) -> None:
    repo = work.repo
    repo.add("m.safetensors", A)
    assert "new      m.safetensors (164 B, 2 tensors)" in work.refused()
    text = work.refused()  # the file is new: forgetting to add it must not let the commit pass
    assert f"{NAME} is not in Git yet" in text
    repo.git("add", NAME)
    work.made()

    repo.add("m.safetensors", B)
    assert "changed  m.safetensors: weights only, 1 changed of 2 tensors" in work.refused()
    repo.settle()
    repo.git("mv", "m.safetensors", "n.safetensors")
    assert "renamed  m.safetensors -> n.safetensors" in work.refused()
    repo.settle()
    repo.git("rm", "-q", "n.safetensors")
    assert "deleted  n.safetensors" in work.refused()


@pytest.mark.slow
def test_a_repository_without_weights_notices_nothing(work: Committing) -> None:
    work.repo.add("code.py", b"print()\n")
    work.made()
    assert not (work.repo.root / NAME).exists()


def test_what_is_not_staged_is_put_aside_and_back(work: Committing) -> None:
    repo = work.repo
    repo.add("m.safetensors", A)
    repo.settle()
    path = repo.write("m.safetensors", B)
    repo.add("code.py", b"print()\n")
    assert repo.try_git("commit", "-m", "code alone").code == 0
    assert repo.git("status", "--porcelain") == " M m.safetensors\n"
    data = path.read_bytes()
    assert "changed  m.safetensors" in work.refused("-a")
    repo.git("add", NAME)
    work.made("-a")
    assert path.read_bytes() == data


def test_a_clean_merge_that_joins_weights(work: Committing) -> None:
    """Two branches change two files; the hashes merge line by line, and the hook agrees."""
    repo = work.repo
    repo.add("a.safetensors", A)
    repo.add("z.safetensors", A)
    repo.settle()
    repo.git("switch", "-q", "-c", "side")
    repo.add("z.safetensors", B)
    repo.settle()
    repo.git("switch", "-q", "main")
    repo.add("a.safetensors", B)
    repo.settle()
    done = repo.try_git("merge", "--no-edit", "side")
    assert done.code == 0, done
    assert "weight hashes" in done.text  # as pre-merge-commit
    assert repo.hook("--check").text == ""


def test_a_conflicted_merge(work: Committing) -> None:
    """Both sides add weights at the same place: the hashes are made anew from the files."""
    repo = work.repo
    repo.git("switch", "-q", "-c", "side")
    repo.add("side.safetensors", A)
    repo.settle()
    repo.git("switch", "-q", "main")
    repo.add("main.safetensors", B)
    repo.settle()
    assert "CONFLICT" in repo.try_git("merge", "side").out
    assert b"<<<<<<<" in (repo.root / NAME).read_bytes()
    done = repo.hook()
    assert "has conflict markers: made anew" in done.err
    repo.git("add", NAME)
    work.made()
    assert sorted(repo.hashes()) == ["main.safetensors", "side.safetensors"]


@pytest.mark.slow
def test_markers_that_were_staged_are_refused(work: Committing) -> None:
    repo = work.repo
    repo.add("m.safetensors", A)
    repo.settle()
    good = (repo.root / NAME).read_bytes()
    repo.add(NAME, b"<<<<<<< HEAD\n" + good + b"=======\n>>>>>>> side\n")
    assert "has conflict markers: made anew" in work.refused()
    assert (repo.root / NAME).read_bytes() == good


def test_all_files_and_a_fresh_clone(
    work: Committing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = work.repo
    repo.add("m.safetensors", A)
    done = work.pre_commit("run", "--all-files")
    assert (done.code, "new      m.safetensors" in done.out) == (1, True)
    repo.settle()

    repo.git("clone", "-q", ".", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    clone = Committing(WeightsRepo(tmp_path / "clone", repo.capture))
    assert clone.pre_commit("run", "--all-files").code == 0
    assert clone.repo.hook("--check").text == ""
    clone.repo.add("m.safetensors", B)
    done = clone.pre_commit("run", "--all-files")
    assert (done.code, "changed  m.safetensors" in done.out) == (1, True)


@pytest.mark.slow
def test_skip_is_the_way_past(work: Committing, monkeypatch: pytest.MonkeyPatch) -> None:
    work.repo.add("m.safetensors", A)
    monkeypatch.setenv("SKIP", "weight-hashes")
    work.made()
    monkeypatch.delenv("SKIP")
    assert work.repo.hook("--check").code == 1


def test_the_hooks_for_others_are_valid() -> None:
    done = subprocess.run(
        [PRE_COMMIT, "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_another_repository_gets_it_from_this_one(
    repo: WeightsRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pre-commit installs the hook from this repository into an environment of its own."""
    repo.add("m.safetensors", A)
    monkeypatch.setenv("PIP_CONSTRAINT", str(ROOT / "constraints.txt"))
    done = Committing(repo).pre_commit("try-repo", str(ROOT), "weight-hashes", "--all-files")
    assert done.code == 1, done
    assert "new      m.safetensors (164 B, 2 tensors)" in done.out
