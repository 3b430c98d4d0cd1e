"""A Git repository with weights in it, and the hook: in this process for speed, or as Git starts it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli.terminal import safetensors

from hooks import script
from hooks.weight_hashes import NAME
from mvc.errors import MvcError

Tensors = Mapping[str, list[float]]


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


class WeightsRepo:
    def __init__(self, root: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.capture = capture

    def git(self, *words: str) -> str:
        """A Git command that must succeed; what it printed."""
        done = self.try_git(*words)
        assert done.code == 0, (words, done)
        return done.out

    def try_git(self, *words: str) -> Done:
        done = subprocess.run(
            ["git", *words], cwd=self.root, capture_output=True, text=True, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def hook(self, *arguments: str) -> Done:
        """The hook in this process."""
        self.capture.readouterr()
        try:
            code, extra = script.main(arguments), ""
        except MvcError as error:
            code, extra = error.exit_code, f"error: {error.message}\nhint: {error.hint}\n"
        captured = self.capture.readouterr()
        return Done(code, captured.out, captured.err + extra)

    def write(self, name: str, tensors: Tensors | bytes, **metadata: str) -> Path:
        """A file: bytes, or F32 vectors as safetensors."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = tensors if isinstance(tensors, bytes) else safetensors(tensors, **metadata)
        path.write_bytes(data)
        return path

    def add(self, name: str, tensors: Tensors | bytes, **metadata: str) -> None:
        """``write`` and ``git add``."""
        self.write(name, tensors, **metadata)
        self.git("add", name)

    def settle(self, *arguments: str) -> None:
        """Commit what is staged, with hashes that say so."""
        self.hook(*arguments)
        if (self.root / NAME).exists():
            self.git("add", NAME)
        done = self.hook(*arguments)
        assert done.code == 0, done
        self.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "settled")

    def hashes(self) -> dict[str, Any]:
        """The files of ``.weight_hashes.json``."""
        files: dict[str, Any] = json.loads((self.root / NAME).read_bytes())["files"]
        return files

    def age(self, name: str) -> None:
        """Make the file look settled: long unchanged."""
        os.utime(self.root / name, (1_600_000_000, 1_600_000_000))
