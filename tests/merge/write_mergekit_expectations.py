"""Store what mergekit makes of every case; run where mergekit and torch are installed:

python tests/merge/write_mergekit_expectations.py
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from merge.mergekit_cases import STORED, cases, distance, ours, theirs  # noqa: E402

if __name__ == "__main__":
    found = {case.key: theirs(case) for case in cases()}
    worst: dict[str, dict[str, float]] = {}
    for case in cases():
        far = distance(case, ours(case), found[case.key])
        of_strategy = worst.setdefault(case.strategy, {})
        of_strategy[case.dtype] = max(far, of_strategy.get(case.dtype, 0.0))
    for strategy, by_dtype in worst.items():
        print(f"{strategy:18}", *(f"{dtype} {far:6.2f}" for dtype, far in by_dtype.items()))
    found["mergekit"] = np.array(version("mergekit"))
    found["torch"] = np.array(version("torch"))
    np.savez_compressed(STORED, **found)
