"""P1 for repair itself: a power cut at any point leaves a repository that repair puts right."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from faults.crash_states import FULL
from faults.harness import explore
from maintenance.ruins import (
    ADA,
    Contents,
    contents,
    each,
    findings,
    flip,
    lose,
    noise,
    overwrite,
    repair,
)

import mvc
from mvc.opening import open_damaged


def ruined(folder: Path) -> None:
    """A lost branch and HEAD, a torn reflog, damaged frames, tables and indexes."""
    lose(folder, "refs/heads/main")
    overwrite(folder / "HEAD", b"ref: refs/heads")
    overwrite(
        folder / "logs/refs/heads/topic", (folder / "logs/refs/heads/topic").read_bytes()[:-9]
    )
    each(folder, "store/index/*", lambda path: flip(path, 90))
    for number, pack in enumerate(sorted((folder / "store/packs").iterdir())):
        flip(pack, -100 if number else 3)
    for pack in (folder / "store/packs").iterdir():
        overwrite(pack, pack.read_bytes().replace(noise(1, 600), noise(2, 600)))


def cut_off(original: Path, whole: Contents, limit: int, **how: object) -> None:
    def prepare(root: str, disk: object) -> None:
        shutil.copytree(original, os.path.join(root, "work"))
        ruined(Path(root, "work", ".mvc"))

    def scenario(root: str, disk: object) -> None:
        open_damaged(os.path.join(root, "work"), who=ADA, disk=disk).repair()

    def check(root: str, acknowledged: object) -> None:
        work = Path(root, "work")
        repair(work)
        assert findings(work) == []
        assert contents(work) == whole
        assert mvc.open(str(work)).branch == "main"

    explore(scenario, check, prepare=prepare, limit=limit, name="repair", **how)


def test_a_power_cut_amid_repair_is_repaired(original: Path, whole: Contents) -> None:
    cut_off(original, whole, 15)


@pytest.mark.faults_full
def test_any_power_cut_amid_repair_is_repaired(original: Path, whole: Contents) -> None:
    cut_off(original, whole, 1500, budget=FULL)
