"""One tool, given the versions of a model one after another: bytes, seconds, memory, and what comes back.

Every file is written anew and synced before a command is timed. Nothing here is compared.
"""

from __future__ import annotations

import filecmp
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.measure import Run, clean, fresh, fresh_copy, run, size_of
from benchmarks.storage.peers import DRIVERS, MODEL, Peer, Script, environment, words


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool did with a history: after each version its bytes; seconds and memory of each commit; then
    of bringing back the last one. ``failed`` says why there is nothing, or what was wrong with it."""

    name: str
    sizes: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()
    peaks: tuple[int, ...] = ()
    restore_seconds: float = 0.0
    restore_peak: int = 0
    tidied: int | None = None
    failed: str = ""

    @property
    def ran(self) -> bool:
        return bool(self.sizes)

    @property
    def counts(self) -> bool:
        """Whether it kept what it was given."""
        return self.ran and not self.failed


class Trial:
    """A peer in a folder of its own."""

    def __init__(self, peer: Peer, folder: Path, environments: Path) -> None:
        self._peer = peer
        self.work = fresh(folder / peer.name.replace(", ", "-").replace(" ", "-"))
        (self.work / "home").mkdir()
        programs = environments / peer.folder / "bin"
        self._environment = clean() | environment(self.work, programs)
        self._places = {"bin": str(programs), "drivers": str(DRIVERS), "model": MODEL}
        self._run(peer.setup, 0)

    @property
    def size(self) -> int:
        return sum(size_of(self.work / name) for name in self._peer.store)

    def commit(self, version: Path, number: int, name: str | None = None) -> Run:
        """A version as the next one of the file, or as a file of another ``name``."""
        self._places["model"] = name or MODEL
        fresh_copy(version, self.work / self._places["model"])
        taken = self._run(self._peer.commit, number)
        self._run(self._peer.mark, number)
        return taken

    def restore(self, number: int) -> Run:
        (self.work / self._places["model"]).unlink(missing_ok=True)
        return self._run(self._peer.restore, number)

    def holds(self, version: Path) -> bool:
        """Whether the file that is there now is the version, bit for bit."""
        place = self.work / self._places["model"]
        return place.exists() and filecmp.cmp(place, version, shallow=False)

    def tidy(self) -> int | None:
        """Its bytes after it cleaned up; None where it has no such command."""
        if not self._peer.tidy:
            return None
        self._run(self._peer.tidy, 0)
        return self.size

    def _run(self, script: Script, number: int) -> Run:
        """All commands of a script, as one."""
        total = Run(0.0, 0.0, 0)
        for command in script:
            filled = words(command, self._places | {"number": str(number)})
            one = run(filled, self.work, self._environment)
            total = Run(total.wall + one.wall, total.cpu + one.cpu, max(total.peak, one.peak))
        return total


def history(peer: Peer, versions: Sequence[Path], folder: Path, environments: Path) -> Outcome:
    """All versions committed in order; every one of them brought back and compared."""
    outcome = Outcome(peer.name)
    try:
        trial = Trial(peer, folder, environments)
        for number, version in enumerate(versions, 1):
            taken = trial.commit(version, number)
            outcome = replace(
                outcome,
                sizes=(*outcome.sizes, trial.size),
                seconds=(*outcome.seconds, taken.wall),
                peaks=(*outcome.peaks, taken.peak),
            )
        wrong = []
        for number, version in enumerate(versions, 1):
            back = trial.restore(number)
            if not trial.holds(version):
                wrong.append(str(number))
            outcome = replace(outcome, restore_seconds=back.wall, restore_peak=back.peak)
        if wrong:
            outcome = replace(outcome, failed=f"version {', '.join(wrong)} came back different")
        outcome = _tidied(trial, outcome, versions[-1])
        fresh(trial.work)
    except RuntimeError as error:
        return Outcome(peer.name, failed=_last_words(str(error)))
    return outcome


def _tidied(trial: Trial, outcome: Outcome, last: Path) -> Outcome:
    """A tool that lacks the command, or an option of it, has no such size."""
    try:
        size = trial.tidy()
    except RuntimeError:
        return outcome
    if size is None:
        return outcome
    trial.restore(len(outcome.sizes))
    if not trial.holds(last):
        return replace(outcome, failed="the last version came back different after cleaning up")
    return replace(outcome, tidied=size)


def _last_words(text: str) -> str:
    """The line of an error's output that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if "Error" in line or "error:" in line.lower()]
    return (told or lines)[0][:160] if (told or lines) else "failed"
