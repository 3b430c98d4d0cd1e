"""SVD, ASVD, FWSVD and SVD-LLM at the same size: ``python -m benchmarks.compression.factor``.

A line as soon as it is known. Twenty minutes on two cores with three seeds.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.compression import rounds, smollm
from compress.operations.factor import Factor
from compress.options import Options
from compress.running import take

#: Methods of which one round tells enough: they don't calibrate, or miss the bar by orders of magnitude.
_ONCE = ("svd", "asvd", "fwsvd")
COLUMNS = ("perplexity", "kl", "agreement", "share of bytes")


def main() -> None:
    parser = rounds.options(__doc__)
    parser.add_argument("--keep", type=float, default=0.8)
    parser.add_argument("--damping", type=float, default=Factor().damping)
    parser.add_argument(
        "only", nargs="*", default=["svd-llm", "svd-llm budget", "svd-llm search", *_ONCE]
    )
    asked = parser.parse_args()
    with rounds.folder() as place:
        repo = smollm.repository(Path(place))
        os.chdir(place)
        print(rounds.head(COLUMNS), flush=True)
        for number, name in enumerate(asked.only):
            method, _, ranks = name.partition(" ")
            recipe = Factor(
                method=method,
                ranks=ranks or "uniform",  # type: ignore[arg-type]
                keep=asked.keep,
                damping=asked.damping,
            )
            found = []
            for seed in range(1, (1 if method in _ONCE else asked.seeds) + 1):
                options = Options(
                    data=("known.txt",),
                    held=("held.txt",),
                    samples=asked.samples,
                    judged=asked.judged,
                    seed=seed,
                    threads=asked.threads,
                    limit="none",
                )
                taken = take(repo, recipe, options, dry_run=True)
                share = taken.sizes[1] / taken.sizes[0]
                found.append({**taken.after.values, "share of bytes": share})
                if not number and seed == 1:
                    dense = {**taken.before.values, "share of bytes": 1.0}
                    print(rounds.line("dense", [dense], COLUMNS), flush=True)
            print(rounds.line(name, found, COLUMNS), flush=True)


if __name__ == "__main__":
    main()
