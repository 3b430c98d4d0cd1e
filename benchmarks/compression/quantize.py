"""Quantization of SmolLM2-135M beside llm-compressor: ``python -m benchmarks.compression.quantize``.

The same model, calibration tokens and evaluation for both. Each measurement is kept in ``measured.json`` under
``.cache/quantize`` as it is made, so that a run that was cut off goes on. The model's weights lie on an
asymmetric grid in groups of 32, which is never asked for here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.compression import peer, rounds, smollm

WORK = Path(__file__).resolve().parents[2] / ".cache" / "quantize"
COLUMNS = ("perplexity", "kl", "agreement")
LENGTH, GROUP = 256, 64
#: What needs no calibration is measured once.
ONCE: dict[str, dict[str, Any]] = {
    "round to nearest, symmetric": {"method": "rtn", "symmetric": True},
    "round to nearest": {"method": "rtn"},
    "HQQ-style": {"method": "hqq"},
    "NF4": {"method": "rtn", "format": "nf4"},
}


class Bench:
    """The dense model as a commit, its tokens, and what was measured so far."""

    def __init__(self, work: Path, samples: int, judged: int) -> None:
        import mvc
        from compress.calibration.texts import read, tokenizer_of, windows
        from compress.evaluation.evaluator import Subject
        from compress.evaluation.texts import Texts
        from compress.model.weights import Committed

        self._work, self._kept, self._count = work, work / "measured.json", samples
        self.found: dict[str, Any] = {}
        if self._kept.exists():
            self.found = json.loads(self._kept.read_text("utf-8"))
        self._folder = work / "repository"
        if not (self._folder / ".mvc").exists():
            self._folder.mkdir(parents=True)
            smollm.repository(self._folder)
        self._repo = mvc.open(str(self._folder))
        self._dense = Committed(self._repo)
        tokenizer = tokenizer_of(self._dense)
        known, held = (read([str(self._folder / f"{name}.txt")]) for name in ("known", "held"))
        self._ids = known.tokens(tokenizer, len(known.text))
        ids = held.tokens(tokenizer, len(held.text))
        self._evaluator = Texts(windows(ids, {}, judged, LENGTH, seed=None), Subject(self._dense))

    def measure(self, name: str, made: Callable[[], Any] | None = None) -> None:
        """Measure the weights that ``made`` gives (None: the dense model's), unless they were."""
        from compress.evaluation.evaluator import Subject
        from compress.events import unheard

        if name in self.found:
            return
        subject = Subject(self._dense, None if made is None else made())
        values = self._evaluator.measure(subject, unheard).values
        self.found[name] = dict(values)
        self._kept.write_text(json.dumps(self.found, indent=1), "utf-8")
        print(f"{name}: perplexity {values['perplexity']:.3f}, KL {values['kl']:.4f}", flush=True)

    def ours(self, seed: int, **how: Any) -> Any:
        """The weights after a step of ours."""
        from compress.editing import Edited
        from compress.model.skeleton import Skeleton
        from compress.model.weights import Overlaid
        from compress.operations.quantize import OPERATION, Quantize
        from compress.standing import Standing
        from compress.streaming import driver
        from compress.streaming.journal import Scratch

        recipe, skeleton = Quantize(group_size=GROUP, **how), Skeleton(self._dense)
        ids = self._samples(seed)
        journal = Scratch(self._repo.folder)
        journal.begin({})
        driver.apply(driver.Work(skeleton, OPERATION, recipe, ids, Standing(), seed, {}), journal)
        edited = Edited(journal.layers())
        return Overlaid(self._dense, edited.tensors, edited.gone)

    def theirs(self, seed: int, method: str, *, symmetric: bool) -> Any:
        """The weights after the reference's step."""
        kind = "symmetric" if symmetric else "asymmetric"
        out = self._work / f"{method}-{kind}-{seed}"
        ids = self._samples(seed)
        return peer.quantized(self._folder, ids, method, symmetric=symmetric, out=out)

    def _samples(self, seed: int) -> Any:
        from compress.calibration.texts import windows

        return windows(self._ids, {}, self._count, LENGTH, seed=seed).ids


def run(bench: Bench, seeds: int, kinds: tuple[bool, ...]) -> None:
    """Everything that the table shows."""
    bench.measure("dense")
    for name, how in ONCE.items():
        bench.measure(name, lambda how=how: bench.ours(1, **how))  # type: ignore[misc]
    for seed in range(1, seeds + 1):
        for symmetric in kinds:
            for method in ("gptq", "awq"):
                word = f"{method.upper()}{', symmetric' if symmetric else ''}"
                given = {"method": method, "symmetric": symmetric}
                bench.measure(f"{word}|{seed}", lambda s=seed, g=given: bench.ours(s, **g))  # type: ignore[misc]
                bench.measure(
                    f"{word}, llm-compressor|{seed}",
                    lambda s=seed, g=given: bench.theirs(s, **g),  # type: ignore[misc]
                )


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """A line for each way, over its seeds."""
    ways: dict[str, list[Mapping[str, float]]] = {}
    for name, values in found.items():
        ways.setdefault(name.partition("|")[0], []).append(values)
    lines = [rounds.line(name, of, COLUMNS) for name, of in ways.items()]
    return "\n".join((rounds.head(COLUMNS), *lines))


def main() -> None:
    parser: argparse.ArgumentParser = rounds.options(__doc__)
    parser.add_argument("--symmetric", action="store_true", help="measure symmetric grids, too")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(given.threads)
    bench = Bench(WORK, given.samples, given.judged)
    run(bench, given.seeds, (False, True) if given.symmetric else (False,))
    print(table(bench.found))


if __name__ == "__main__":
    main()
