"""Two factors of four fifths of the parameters: SVD, ASVD, FWSVD, SVD-LLM; ranks alike or given out.

SVD-LLM is also calibrated on a text of another kind than the one that judges, to see how it leans on that.
"""

from __future__ import annotations

from benchmarks.compression.bench import Bench
from compress.operations.factor import Factor


def run(bench: Bench, seed: int) -> None:
    """Everything of one seed; of the ways that are off by far one seed tells enough."""
    bench.ours("SVD-LLM", Factor(), seed)
    bench.ours("SVD-LLM, ranks alike", Factor(ranks="uniform"), seed)
    if seed == 1:
        bench.dense()
        bench.ours("SVD", Factor(method="svd"))
        bench.ours("ASVD", Factor(method="asvd"), seed)
        bench.ours("FWSVD", Factor(method="fwsvd"), seed)
        bench.ours("SVD-LLM, ranks by budget", Factor(ranks="budget"), seed)
        bench.ours("SVD-LLM, calibrated on another kind of text", Factor(), seed, text="other")
