"""All of it: ``python -m benchmarks.storage`` (``make bench-storage``).

``--size`` is that of the generated models. ``--parts`` picks some; the others' figures stay as they were
recorded. ``--dry-run`` prints and writes no page. Where a part needs the family and there is none yet, it is
trained.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks import report, scratch
from benchmarks.families import family
from benchmarks.families.family import Fact
from benchmarks.scratch import Setting
from benchmarks.storage import depth, history, page, pairs, speed, versions
from benchmarks.storage.figures import Figure, Results
from benchmarks.storage.install import FOLDER as PEERS
from benchmarks.storage.peers import packages
from benchmarks.storage.trial import Outcome

PARTS = tuple(page.TITLES)
#: The parts that measure the family; all others generate models of their own.
OF_THE_FAMILY = {"history", "pairs", "speed"}


def main() -> None:
    parser = scratch.options(__doc__, rounds=5)
    family.options(parser)
    parser.add_argument("--family", type=Path, default=family.FOLDER, help="folder of the family")
    parser.add_argument(
        "--peers", type=Path, default=PEERS, help="folder of the peers' environments"
    )
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument(
        "--only",
        default="",
        help="tools to try, by a part of the name, separated by commas; of the family, others stay as recorded",
    )
    parser.add_argument("--dry-run", action="store_true", help="print only")
    arguments = parser.parse_args()
    arguments.family, arguments.peers = arguments.family.resolve(), arguments.peers.resolve()
    parts = arguments.parts.split(",")
    results = Results({}, [], {}, {})
    if page.RESULTS.exists() and not arguments.dry_run:
        results = Results.read(page.RESULTS)
    if OF_THE_FAMILY & {*parts}:
        members = [asdict(fact) for fact in _family(arguments)]
        results = Results(results.conditions, members, results.figures, results.histories)
    with scratch.setting(arguments) as where:
        for part in parts:
            print(f"{part} …", file=sys.stderr, flush=True)
            figures, outcomes = measure(part, where, arguments, results.histories.get(part, []))
            results.figures[part] = figures
            if outcomes:
                results.histories[part] = outcomes
            results.conditions[part] = _conditions(part, where)
            print(page.table(figures), flush=True)
            if outcomes:
                print(page.tools(outcomes), flush=True)
            if not arguments.dry_run:
                results.write(page.RESULTS)
    if not arguments.dry_run:
        page.write(results)
        subprocess.run([sys.executable, "-m", "benchmarks.storage.plots"], check=True)


def measure(
    part: str, where: Setting, arguments: argparse.Namespace, before: list[Outcome]
) -> tuple[list[Figure], list[Outcome]]:
    """The figures of a part, and what every tool did, where it compares them."""
    folder, peers = arguments.family, arguments.peers
    if part == "history":
        files = [family.file(folder, name) for name in family.HISTORY]
        outcomes = history.outcomes(files, where.folder, peers, arguments.only, before)
        return history.figures(outcomes, sum(file.stat().st_size for file in files)), outcomes
    if part == "pairs":
        return pairs.figures(folder, where.folder), []
    if part == "speed":
        return speed.figures(folder, peers, where.rounds), []
    if part == "depth":
        return depth.figures(where, peers), []
    files, _ = versions.generate(where)
    if part == "commit":
        return versions.commit_times(where, files, peers), []
    outcomes = history.outcomes(files, where.folder, peers, arguments.only)  # of this size alone
    return versions.figures(outcomes, sum(file.stat().st_size for file in files)), outcomes


def _family(arguments: argparse.Namespace) -> list[Fact]:
    """The family's facts; it is made where it is not there yet, by a process that may grow."""
    folder: Path = arguments.family
    if not (folder / family.FACTS).is_file():
        command = [sys.executable, "-m", "benchmarks.families", str(folder)]
        options = ["--encoder", str(arguments.encoder), "--steps", str(arguments.steps)]
        root = Path(__file__).resolve().parents[2]
        if subprocess.run([*command, *options], cwd=root, check=False).returncode:
            raise SystemExit("the family could not be made; see above")
    return family.read(folder)


def _conditions(part: str, where: Setting) -> str:
    told = {
        "history": "The family, one commit after another; every version restored and compared. "
        f"{', '.join(packages())}; what else there is comes from the system.",
        "pairs": "The family; all that a commit adds below `.mvc`.",
        "speed": f"The family's base, {where.rounds} rounds, processor time.",
        "versions": f"Generated, {where.size / 1e9:g} GB each; one run.",
        "commit": f"Generated, {where.size / 1e9:g} GB; {where.rounds} rounds.",
        "depth": f"Generated, {where.size / 1e9:g} GB; {where.rounds} rounds.",
    }
    line = report.where(told[part])
    if not hasattr(os, "getloadavg"):
        return line
    return f"{line} Load over the last quarter of an hour: {os.getloadavg()[2]:.1f}."


if __name__ == "__main__":
    main()
