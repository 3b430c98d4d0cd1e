"""One of 24 tensors changed: its commit against the first; ``status`` of the touched file against DVC's.

``python -m benchmarks.one_change``. DVC counts where a command ``dvc`` is on the path, or in ``MVC_BENCH_DVC``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks import scratch
from benchmarks.measure import (
    Contender,
    Row,
    alternate,
    clean,
    compared,
    fresh,
    fresh_copy,
    mvc,
    run,
)
from benchmarks.peers import MODEL
from benchmarks.scratch import Setting

TENSORS = 24
COMMIT = 0.4
STATUS = 0.25


def measure(where: Setting) -> list[Row]:
    base = generate(where.folder / "base.safetensors", where.size, 0)
    changed = generate(where.folder / "changed.safetensors", where.size, TENSORS)
    work = where.folder / "work"

    def first() -> float:
        run([*mvc(), "init"], fresh(work))
        return _commit(base, work)

    def second() -> float:
        run([*mvc(), "init"], fresh(work))
        _commit(base, work)
        return _commit(changed, work)

    times = alternate({"first": first, "second": second}, where.rounds)
    rows = [
        compared(
            f"commit, one of {TENSORS} tensors changed : first", times, "second", "first", COMMIT
        )
    ]
    touched: dict[str, Contender] = {"mvc": lambda: _touched([*mvc(), "status"], work)}
    dvc = os.environ.get("MVC_BENCH_DVC") or shutil.which("dvc")
    if dvc:
        peer = _dvc_repository(dvc, base, where.folder / "dvc")
        touched["dvc"] = lambda: _touched([dvc, "status"], peer, _at_home(peer))
    times = alternate(touched, where.rounds)
    if dvc:
        rows.append(compared("`status` after `touch` : DVC", times, "mvc", "dvc", STATUS))
    return rows


def generate(place: Path, size: int, changed: int) -> Path:
    """The file, written by a process of its own."""
    each = size // TENSORS // 16 * 16
    command = [sys.executable, "-m", "benchmarks.uniform", str(place), "--tensors", str(TENSORS)]
    options = ["--bytes", str(each), "--changed", str(changed)]
    subprocess.run([*command, *options], cwd=Path(__file__).parent.parent, check=True)
    return place


def _commit(version: Path, folder: Path) -> float:
    fresh_copy(version, folder / MODEL)
    added = run([*mvc(), "add", MODEL], folder).wall
    return added + run([*mvc(), "commit", "-m", "next"], folder).wall


def _touched(
    command: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> float:
    (folder / MODEL).touch()
    return run(command, folder, environment).wall


def _at_home(folder: Path) -> Mapping[str, str]:
    """DVC looks for its configuration below a home that is a folder."""
    return clean() | {"HOME": str(folder)}


def _dvc_repository(dvc: str, model: Path, folder: Path) -> Path:
    fresh(folder)
    run(["git", "init", "-q"], folder)
    home = _at_home(folder)
    run([dvc, "init", "-q"], folder, home)
    run([dvc, "config", "core.analytics", "false"], folder, home)
    fresh_copy(model, folder / MODEL)
    run([dvc, "add", "-q", MODEL], folder, home)
    return folder


if __name__ == "__main__":
    scratch.main(__doc__, measure)
