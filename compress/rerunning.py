"""A recorded step once more: from its parent, its recipe and what it decided; does the same come out?

Masks and codes are to be the same exactly, other values within a tolerance: last bits of sums depend on threads
and libraries. Nothing that can be seen changes: what is made lies in a journal that is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from compress import environment, operations
from compress.calibration.texts import Samples
from compress.chain import Step, step_of
from compress.editing import Edited, edits_of
from compress.events import Report, unheard
from compress.matrix import Tensor
from compress.model.weights import Committed
from compress.operation import Operation
from compress.options import Options
from compress.preparing import Start, start
from compress.streaming.journal import Scratch
from compress.trying import cut
from mvc.errors import UsageError
from mvc.history.record import Json
from mvc.repository import Repository
from mvc.values import dataclass

#: Largest difference of a value, as a share of the tensor's largest, that counts as the same.
TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Again:
    """A ``step`` that can be done again: from what, by which operation and recipe ``of``, how."""

    step: Step
    operation: Operation
    of: Any
    options: Options
    begun: Start

    @property
    def commit(self) -> str:
        """The step's."""
        return self.step.commit.id

    @property
    def changed(self) -> dict[str, tuple[str, str]]:
        """What was then and is now, of versions that are not the same."""
        now = environment.versions()
        return {
            name: (then, now[name])
            for name, then in self.step.record.versions.items()
            if name in now and now[name] != then
        }


@dataclass(frozen=True, slots=True)
class Rerun:
    """``exact`` of ``tensors`` came out to the bit; ``differing`` says of others how they differ.

    Those of an adapter that is kept apart are among them, with its file in front of the name.
    """

    known: Again
    tensors: int
    exact: int
    differing: Mapping[str, str]
    tolerance: float = TOLERANCE

    @property
    def same(self) -> bool:
        """Whether masks and codes are the same, and values within the tolerance."""
        return not self.differing


def again(
    repo: Repository, revision: str, *, data: Sequence[str] = (), seed: int | None = None
) -> Again:
    """What ``rerun`` with the same arguments would do; nothing is computed.

    Raises:
        UsageError: as ``rerun``.
    """
    environment.require()
    commit = repo.read_commit(revision)
    step = step_of(repo, commit)
    if step is None or not commit.parents:
        raise UsageError(f"{commit.id[:7]} records no step", hint="mvc compress status")
    operation, of = operations.read(step.recipe)
    options = step.options
    if data:
        options = replace(options, data=tuple(data))
    if seed is not None:
        options = replace(options, seed=seed)
    begun = start(repo, options, calibrate=operation.needs_gram(of), revision=commit.parents[0])
    said = step.record.parameters.get("calibration")
    if begun.calibration is not None and isinstance(said, dict):
        if not _same_texts(said, begun.calibration):
            raise UsageError(
                f"the texts that {commit.id[:7]} was calibrated on are not what they were",
                hint=f"--data FILE…, where they lie now: they were {', '.join(_files(said))}",
            )
    return Again(step, operation, of, options, begun)


def rerun(
    repo: Repository,
    revision: str,
    *,
    report: Report = unheard,
    data: Sequence[str] = (),
    seed: int | None = None,
) -> Rerun:
    """Do the step ``revision`` again, and compare.

    ``data``: where its texts lie now; ``seed``: another than it had, to see what hangs on the draw.

    Raises:
        UsageError: it is no step, or its texts are not what they were.
    """
    known = again(repo, revision, data=data, seed=seed)
    step, begun, options = known.step, known.begun, known.options
    journal = Scratch(repo.folder)
    threads = _threads(step) or options.threads
    with environment.threads(threads), journal.held():
        journal.begin({})
        try:
            edits_of(repo, known.operation, known.of, begun, options, journal, report)
            layers = journal.layers()
            left = step.record.parameters.get("rolled_back")
            if isinstance(left, list):
                layers = cut(layers, [*map(str, left)], options.rollback, begun.parent.skeleton)
            return _compared(repo, known, Edited(layers))
        finally:
            journal.clear()


def _same_texts(said: Mapping[str, Json], now: Samples) -> bool:
    """The same sequences; or, drawn by another seed, the same files."""
    if said.get("seed") == now.seed:
        return said.get("digest") == now.digest
    files = said.get("files")
    return isinstance(files, dict) and [*files.values()] == [*now.files.values()]


def _compared(repo: Repository, known: Again, edited: Edited) -> Rerun:
    import torch

    step = known.step
    committed = Committed(repo, step.commit.id, str(step.record.parameters["model"]))
    count, exact, differing = 0, 0, dict[str, str]()
    for name, then, now in _pairs(repo, committed, edited):
        count += 1
        how = None if then is None else _difference(then, now)
        if then is None:
            differing[name] = "is not there"
        elif how:
            differing[name] = how
        else:
            exact += torch.equal(then, now)
    return Rerun(known, count, exact, differing)


def _pairs(
    repo: Repository, committed: Committed, edited: Edited
) -> Iterator[tuple[str, Tensor | None, Tensor]]:
    """Every tensor that the step makes: its name, what was committed, and what comes out now."""
    from safetensors.torch import load

    for name in edited.present:
        yield name, committed.read(name) if name in committed.names else None, edited[name]
    for path, data in edited.files(committed, committed.config).items():
        if data is None or not path.endswith(".safetensors"):
            continue
        there = path in repo.snapshot(committed.revision)
        known = b"".join(map(bytes, repo.read_file(path, committed.revision))) if there else b""
        then = load(known) if there else {}
        for name, now in load(data).items():
            yield f"{path}: {name}", then.get(name), now


def _difference(then: Tensor, now: Tensor) -> str | None:
    """How ``now`` is not what was committed; None where it is, values within the tolerance."""
    if then.shape != now.shape or then.dtype != now.dtype:
        return f"was {then.dtype} {list(then.shape)}"
    if not then.dtype.is_floating_point:
        others = int((then != now).sum())
        return f"{others} codes are others" if others else None
    opened = int(((then == 0) != (now == 0)).sum())
    if opened:
        return f"{opened} places of the mask are others"
    most = float(then.float().abs().max()) or 1.0
    apart = float((then.float() - now.float()).abs().max()) / most
    return f"values differ by {apart:.2e} of the largest" if not apart <= TOLERANCE else None


def _threads(step: Step) -> int:
    said = step.record.parameters.get("environment")
    count = said.get("threads") if isinstance(said, dict) else None
    return count if isinstance(count, int) else 0


def _files(said: Mapping[str, Any]) -> list[str]:
    files = said.get("files")
    return [f"{name} ({digest[:12]})" for name, digest in dict(files or {}).items()]
