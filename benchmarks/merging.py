"""Merges of two fine-tunes by mvc and by mergekit: time, and the largest resident set.

``python -m benchmarks.merging``, after ``python -m benchmarks.mergekit``. Both compute in float32 and make a
BF16 model; what comes out is compared. mergekit reads folders and writes one. mvc reads commits, writes the
model into the work tree, and stores it, proved and synced, with a record of how it came about.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from statistics import median

from benchmarks import mergekit, scratch
from benchmarks.measure import Row, Run, alternate, clean, compared, fresh_copy, mebibytes, mvc, run
from benchmarks.numeric_diff import tuned
from benchmarks.peers import MODEL
from benchmarks.scratch import Setting

TIME, MEMORY = 1.0, 0.5
#: The share of a tensor's elements that equal magnitudes may make differ: mergekit says nothing of their order.
CHOSEN = 0.05
METHODS: dict[str, dict[str, float]] = {
    "ties": {"density": 0.5, "weight": 1.0},
    "linear": {"weight": 1.0},
}


def measure(where: Setting) -> list[Row]:
    if not mergekit.program().exists():
        raise SystemExit("mergekit is not there: python -m benchmarks.mergekit")
    base, _ = where.model()
    models = {
        name: tuned(base, where.folder / f"{name}.safetensors", number)
        for number, name in enumerate(("code", "math"), 1)
    }
    folders = {
        name: mergekit.folder_of(file, where.folder / "models" / name, where.size)
        for name, file in {"base": base, **models}.items()
    }
    work = repository(where.folder / "work", base, models)
    rows = []
    for method in METHODS:
        rows += _compared(method, where, work, folders)
    return rows


def _compared(method: str, where: Setting, work: Path, folders: dict[str, Path]) -> list[Row]:
    parameters, place = METHODS[method], where.folder / "merged"
    runs: dict[str, list[Run]] = {"mvc": [], "mergekit": []}

    def ours() -> float:
        # As it was before any merge: a model that is stored already would cost nothing to store.
        shutil.rmtree(work / ".mvc")
        shutil.copytree(work.with_name("before"), work / ".mvc")
        run([*mvc(), "reset", "--hard", "base"], work)
        os.sync()
        runs["mvc"].append(merge(work, method, parameters))
        return runs["mvc"][-1].wall

    def theirs() -> float:
        base, *models = folders.values()
        runs["mergekit"].append(mergekit.merge(method, base, models, parameters, place))
        return runs["mergekit"][-1].wall

    times = alternate({"mvc": ours, "mergekit": theirs}, where.rounds)
    require_equal(work / MODEL, place / MODEL)
    peaks = [median(one.peak for one in runs[name]) for name in ("mvc", "mergekit")]
    shown = mebibytes(peaks[0]), mebibytes(peaks[1])
    return [
        compared(f"`{method}` : mergekit", times, "mvc", "mergekit", TIME),
        Row(f"peak memory of `{method}` : mergekit", *shown, peaks[0] / peaks[1], MEMORY),
    ]


def repository(folder: Path, base: Path, models: dict[str, Path]) -> Path:
    """One with the base at a tag, and a branch from it for each model; a copy of its ``.mvc`` lies beside."""
    folder.mkdir()
    run([*mvc(), "init"], folder)
    _commit(folder, base)
    run([*mvc(), "tag", "base"], folder)
    for name, file in models.items():
        run([*mvc(), "switch", "-q", "-c", name, "base"], folder)
        _commit(folder, file)
    run([*mvc(), "switch", "-q", "main"], folder)
    shutil.copytree(folder / ".mvc", folder.with_name("before"))
    return folder


def merge(folder: Path, method: str, parameters: dict[str, float]) -> Run:
    """Merge the branches into ``main``, which is at the base."""
    words = [word for name, value in parameters.items() for word in (f"--{name}", f"{value:g}")]
    return run([*mvc(), "merge", "code", "math", "-X", method, *words], folder)


def require_equal(ours: Path, theirs: Path) -> None:
    """The same tensors, but for the few elements of equal magnitude among which TIES has to choose.

    Raises:
        SystemExit: they are not; nothing was compared then.
    """
    command = [*mvc(), "diff", "--json", "--no-index", ours, theirs]
    found = subprocess.run(command, env=clean(), capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(found.stderr)
    for model in json.loads(found.stdout)["models"]:
        for tensor in model["tensors"]:
            share = (tensor["stats"] or {}).get("changed_share", 1)
            if share > CHOSEN:
                raise SystemExit(f"mvc and mergekit made different models of {tensor['name']}")


def _commit(folder: Path, model: Path) -> None:
    fresh_copy(model, folder / MODEL)
    run([*mvc(), "add", MODEL], folder)
    run([*mvc(), "commit", "-m", model.stem], folder)


if __name__ == "__main__":
    scratch.main(__doc__, measure, rounds=3)
