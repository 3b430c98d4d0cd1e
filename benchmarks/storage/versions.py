"""Four versions of one generated BF16 model in every tool, and the time of the commit of a fine-tune.

Base, a fine-tune, that with a LoRA merged into it, and half of that pruned: each made of the one before, all
written by script and seed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import peers as rounds_of
from benchmarks.measure import Contender, alternate, fresh
from benchmarks.scratch import Setting
from benchmarks.storage.figures import Figure, best_size, of_bytes, of_times, ours, rivals
from benchmarks.storage.peers import OURS, PEERS
from benchmarks.storage.trial import Outcome, Trial

KINDS = ("fine-tune", "lora", "pruned")


def generate(
    where: Setting, kinds: Sequence[str] = KINDS
) -> tuple[list[Path], list[dict[str, float | str]]]:
    """The base and what follows; how far each is from the one before."""
    base, _ = where.model()
    files, facts = [base], []
    folder = where.folder / f"{where.size}-{'-'.join(sorted(set(kinds)))}"
    for number, kind in enumerate(kinds):
        place = folder / f"{number}-{kind}.safetensors"
        told = place.with_suffix(".json")
        if not told.exists():
            folder.mkdir(exist_ok=True)
            told.write_text(_generated(place, files[-1], kind, number))
        files.append(place)
        facts.append({"name": kind} | json.loads(told.read_text()))
    return files, facts


def _generated(place: Path, base: Path, kind: str, seed: int) -> str:
    words = [str(place), str(base), kind, str(seed)]
    command = [sys.executable, "-m", "benchmarks.storage.generate", *words]
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def figures(outcomes: Sequence[Outcome], raw: int) -> list[Figure]:
    mine = ours(outcomes)
    title = f"{len(mine.sizes)} versions of {raw / len(mine.sizes) / 1e9:.2g} GB"
    found = [of_bytes(f"{title} : raw", mine.sizes[-1], raw)]
    for place, other in enumerate(rivals(outcomes)):
        # The bar is against the best; its number comes from borg, then the best that was tried.
        bars = (0.62, 0.40) if place == 0 or other.name.startswith("borg") else (None, None)
        found.append(of_bytes(f"{title} : {other.name}", mine.sizes[-1], best_size(other), *bars))
        if place == 0 and mine.tidied is not None:
            what = f"{title}, after `gc --aggressive` : {other.name}"
            found.append(of_bytes(what, mine.tidied, best_size(other), *bars))
    return found


def commit_times(where: Setting, files: Sequence[Path], environments: Path) -> list[Figure]:
    """The second commit, durable, against Git LFS's and against a plain durable copy, by turns."""
    lfs = next(peer for peer in PEERS if peer.name == "git-lfs")
    contenders: dict[str, Contender] = {
        "mvc": lambda: _second(Trial(OURS, where.folder, environments), files),
        "copy": lambda: rounds_of.copy(files[1], where.folder / "copy"),
    }
    if rounds_of.has_lfs():
        contenders["lfs"] = lambda: _second(Trial(lfs, where.folder, environments), files)
    times = alternate(contenders, where.rounds)
    fresh(where.folder / "copy")
    title = f"commit of a fine-tune of {where.size / 1e9:.2g} GB"
    found = []
    if "lfs" in times:
        found.append(of_times(f"{title} : Git LFS", times["mvc"], times["lfs"], 0.5))
    found.append(of_times(f"{title} : `cp` + `sync`", times["mvc"], times["copy"], None, 1.0))
    return found


def _second(trial: Trial, files: Sequence[Path]) -> float:
    trial.commit(files[0], 1)
    taken = trial.commit(files[1], 2).wall
    fresh(trial.work)
    return taken
