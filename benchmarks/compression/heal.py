"""What healing brings back, and whether waves pay: ``python -m benchmarks.compression.heal [waves]``.

``once``: half of the weights pruned by magnitude, then healed, with the time that it takes and whether a zero
opened. ``waves``: SparseGPT to half in waves, each healed by distillation, against SparseGPT at once and as
many steps of the same healing.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

from benchmarks.compression import rounds, smollm
from compress.operations.heal import Heal
from compress.operations.prune import Prune
from compress.options import Options
from compress.running import Refused, take
from mvc.repository import Repository

COLUMNS = ("perplexity", "kl", "recovered", "minutes", "zeros opened")


def main() -> None:
    parser = rounds.options(__doc__)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--learned", type=int, default=192, help="sequences to learn from")
    parser.add_argument("--rate", type=float, default=Heal().rate)
    parser.add_argument("--distill", default="none", choices=("none", "cosine", "kl"))
    parser.add_argument("--weight", type=float, default=1.0)
    parser.add_argument("--waves", type=int, default=4)
    parser.add_argument("what", nargs="?", default="once", choices=("once", "waves"))
    asked = parser.parse_args()
    with rounds.folder() as place:
        repo = smollm.repository(Path(place))
        os.chdir(place)
        print(rounds.head(COLUMNS), flush=True)
        run = _once if asked.what == "once" else _waves
        found: dict[str, list[dict[str, float]]] = {}
        for seed in range(1, asked.seeds + 1):
            for name, values in run(repo, asked, seed).items():
                found.setdefault(name, []).append(values)
        for name, values in found.items():
            print(rounds.line(name, values, COLUMNS), flush=True)


def _once(repo: Repository, asked: Any, seed: int) -> dict[str, dict[str, float]]:
    dense = repo.resolve("HEAD")
    broken = take(repo, Prune(method="magnitude", sparsity=0.5), _options(asked, seed))
    begun = time.monotonic()
    healed = _healed(repo, asked, seed, asked.steps)
    minutes = (time.monotonic() - begun) / 60
    lost = math.log(broken.after.values["perplexity"] / broken.before.values["perplexity"])
    won = math.log(broken.after.values["perplexity"] / healed["perplexity"])
    opened = _opened(repo)
    repo.reset(dense, mode="hard")
    blank = {"recovered": 0.0, "minutes": 0.0, "zeros opened": 0.0}
    return {
        "dense": {**broken.before.values, **blank},
        "50 % by magnitude": {**broken.after.values, **blank},
        f"healed, {asked.steps} steps": {
            **healed,
            "recovered": won / lost,
            "minutes": minutes,
            "zeros opened": opened,
        },
    }


def _waves(repo: Repository, asked: Any, seed: int) -> dict[str, dict[str, float]]:
    dense = repo.resolve("HEAD")
    found = {}
    for waves in (1, asked.waves):
        begun = time.monotonic()
        for wave in range(1, waves + 1):
            take(repo, Prune(sparsity=0.5 * wave / waves), _options(asked, seed))
            values = _healed(repo, asked, seed, asked.steps // waves)
        name = "at once" if waves == 1 else f"{waves} waves"
        found[name] = {
            **values,
            "recovered": 0.0,
            "minutes": (time.monotonic() - begun) / 60,
            "zeros opened": _opened(repo),
        }
        repo.reset(dense, mode="hard")
    return found


def _healed(repo: Repository, asked: Any, seed: int, steps: int) -> dict[str, float]:
    recipe = Heal(
        steps=steps,
        batch=asked.batch,
        rate=asked.rate,
        distill=asked.distill,
        weight=asked.weight,
    )
    try:
        taken = take(repo, recipe, _options(asked, seed, healing=True))
    except Refused as refused:
        print(f"<!-- {refused.message} -->", flush=True)
        record = repo.record()
        assert record is not None
        return dict(record.metrics)
    return dict(taken.after.values)


def _opened(repo: Repository) -> float:
    """Weights that are zero in the parent and not here."""
    before, after = repo.load("HEAD~1", framework="pt"), repo.load(framework="pt")
    names = [name for name in before if name.endswith("proj.weight")]
    return float(sum(int(((before[n] == 0) & (after[n] != 0)).sum()) for n in names))


def _options(asked: Any, seed: int, *, healing: bool = False) -> Options:
    return Options(
        data=("known.txt",),
        held=("held.txt",),
        samples=asked.learned if healing else asked.samples,
        judged=asked.judged,
        seed=seed,
        threads=asked.threads,
        limit="" if healing else "none",
    )


if __name__ == "__main__":
    main()
