"""Repositories with garbage in them, and what is asked of them after a collection."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

from worktree.work import safetensors

import mvc
from mvc.history.files import chunks
from mvc.history.git import Git
from mvc.history.refs import Refs
from mvc.history.snapshot import Snapshot
from mvc.repository import Repository

WHO = ("Ada", "ada@example.org")


def save(repository: Repository, seed: int, path: str = "m.safetensors") -> None:
    """A model of which one tensor follows from ``seed`` and one is always the same."""
    own = random.Random(seed).randbytes(3000)
    tensors = {"own": ("U8", [3000], own), "same": ("U8", [500], b"s" * 500)}
    Path(repository.root, path).write_bytes(safetensors(tensors))


def commit(repository: Repository, seed: int, **options: bool) -> str:
    save(repository, seed)
    Path(repository.root, "notes.txt").write_text(f"notes {seed}\n")
    repository.add(["m.safetensors", "notes.txt"])
    return repository.commit(f"seed {seed}", **options).id


def reopened(repository: Repository) -> Repository:
    """As another process has it, which remembers nothing."""
    return mvc.open(repository.root, who=WHO)


def git(repository: Repository, *words: str) -> str:
    command = ["git", f"--git-dir={repository.folder}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def reached(repository: Repository, *, logs: bool = True) -> set[str]:
    """Every Git object that refs (and reflogs) reach, as Git itself says."""
    words = ["--all", "--reflog"] if logs else ["--all"]
    lines = git(repository, "rev-list", "--objects", *words).splitlines()
    stage = Refs(repository.folder).raw("refs/mvc/stage")  # names a tree: rev-list leaves such out
    lines += git(repository, "ls-tree", "-r", "-t", stage).splitlines() if stage else []
    return {part for line in lines for part in line.split() if len(part) == 40}


def contents(repository: Repository) -> dict[str, dict[str, bytes]]:
    """The files of every commit that refs, reflogs or operations name or reach."""
    context = reopened(repository)._context
    tips = {*context.refs.list("refs/").values()}
    tips |= {move.new for move in repository.reflog("HEAD")}
    for operation in context.operations.walk():
        tips |= {v for c in operation.changes for v in (c.old, c.new) if v}
    commits = [tip for tip in tips if len(tip) == 40 and context.git.kind(tip) == "commit"]
    found = {}
    for id_ in Git(repository.folder).walk(commits):
        snapshot = Snapshot.of_tree(context.git, context.git.commit(id_).tree)
        found[id_] = {p: b"".join(map(bytes, chunks(context, snapshot, p))) for p in snapshot}
    return found


def check(repository: Repository) -> None:
    """mvc and Git find nothing wrong."""
    findings = [f for f in reopened(repository).upkeep.fsck(full=True) if not f.harmless]
    assert not findings, findings
    assert not git(repository, "fsck", "--strict", "--no-dangling", "--no-progress")


def files(repository: Repository) -> dict[str, int]:
    """Every file below ``.mvc`` but empty locks, with its size."""
    found = {}
    for place, _, names in os.walk(repository.folder):
        for name in names:
            path = os.path.join(place, name)
            if os.path.getsize(path):
                found[os.path.relpath(path, repository.folder)] = os.path.getsize(path)
    return found


def stored(repository: Repository) -> int:
    """Bytes of the store's packs."""
    return sum(n for path, n in files(repository).items() if path.startswith("store/packs"))


def age(repository: Repository, days: float) -> None:
    """Let every file have been written that long ago."""
    for path in files(repository):
        place = os.path.join(repository.folder, path)
        then = os.path.getmtime(place) - days * 86_400
        os.utime(place, (then, then))
