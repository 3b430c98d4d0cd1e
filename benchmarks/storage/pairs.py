"""One version after its base, alone in a repository: of its raw bytes and of BitX's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.families import family as members
from benchmarks.families.family import file
from benchmarks.storage.figures import Figure, of_bytes
from benchmarks.storage.peers import OURS
from benchmarks.storage.trial import Trial

#: Bar and stretch of a version after its base, of its own raw bytes.
_LIGHT = (0.035, 0.010)
_FULL = (0.215, 0.165)
_BITX = (0.80, 0.72)
_DERIVED = 0.008


def figures(family: Path, scratch: Path) -> list[Figure]:
    base = file(family, members.BASE)
    alone = _added(scratch, base)
    found = [of_bytes("one BF16 model : its order-0 bound", alone, _asked("bound", base), 1.005, 1)]
    pairs: dict[str, tuple[float | None, float | None]] = {
        **dict.fromkeys(members.HISTORY[1:], (None, None)),
        **dict.fromkeys(members.FULL, _FULL),
        members.LIGHT: _LIGHT,
    }
    for name, bars in pairs.items():
        added = _added(scratch, base, file(family, name))
        found.append(of_bytes(f"{name} after base : raw", added, _raw(file(family, name)), *bars))
        other = _asked("bitx", file(family, name), base)
        found.append(of_bytes(f"{name} after base : BitX", added, other, *_BITX))
    derived = (
        (members.PRUNED, members.BASE, 0.02),
        (members.BASE, members.BASE_F32, 0.01),
        (members.INT8, members.BASE_F32, 0.02),
    )
    for name, parent, bar in derived:
        added = _added(
            scratch, file(family, parent), file(family, name), beside=parent == members.BASE_F32
        )
        title = f"{name} beside {parent} : raw"
        found.append(of_bytes(title, added, _raw(file(family, name)), bar, _DERIVED))
    return found


def _added(scratch: Path, first: Path, second: Path | None = None, beside: bool = False) -> int:
    """Bytes that the last of the versions adds; ``beside``: as another file, not as the next version."""
    trial = Trial(OURS, scratch, scratch)
    empty = trial.size
    trial.commit(first, 1)
    before = trial.size
    if second is None:
        return before - empty
    trial.commit(second, 2, "other.safetensors" if beside else None)
    added = trial.size - before
    trial.restore(2)
    if not trial.holds(second):
        raise SystemExit(f"{second.name} came back different")
    return added


def _raw(file: Path) -> int:
    return file.stat().st_size


def _asked(*words: str | Path) -> float:
    """What ``benchmarks.storage.reference`` says, in a process of its own: this one must stay small."""
    command = [sys.executable, "-m", "benchmarks.storage.reference", *map(str, words)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout))
