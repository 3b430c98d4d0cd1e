"""Half of the weights, and two of every four: magnitude, Wanda, SparseGPT, beside the reference."""

from __future__ import annotations

from benchmarks.compression.bench import Bench
from compress.operations.prune import Prune

#: What the ways are called, and the patterns that both sides know.
PATTERNS = {"50 %": "unstructured", "2:4": "2:4"}
METHODS = {"Wanda": "wanda", "SparseGPT": "sparsegpt"}


def run(bench: Bench, seed: int) -> None:
    """Everything of one seed; what draws nothing with the first."""
    for words, pattern in PATTERNS.items():
        if seed == 1:
            bench.dense()
            bench.ours(f"magnitude, {words}", Prune(method="magnitude", pattern=pattern))
        for name, method in METHODS.items():
            recipe = Prune(method=method, pattern=pattern)  # type: ignore[arg-type]
            bench.ours(f"{name}, {words}", recipe, seed)
            bench.theirs(f"{name}, {words}, llm-compressor", seed, method=method, pattern=pattern)
