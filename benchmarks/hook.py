"""The weight-hash hook's own process: with nothing changed, and with one changed file against hashlib.

``python -m benchmarks.hook``. SHA-256 of the file is timed inside a process that has started already, so the
hook's start-up, its questions to Git and every other digest count against it. Memory is of the second.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks import scratch
from benchmarks.measure import (
    MIB,
    Contender,
    Row,
    alternate,
    clean,
    compared,
    fresh,
    mebibytes,
    run,
    seconds,
)
from benchmarks.peers import MODEL
from benchmarks.scratch import Setting
from benchmarks.startup import install

ROUNDS = 9
UNCHANGED_BAR = 0.5
CHANGED_BAR = 1.2
MEMORY_BAR = 100 * MIB
_FILES = 20
#: The unchanged weights together, as a multiple of the changed one.
_LARGER = 10

_HASHLIB = """\
import hashlib, sys, time
started = time.perf_counter()
with open(sys.argv[1], "rb") as file:
    hashlib.file_digest(file, "sha256")
print(time.perf_counter() - started)
"""


def measure(where: Setting) -> list[Row]:
    hook = install(where.folder / "venv") / "mvc-weight-hashes"
    return [*_changed(where, hook), _unchanged(where, hook)]


def _changed(where: Setting, hook: Path) -> list[Row]:
    folder = _repository(where.folder / "changed", compression=0)
    model = shutil.copyfile(where.model()[0], folder / MODEL)
    hashes, cache = folder / ".weight_hashes.json", folder / ".git" / "mvc-weight-hashes"
    _git(folder, "add", MODEL)
    _run(hook, folder)
    before = hashes.read_bytes()
    with model.open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\1\2\3\4")
    _git(folder, "add", MODEL)
    peaks = []

    def hooked() -> float:
        hashes.write_bytes(before)
        cache.unlink(missing_ok=True)
        done = _run(hook, folder)
        assert hashes.read_bytes() != before
        peaks.append(done[1])
        return done[0]

    def hashed() -> float:
        words = [sys.executable, "-c", _HASHLIB, str(model)]
        return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)

    contenders: dict[str, Contender] = {"hook": hooked, "hashlib": hashed}
    times = alternate(contenders, max(where.rounds, ROUNDS))
    fresh(folder)
    peak = max(peaks)
    shown = mebibytes(peak), mebibytes(MEMORY_BAR)
    return [
        compared(
            "weight hook, one changed file : hashlib's SHA-256",
            times,
            "hook",
            "hashlib",
            CHANGED_BAR,
        ),
        Row("peak memory of the weight hook : bar", *shown, peak / MEMORY_BAR, 1.0),
    ]


def _unchanged(where: Setting, hook: Path) -> Row:
    folder = _repository(where.folder / "unchanged", compression=1)
    each = _LARGER * where.size // _FILES
    for number in range(_FILES):
        with (folder / f"{number}.safetensors").open("wb") as file:  # zeros take no disk
            header = (
                f'{{"weight": {{"dtype": "U8", "shape": [{each}], "data_offsets": [0, {each}]}}}}'
            ).encode()
            header += b" " * (-len(header) % 8)
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + each)
    _git(folder, "add", ".")
    _run(hook, folder)
    _git(folder, "add", ".")
    _run(hook, folder)  # once all times are older than the stat cache
    took = sorted(_run(hook, folder)[0] for _ in range(max(where.rounds, ROUNDS)))
    fresh(folder)
    middle = took[len(took) // 2]
    what = f"weight hook, {_FILES} unchanged weights of {_LARGER * where.size / 1e9:g} GB : bar"
    shown = seconds(middle), seconds(UNCHANGED_BAR)
    rounds = tuple(one / UNCHANGED_BAR for one in took)
    return Row(what, *shown, middle / UNCHANGED_BAR, 1.0, rounds=rounds)


def _repository(folder: Path, compression: int) -> Path:
    fresh(folder)
    _git(folder, "init")
    _git(folder, "config", "core.compression", str(compression))
    _git(folder, "config", "core.bigFileThreshold", "1m")
    return folder


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, env=clean(), check=True, capture_output=True)


def _run(hook: Path, folder: Path) -> tuple[float, int]:
    """Seconds and largest resident set of the hook, which fails when it has written something."""
    done = run(["sh", "-c", f'"{hook}" || test $? = 1'], folder)
    return done.wall, done.peak


if __name__ == "__main__":
    scratch.main(__doc__, measure, ROUNDS)
