"""Hostile input, end to end: each case has its verdict; nothing runs, leaks out, grows or breaks (P7)."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FAMILIES = [
    "safetensors_cases",
    "name_cases",
    "pickle_cases",
    "tensor_cases",
    "zip_cases",
    "tree_cases",
    "history_cases",
    "object_cases",
]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and special files of Linux")


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory, where there is such a place."""
    memory = "/dev/shm"
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="mvc-corpus-", dir=place) as made:
        yield Path(made)


def verdicts(family: str, folder: Path, *how: str) -> dict[str, list[str]]:
    """What is wrong with each case of the family."""
    work = folder / "work"
    work.mkdir()
    home = folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(HERE.parents[1]),
    }
    report = folder / "report.json"
    done = subprocess.run(
        [sys.executable, str(HERE / "child.py"), family, str(work), str(report), *how],
        env={**environment, "GIT_CONFIG_NOSYSTEM": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stderr
    found: dict[str, list[str]] = json.loads(report.read_text())
    if done.returncode:
        found["the child"] = [f"exit {done.returncode}", done.stderr[-2000:]]
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_every_case_gets_its_verdict_and_nothing_else_happens(family: str, folder: Path) -> None:
    found = verdicts(family, folder)
    assert not {name: problems for name, problems in found.items() if problems}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_no_verb_breaks_on_it_and_what_is_kept_comes_back(family: str, folder: Path) -> None:
    found = verdicts(family, folder, "full")
    assert not {name: problems for name, problems in found.items() if problems}


def test_there_are_cases_enough() -> None:
    sizes = {name: len(importlib.import_module(f"corpus.{name}").CASES) for name in FAMILIES}
    assert sum(sizes.values()) >= 250, sizes
