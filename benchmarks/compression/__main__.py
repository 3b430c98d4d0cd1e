"""What compression costs SmolLM2-135M: ``python -m benchmarks.compression [prune quantize factor heal]``.

All of it takes hours on two cores. Each figure is kept under ``.cache/benchmarks/compression`` as it is made,
so that a run that was cut off goes on. Ends by writing the page of what is known so far; ``page`` does that
alone.
"""

from __future__ import annotations

import importlib

from benchmarks.compression import page, rounds
from benchmarks.compression.rounds import Kept, Settings


def main() -> None:
    parser = rounds.options(__doc__)
    parser.add_argument("parts", nargs="*", default=page.PARTS, choices=(*page.PARTS, "page", []))
    asked = parser.parse_args()
    settings = Settings(samples=asked.samples, judged=asked.judged, threads=asked.threads)
    for part in [part for part in asked.parts if part != "page"]:
        from benchmarks.compression.bench import Bench

        kept = Kept(part, settings, only=asked.only)
        if asked.again:
            kept.forget(asked.again)
        bench = Bench(kept, settings)
        for seed in range(1, asked.seeds + 1):
            importlib.import_module(f"benchmarks.compression.{part}").run(bench, seed)
    page.write(page.gathered())


if __name__ == "__main__":
    main()
