"""Terminals to type in: without a repository, and with one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cli.terminal import Terminal


@pytest.fixture
def bare_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """An empty folder, no configuration of anyone's, and no identity."""
    # What survives a power cut is tests/faults' affair; waiting for the disk would be most of the time.
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        for key in ("NAME", "EMAIL", "DATE"):
            monkeypatch.delenv(f"GIT_{role}_{key}", raising=False)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    return Terminal(work, capsys)


@pytest.fixture
def terminal(bare_terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A fresh repository, and an identity."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.org")
    bare_terminal("init")
    return bare_terminal


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the date of what is committed next."""

    def set_to(seconds: int) -> None:
        for role in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{role}_DATE", f"{seconds} +0000")

    return set_to
