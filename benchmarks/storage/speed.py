"""``planes`` against zipnn on one core, by turns: processor seconds to encode and decode the family's base."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.families.family import BASE, file
from benchmarks.storage.figures import Figure, of_bytes, of_times
from benchmarks.storage.install import missing
from benchmarks.storage.peers import DRIVERS, PEERS

#: At least as fast: our seconds at most zipnn's; 1.3 times as fast for the stretch.
_BAR, _STRETCH = 1.0, 1 / 1.3


def figures(family: Path, environments: Path, rounds: int) -> list[Figure]:
    peer = next(one for one in PEERS if one.name.startswith("zipnn"))
    if missing(peer, environments):
        return []
    model = str(file(family, BASE))
    python = str(environments / peer.folder / "bin" / "python")
    ours = [sys.executable, "-m", "benchmarks.storage.planes", model]
    theirs = [python, "-W", "ignore", str(DRIVERS / "zipnn_speed.py"), model]
    found: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
    for number in range(rounds):
        turns = [("ours", ours), ("theirs", theirs)]
        for name, command in turns if number % 2 else reversed(turns):
            found[name].append(_told(command))
    figures = [
        of_times(
            f"`planes`, one core, {what} : zipnn",
            [one[what] for one in found["ours"]],
            [one[what] for one in found["theirs"]],
            _BAR,
            _STRETCH,
        )
        for what in ("encode", "decode")
    ]
    sizes = found["ours"][0]["stored"], found["theirs"][0]["stored"]
    return [*figures, of_bytes("`planes`, bytes : zipnn", *sizes)]


def _told(command: list[str]) -> dict[str, float]:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told
