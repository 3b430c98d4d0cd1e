"""Round weights to so many bits: ``python round_weights.py BITS PREFIX…``, of tensors whose names begin so.

Each row to the nearest of evenly spaced values, of which the largest magnitude is one; in float32 as before.
"""

from __future__ import annotations

import sys

import numpy as np
from safetensors.numpy import load_file, save_file

FILE = "model.safetensors"


def main() -> None:
    """Of the model in this folder."""
    most = 2.0 ** (int(sys.argv[1]) - 1) - 1
    model = load_file(FILE)
    for name, weight in model.items():
        if weight.ndim == 2 and name.startswith(tuple(sys.argv[2:])):
            step = np.abs(weight).max(1, keepdims=True).astype("f4") / np.float32(most)
            step[step == 0] = 1
            model[name] = np.round(weight / step) * step
    save_file(dict(sorted(model.items())), FILE)


if __name__ == "__main__":
    main()
