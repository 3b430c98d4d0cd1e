"""The largest resident set of ``add``, ``commit`` and ``restore``, of a model and of one four times as large.

``python -m benchmarks.memory``. Takes one run each: the number hardly varies.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import scratch
from benchmarks.measure import MIB, Row, fresh, mebibytes, mvc, run
from benchmarks.peers import MODEL
from benchmarks.scratch import Setting, generate

BAR = 300 * MIB
#: "The same": what allocators and the page tables of a longer run may add.
SAME = 1.1
LARGER = 4


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
    """Largest resident set of a first commit (its two commands) and of a checkout, in bytes."""
    model = fresh(folder) / MODEL
    run([*mvc(), "init"], folder)
    generate(model, size)
    added = run([*mvc(), "add", MODEL], folder).peak
    committed = run([*mvc(), "commit", "-m", "first"], folder).peak
    model.unlink()
    restored = run([*mvc(), "restore", MODEL], folder).peak
    fresh(folder)
    return {"commit": max(added, committed), "checkout": restored}


if __name__ == "__main__":
    scratch.main(__doc__, measure)
