"""A merge of a model that one side alone changed: its tensors are taken by their ids, and none is read.

``python -m benchmarks.one_sided``. One branch changes every tenth of 120 equal tensors, the other one a text.
It is merged on either branch: on the first the model is there already, on the second the file has to be put
together from changed and unchanged tensors, verified and synced, as in any checkout.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks import scratch
from benchmarks.measure import Row, clean, fresh, fresh_copy, mvc, run, seconds
from benchmarks.peers import MODEL
from benchmarks.scratch import Setting

TENSORS, CHANGED = 120, 10
TIME = 1.0
#: Merges as the command does, and prints how many of the model's tensors were read from the store for that.
_COUNTED = """\
import mvc
from mvc.merge import merging
from mvc.store.catalog import Catalog

read, merge, reach = [], merging.merge_commits, Catalog.reach

def counted(*arguments, **options):
    Catalog.reach = lambda self, id_: read.append(id_) or reach(self, id_)
    try:
        return merge(*arguments, **options)
    finally:
        Catalog.reach = reach

merging.merge_commits = counted
repository = mvc.open(".", who=("Benchmark", "benchmark@example.com"))
sides = [repository.snapshot(name).manifest("model.safetensors") for name in ("main", "other")]
repository.merge("other")
print(len({tensor.id for side in sides for tensor in side.tensors} & set(read)))
"""


def measure(where: Setting) -> list[Row]:
    base = generate(where.folder / "base.safetensors", where.size, 0)
    changed = generate(where.folder / "changed.safetensors", where.size, CHANGED)
    work = repository(where.folder / "work", base, changed)
    rows = []
    for branch, other, which in (("tuned", "noted", "ours"), ("noted", "tuned", "theirs")):

        def merged(branch: str = branch, other: str = other) -> float:
            run([*mvc(), "switch", "-q", "-C", "main", branch], work)
            run([*mvc(), "branch", "-f", "other", other], work)
            os.sync()
            return run([*mvc(), "merge", "other"], work).wall

        times = sorted(merged() for _ in range(where.rounds))
        merged()
        run([*mvc(), "reset", "--hard", branch], work)
        command = [sys.executable, "-c", _COUNTED]
        found = subprocess.run(
            command, cwd=work, env=clean(), check=True, capture_output=True, text=True
        )
        title = f"merge, {CHANGED} % of the model changed by {which}"
        rows += [
            Row(
                f"{title} : bar",
                seconds(median(times)),
                seconds(TIME),
                median(times) / TIME,
                1.0,
                rounds=tuple(time / TIME for time in times),
            ),
            Row(
                "tensors read for that",
                found.stdout.strip(),
                "0",
                float(found.stdout),
                0.0,
                form=".0f",
            ),
        ]
    return rows


def repository(folder: Path, base: Path, changed: Path) -> Path:
    """One with a commit of the base, a branch that changed the model and one that has a text besides."""
    run([*mvc(), "init"], fresh(folder))
    commit(folder, MODEL, base)
    run([*mvc(), "switch", "-q", "-c", "noted"], folder)
    note = folder.with_name("notes.md")
    note.write_text("What the model is for.\n", encoding="utf-8")
    commit(folder, "notes.md", note)
    run([*mvc(), "switch", "-q", "-c", "tuned", "main"], folder)
    commit(folder, MODEL, changed)
    return folder


def commit(folder: Path, name: str, version: Path) -> None:
    """Commit the file ``version`` as ``name``."""
    fresh_copy(version, folder / name)
    run([*mvc(), "add", name], folder)
    run([*mvc(), "commit", "-m", version.stem], folder)


def generate(place: Path, size: int, changed: int) -> Path:
    """The file, written by a process of its own."""
    each = size // TENSORS // 16 * 16
    command = [sys.executable, "-m", "benchmarks.uniform", str(place), "--tensors", str(TENSORS)]
    options = ["--bytes", str(each), "--changed", str(changed)]
    subprocess.run([*command, *options], cwd=Path(__file__).parent.parent, check=True)
    return place


if __name__ == "__main__":
    scratch.main(__doc__, measure)
