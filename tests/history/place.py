"""A repository, and Git looking into it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from mvc.history.context import Context
from mvc.repository import Repository


@dataclass(frozen=True)
class Place:
    """A repository, and Git looking into it."""

    repository: Repository
    root: Path

    @property
    def context(self) -> Context:
        return self.repository._context

    def commit(self, text: str) -> str:
        (self.root / "file.txt").write_text(text)
        self.repository.add(["file.txt"])
        return self.repository.commit(text).id

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", f"--git-dir={self.repository.folder}", *words],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout
