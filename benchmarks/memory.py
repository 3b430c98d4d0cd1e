"""The largest resident set of commands, of a model and of one four times as large: ``add`` and ``commit``,
``restore``, and a ``gc --aggressive`` that has to rewrite.

``python -m benchmarks.memory``. Takes one run each: the number hardly varies.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import scratch
from benchmarks.measure import MIB, Row, fresh, mebibytes, mvc, run, size_of
from benchmarks.peers import MODEL
from benchmarks.scratch import Setting, generate

BAR = 300 * MIB
#: "The same": what allocators and the page tables of a longer run may add.
SAME = 1.1
LARGER = 4
#: Commits that put the first version out of a new one's sight, and the share of the store that finding it again
#: leaves at most.
_UNRELATED, _SMALLER = 3, 0.95


def measure(where: Setting) -> list[Row]:
    once = peaks(where.folder / "once", where.size)
    more = peaks(where.folder / "more", LARGER * where.size)
    rows = []
    for what, peak in more.items():
        shown = mebibytes(peak), mebibytes(BAR)
        rows.append(Row(f"peak memory of {what}, model × {LARGER} : bar", *shown, peak / BAR, 1.0))
        shown = mebibytes(peak), mebibytes(once[what])
        rows.append(
            Row(f"peak memory of {what}, model × {LARGER} : × 1", *shown, peak / once[what], SAME)
        )
    return rows


def peaks(folder: Path, size: int) -> dict[str, int]:
    """Largest resident set of a first commit (its two commands), a checkout and planning anew, in bytes."""
    model = fresh(folder) / MODEL
    run([*mvc(), "init"], folder)
    generate(model, size)
    committed = _commit(folder)
    model.unlink()
    restored = run([*mvc(), "restore", MODEL], folder).peak
    planned = _planned_anew(folder, size)
    fresh(folder)
    return {"commit": committed, "checkout": restored, "`gc --aggressive`": planned}


def _commit(folder: Path) -> int:
    added = run([*mvc(), "add", MODEL], folder).peak
    return max(added, run([*mvc(), "commit", "-m", "a version"], folder).peak)


def _planned_anew(folder: Path, size: int) -> int:
    """Peak after the model that is there, ``_UNRELATED`` others and a version of the first: when that was
    committed its relative was no candidate any more, so it stands by itself and is made a delta now.

    Raises:
        SystemExit: nothing was rewritten.
    """
    model, first = folder / MODEL, folder.with_name("first.safetensors")
    model.rename(first)
    for seed in range(_UNRELATED):
        generate(model, size, seed)
        _commit(folder)
    model.unlink()
    command = [sys.executable, "-m", "benchmarks.storage.generate", str(model), str(first), "step"]
    root = Path(__file__).parent.parent
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
    _commit(folder)
    first.unlink()
    before = size_of(folder / ".mvc")
    peak = run([*mvc(), "gc", "--aggressive", "--prune=now"], folder).peak
    if size_of(folder / ".mvc") > before * _SMALLER:
        raise SystemExit("gc --aggressive found nothing to rewrite: its memory says nothing")
    return peak


if __name__ == "__main__":
    scratch.main(__doc__, measure)
