"""A recorded step once more: from its parent, its recipe and what it decided; does the same come out?

Masks and codes are to be the same exactly, other values within a tolerance: last bits of sums depend on threads
and libraries. Nothing that can be seen changes: what is made lies in a journal that is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compress import environment, operations, recipe
from compress.chain import Step, step_of
from compress.editing import Edited, edits_of
from compress.events import Report, unheard
from compress.model.weights import Committed
from compress.options import Options
from compress.preparing import start
from compress.streaming.journal import Scratch
from mvc.errors import UsageError
from mvc.repository import Repository
from mvc.values import dataclass

#: Largest difference of a value, as a share of the tensor's largest, that counts as the same.
TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Rerun:
    """``exact`` of ``tensors`` came out to the bit; ``differing`` says of others how they differ.

    ``changed``: what was then and is now, of data, versions and threads that are not the same.
    """

    commit: str
    tensors: int
    exact: int
    differing: Mapping[str, str]
    changed: Mapping[str, tuple[str, str]]
    tolerance: float = TOLERANCE

    @property
    def same(self) -> bool:
        """Whether masks and codes are the same, and values within the tolerance."""
        return not self.differing


def rerun(repo: Repository, revision: str, *, report: Report = unheard) -> Rerun:
    """Do the step ``revision`` again, and compare.

    Raises:
        UsageError: it is no step, or its texts are not what they were.
    """
    environment.require()
    commit = repo.read_commit(revision)
    step = step_of(repo, commit)
    if step is None or not commit.parents:
        raise UsageError(f"{commit.id[:7]} records no step", hint="mvc compress status")
    operation, of = operations.read(step.recipe)
    options = _options(step)
    begun = start(repo, options, calibrate=operation.needs_gram(of), revision=commit.parents[0])
    said = step.record.parameters.get("calibration")
    if begun.calibration is not None and isinstance(said, dict):
        if said.get("digest") != begun.calibration.digest:
            raise UsageError(
                f"the texts that {commit.id[:7]} was calibrated on are not what they were",
                hint=f"they were {', '.join(map(str, _files(said)))}",
            )
    journal = Scratch(repo.folder)
    threads = _threads(step) or options.threads
    with environment.threads(threads), journal.held():
        journal.begin({})
        try:
            edits_of(repo, operation, of, begun, options, journal, report)
            return _compared(repo, step, Edited(journal.layers()))
        finally:
            journal.clear()


def _compared(repo: Repository, step: Step, edited: Edited) -> Rerun:
    import torch

    committed = Committed(repo, step.commit.id, str(step.record.parameters["model"]))
    exact, differing = 0, dict[str, str]()
    for name in edited.present:
        if name not in committed.names:
            differing[name] = "is not there"
            continue
        then, now = committed.read(name), edited[name]
        if then.shape != now.shape or then.dtype != now.dtype:
            differing[name] = f"was {then.dtype} {list(then.shape)}"
        elif torch.equal(then, now):
            exact += 1
        elif not then.dtype.is_floating_point:
            differing[name] = f"{int((then != now).sum())} codes are others"
        elif bool(((then == 0) != (now == 0)).any()):
            differing[name] = (
                f"{int(((then == 0) != (now == 0)).sum())} places of the mask are others"
            )
        else:
            apart = float((then.float() - now.float()).abs().max())
            most = float(then.float().abs().max()) or 1.0
            if apart > TOLERANCE * most:
                differing[name] = f"values differ by {apart / most:.2e} of the largest"
    return Rerun(step.commit.id, len(edited.present), exact, differing, _changed(step))


def _options(step: Step) -> Options:
    said = step.record.parameters.get("options")
    found: dict[str, Any] = dict(said) if isinstance(said, dict) else {}
    options: Options = recipe.decode(Options, {**found, "seed": step.record.seed or 0})
    return options


def _threads(step: Step) -> int:
    said = step.record.parameters.get("environment")
    count = said.get("threads") if isinstance(said, dict) else None
    return count if isinstance(count, int) else 0


def _files(said: Mapping[str, Any]) -> list[str]:
    files = said.get("files")
    return [f"{name} ({digest[:12]})" for name, digest in dict(files or {}).items()]


def _changed(step: Step) -> dict[str, tuple[str, str]]:
    now = environment.versions()
    return {
        name: (then, now[name])
        for name, then in step.record.versions.items()
        if name in now and now[name] != then
    }
