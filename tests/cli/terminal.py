"""The command line in this process: fast, and with its exit code and both streams in hand."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from mvc.cli.app import main


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


class Terminal:
    """A folder to type commands in."""

    def __init__(self, root: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capture = capture

    def __call__(self, *words: str) -> str:
        """Run a command that must succeed; gives what it printed."""
        result = self.run(*words)
        assert result.code == 0, (words, result)
        return result.out

    def run(self, *words: str) -> Result:
        self._capture.readouterr()
        code = main(words)
        captured = self._capture.readouterr()
        return Result(code, captured.out, captured.err)

    def git(self, *words: str) -> str:
        """What Git itself prints of the same repository."""
        result = self.run_git(*words)
        assert result.code == 0, (words, result)
        return result.out

    def run_git(self, *words: str, given: str | None = None) -> Result:
        """A command of Git's own on the same repository."""
        command = ["git", "--git-dir=.mvc", *words]
        done = subprocess.run(
            command, cwd=self.root, input=given, capture_output=True, text=True, check=False
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def commit(self, message: str, **files: Mapping[str, list[float]]) -> str:
        """Commit models ``name → {tensor: values}``; gives the commit's id."""
        for name, tensors in files.items():
            self.write(f"{name}.safetensors", safetensors(tensors))
        self("add", "-A")
        self("commit", "-m", message)
        return self.head()

    def head(self) -> str:
        found: str = json.loads(self("log", "-n", "1", "--json"))["commits"][0]["id"]
        return found


def safetensors(tensors: Mapping[str, list[float]], **metadata: str) -> bytes:
    """A file of F32 vectors."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    body = b""
    for name, values in tensors.items():
        data = struct.pack(f"<{len(values)}f", *values)
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": offsets}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def values(file: Path) -> dict[str, tuple[float, ...]]:
    """The F32 vectors of a file."""
    data = file.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        found[name] = struct.unpack(
            f"<{(end - start) // 4}f", data[8 + size + start : 8 + size + end]
        )
    return found
