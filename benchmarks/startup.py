"""How long ``--version``, ``status`` with nothing changed, and ``log -n1`` take: against the bare interpreter.

``python -m benchmarks.startup``. mvc is installed as a user installs it: not editable, in a virtual
environment of its own, with the bytecode that pip compiles.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import scratch
from benchmarks.measure import Contender, Row, alternate, compared, fresh, run
from benchmarks.scratch import Setting

ROUNDS = 31
BAR = 5.0
LOG_BAR = 10.0
_FILES = 20


def measure(where: Setting) -> list[Row]:
    programs = install(where.folder / "venv")
    mvc, python = str(programs / "mvc"), str(programs / "python")
    folder = fresh(where.folder / "repository")
    run([mvc, "init"], folder)
    for number in range(_FILES):
        (folder / f"notes-{number}.txt").write_text(f"{number}\n", encoding="utf-8")
    run([mvc, "add", "."], folder)
    run([mvc, "commit", "-m", "first"], folder)
    run([mvc, "status"], folder)

    def timed(*command: str) -> Contender:
        return lambda: run(command, folder).wall

    contenders = {
        "python": timed(python, "-c", "pass"),
        "status": timed(mvc, "status"),
        "version": timed(mvc, "--version"),
        "log": timed(mvc, "log", "-n1"),
    }
    times = alternate(contenders, max(where.rounds, ROUNDS))
    return [
        compared(
            "`mvc status`, nothing changed : `python3 -c pass`", times, "status", "python", BAR
        ),
        compared("`mvc --version` : `python3 -c pass`", times, "version", "python", BAR),
        compared("`mvc log -n1` : `python3 -c pass`", times, "log", "python", LOG_BAR),
    ]


def install(folder: Path) -> Path:
    """A virtual environment with mvc in it; its folder of programs."""
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [str(programs / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    constraints = ["-c", str(root / "constraints.txt")]
    subprocess.run([*pip, *constraints, str(root)], check=True, capture_output=True)
    return programs


if __name__ == "__main__":
    scratch.main(__doc__, measure, ROUNDS)
