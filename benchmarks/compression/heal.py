"""What healing brings back, and whether waves pay.

Half of the weights are pruned by magnitude, and healed; with the minutes of one processor that it takes and
whether a zero opened. SparseGPT goes to half in waves, each healed by distillation, against SparseGPT at once
and the same healing: as many steps in all, and as many after each wave.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.compression import smollm
from benchmarks.compression.bench import Bench
from benchmarks.compression.rounds import WORK, Settings, Values
from compress.operations.heal import Heal
from compress.operations.prune import Prune
from compress.options import Options
from compress.running import Taken, take
from compress.waves.schedule import Schedule
from mvc import errors
from mvc.repository import Repository

#: What is learned after magnitude, and behind each wave.
AFTER = Heal(steps=60, batch=2, distill="none")
DISTILLED = Heal(batch=2, rate=3e-3)
#: To half of the weights: at once, and in waves; how many steps of healing follow each.
PLANS = {
    "SparseGPT at once, healed": (Schedule(1, 0.5), 40),
    "SparseGPT in 2 waves, healed": (Schedule(2, 0.5), 20),
    "SparseGPT in 2 waves, healed twice as much": (Schedule(2, 0.5), 40),
}


def run(bench: Bench, seed: int) -> None:
    """Everything of one seed."""
    settings = bench.settings
    # A step is judged on other sequences than the bench's: the dense model has figures of its own here.
    dense, broken, healed = "dense", "50 % by magnitude", f"50 % by magnitude, healed|{seed}"
    if bench.kept.lacks(broken) or bench.kept.lacks(healed):
        with _repository() as repo:
            once = _once(repo, settings, seed)
        for name, values in zip((dense, broken, healed), once, strict=True):
            bench.kept.take(name, lambda values=values: values)  # type: ignore[misc]
    for word, (plan, steps) in PLANS.items():
        recipe = replace(DISTILLED, steps=steps)
        made = partial(_in_waves, settings, seed, plan, recipe)
        bench.kept.take(f"{word}|{seed}", made)


def _once(repo: Repository, settings: Settings, seed: int) -> tuple[Values, Values, Values]:
    """The dense model, pruned, and healed."""
    broken = take(repo, Prune(method="magnitude", sparsity=0.5), _options(settings, seed))
    begun = time.process_time()
    healed = _healed(repo, AFTER, settings, seed)
    minutes = (time.process_time() - begun) / 60
    lost = math.log(broken.after.values["perplexity"] / broken.before.values["perplexity"])
    won = math.log(broken.after.values["perplexity"] / healed["perplexity"])
    told = {"recovered": won / lost, "minutes": minutes, "zeros opened": _opened(repo, broken)}
    return broken.before.values, broken.after.values, {**healed, **told}


def _in_waves(settings: Settings, seed: int, plan: Schedule, recipe: Heal) -> Values:
    waves = plan.waves
    begun, helped = time.process_time(), 0
    with _repository() as repo:
        for wave in range(1, waves + 1):
            reached = plan.planned(wave / waves)
            pruned = take(repo, Prune(sparsity=reached), _options(settings, seed))
            assert pruned.commit is not None
            values = _healed(repo, recipe, settings, seed)
            helped += next(repo.log()).id != pruned.commit.id
        minutes = (time.process_time() - begun) / 60
        opened = _opened(repo, pruned)
        return {**values, "minutes": minutes, "heals kept": helped, "zeros opened": opened}


def _healed(repo: Repository, recipe: Heal, settings: Settings, seed: int) -> Values:
    """After the heal, or as it was before where the guard refused it."""
    try:
        return take(repo, recipe, _options(settings, seed, healing=True)).after.values
    except errors.Refused as refused:
        print(refused.message, flush=True)
        record = repo.record()
        assert record is not None
        return dict(record.metrics)


def _opened(repo: Repository, pruned: Taken) -> float:
    """Weights that are zero in what was pruned and not in what was healed."""
    assert pruned.commit is not None
    before, after = repo.load(pruned.commit.id, framework="pt"), repo.load(framework="pt")
    names = [name for name in before if name.endswith("proj.weight")]
    return float(sum(int(((before[n] == 0) & (after[n] != 0)).sum()) for n in names))


def _options(settings: Settings, seed: int, *, healing: bool = False) -> Options:
    return Options(
        data=("known.txt",),
        held=("held.txt",),
        samples=settings.learned if healing else settings.samples,
        judged=settings.judged,
        length=settings.length,
        seed=seed,
        threads=settings.threads,
        limit="" if healing else "none",
    )


@contextmanager
def _repository() -> Iterator[Any]:
    """A repository of its own, in the working folder."""
    before = Path.cwd()
    with TemporaryDirectory(prefix="heal-", dir=WORK) as place:
        os.chdir(place)
        try:
            yield smollm.repository(Path(place))
        finally:
            os.chdir(before)
