"""What mvc is measured against: a plain durable copy, and Git LFS where it is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.measure import fresh, fresh_copy, mvc, run

MODEL = "model.safetensors"


def has_lfs() -> bool:
    """Whether Git and Git LFS can be run."""
    return bool(shutil.which("git") and shutil.which("git-lfs"))


def copy(model: Path, folder: Path) -> float:
    """``cp`` of a new file, and ``sync`` of the copy."""
    fresh_copy(model, fresh(folder) / MODEL)
    copied = run(["cp", MODEL, "copy"], folder)
    return copied.wall + run(["sync", "copy"], folder).wall


class Mvc:
    """A repository of mvc's with the model in it."""

    def __init__(self, model: Path, folder: Path) -> None:
        """An empty repository beside a new copy of the model."""
        self.folder = fresh(folder)
        run([*mvc(), "init"], folder)
        fresh_copy(model, folder / MODEL)

    def commit(self) -> float:
        """``add`` and ``commit``."""
        added = run([*mvc(), "add", MODEL], self.folder)
        return added.wall + run([*mvc(), "commit", "-m", "first"], self.folder).wall

    def restore(self) -> float:
        """Bring the file back after it was deleted."""
        (self.folder / MODEL).unlink()
        return run([*mvc(), "restore", MODEL], self.folder).wall


class Lfs:
    """A Git repository that keeps models with Git LFS."""

    def __init__(self, model: Path, folder: Path) -> None:
        """A repository that tracks the suffix, beside a new copy of the model."""
        self.folder = fresh(folder)
        for words in ("init -q", "lfs install --local", "lfs track *.safetensors"):
            run(["git", *words.split()], folder)
        fresh_copy(model, folder / MODEL)

    def commit(self) -> float:
        """``add`` and ``commit``."""
        added = run(["git", "add", ".gitattributes", MODEL], self.folder)
        return added.wall + run(["git", "commit", "-q", "-m", "first"], self.folder).wall

    def restore(self) -> float:
        """Bring the file back through the smudge filter after it was deleted."""
        (self.folder / MODEL).unlink()
        return run(["git", "checkout", "--", MODEL], self.folder).wall

    def lfs_checkout(self) -> float:
        """The same by Git LFS's own command."""
        (self.folder / MODEL).unlink()
        return run(["git", "lfs", "checkout", MODEL], self.folder).wall
