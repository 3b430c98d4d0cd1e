"""Four bits in groups of 64: by rounding, GPTQ and AWQ, beside the reference.

The model's weights lie on an asymmetric grid in groups of 32, which is never asked for here.
"""

from __future__ import annotations

from benchmarks.compression.bench import Bench
from compress.operations.quantize import Quantize

GROUP = 64
#: What needs no calibration is measured once.
ONCE = {
    "rounding, symmetric": Quantize(group_size=GROUP, method="rtn", symmetric=True),
    "rounding": Quantize(group_size=GROUP, method="rtn"),
    "HQQ-style": Quantize(group_size=GROUP, method="hqq"),
    "NF4": Quantize(group_size=GROUP, method="rtn", format="nf4"),
}
METHODS = {"GPTQ": "gptq", "AWQ": "awq"}


def run(bench: Bench, seed: int) -> None:
    """Everything of one seed; what draws nothing with the first."""
    if seed == 1:
        bench.dense()
        for name, recipe in ONCE.items():
            bench.ours(name, recipe)
    for symmetric in (False, True):
        for name, method in METHODS.items():
            word = f"{name}, symmetric" if symmetric else name
            recipe = Quantize(group_size=GROUP, method=method, symmetric=symmetric)  # type: ignore[arg-type]
            bench.ours(word, recipe, seed)
            spec = {"method": method, "symmetric": symmetric, "group": GROUP}
            bench.theirs(f"{word}, llm-compressor", seed, **spec)
