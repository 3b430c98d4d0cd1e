"""A chain of deltas as deep as the store allows: bringing its top back, and the memory that takes.

Nine checkpoints of one run, each a small step from the one before. Git LFS has only the last: what it does does
not depend on the others.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from benchmarks import peers as rounds_of
from benchmarks.measure import MIB, Contender, Run, alternate, fresh, mebibytes
from benchmarks.scratch import Setting
from benchmarks.storage.figures import Figure, of_times
from benchmarks.storage.peers import OURS, PEERS
from benchmarks.storage.trial import Trial
from benchmarks.storage.versions import generate
from mvc.limits import DELTA_DEPTH

_BAR, _STRETCH = 300 * MIB, 120 * MIB


def figures(where: Setting, environments: Path) -> list[Figure]:
    files, _ = generate(where, ("step",) * DELTA_DEPTH)
    ours = Trial(OURS, where.folder, environments)
    taken = [ours.commit(file, number) for number, file in enumerate(files, 1)]
    last = len(files)
    deepest = _deepest(ours.work)
    backs: list[Run] = []

    def restored() -> float:
        backs.append(ours.restore(last))
        return backs[-1].wall

    contenders: dict[str, Contender] = {
        "mvc": restored,
        "copy": lambda: rounds_of.copy(files[-1], where.folder / "copy"),
    }
    if rounds_of.has_lfs():
        lfs = Trial(next(p for p in PEERS if p.name == "git-lfs"), where.folder, environments)
        lfs.commit(files[-1], 1)
        contenders["lfs"] = lambda: lfs.restore(1).wall
    times = alternate(contenders, where.rounds)
    if not ours.holds(files[-1]):
        raise SystemExit("the version on top of the chain came back different")
    title = f"checkout at depth {deepest}, {where.size / 1e9:.2g} GB"
    found = []
    if "lfs" in times:
        found.append(of_times(f"{title} : Git LFS", times["mvc"], times["lfs"], 1.5, 0.7))
    found.append(of_times(f"{title} : `cp` + `sync`", times["mvc"], times["copy"]))
    found.append(_memory(f"peak memory of commits up to depth {deepest}", taken))
    found.append(_memory(f"peak memory of checkout at depth {deepest}", backs))
    for name in ("copy", ours.work.name):
        fresh(where.folder / name)
    return found


def _memory(what: str, runs: list[Run]) -> Figure:
    peak = max(one.peak for one in runs)
    shown = mebibytes(peak), mebibytes(_BAR)
    return Figure(f"{what} : bar", *shown, peak / _BAR, 1.0, _STRETCH / _BAR)


def _deepest(work: Path) -> int:
    """The depth at which most of the deltas' raw bytes stand, seen from the top; in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.storage.depths", str(work / ".mvc" / "store")]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    depths = Counter({int(depth): size for depth, size in json.loads(done.stdout).items()})
    most = max(depths.values(), default=0)
    return max((depth for depth, size in depths.items() if size > most / 2), default=0)
