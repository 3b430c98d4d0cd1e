"""The next version of a generated BF16 model: ``python -m benchmarks.storage.generate FILE BASE KIND [SEED]``.

Every weight is read as a float, changed, and rounded to BF16 again; prints the share of elements that changed
and the relative L2. ``fine-tune`` moves each by a normal step of the same size everywhere, as AdamW does;
``step`` by a tenth of that, a run's next checkpoint; ``lora`` adds a product of rank 8 to each attention
matrix; ``pruned`` multiplies the smaller half of each matrix by zero.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.storage.reference import tensors

Floats = npt.NDArray[np.float32]
_SEED = 20240301
#: Of a step, at a spread of the weights of 0.02: relative L2 0.006, as the family's fine-tunes have it.
_STEP = 1.2e-4
_RANK = 8


def fine_tune(name: str, shape: tuple[int, ...], values: Floats, draw: np.random.Generator) -> None:
    values += _STEP * draw.standard_normal(values.shape, np.float32)


def step(name: str, shape: tuple[int, ...], values: Floats, draw: np.random.Generator) -> None:
    values += _STEP / 10 * draw.standard_normal(values.shape, np.float32)


def lora(name: str, shape: tuple[int, ...], values: Floats, draw: np.random.Generator) -> None:
    if "self_attn" in name:
        up = draw.standard_normal((shape[0], _RANK), np.float32)
        down = draw.standard_normal((_RANK, shape[1]), np.float32)
        values += (2 * _STEP / _RANK**0.5 * up @ down).ravel()


def pruned(name: str, shape: tuple[int, ...], values: Floats, draw: np.random.Generator) -> None:
    if len(shape) == 2:
        size = np.abs(values)
        values *= size > np.median(size)


KINDS: dict[str, Callable[[str, tuple[int, ...], Floats, np.random.Generator], None]] = {
    "fine-tune": fine_tune,
    "step": step,
    "lora": lora,
    "pruned": pruned,
}


def write(place: Path, base: Path, kind: str, seed: int) -> dict[str, float]:
    start, each = tensors(base)
    with base.open("rb") as file:
        header = file.read(start)
    shapes = {
        name: entry["shape"] for name, entry in json.loads(header[8:]).items() if name[:1] != "_"
    }
    changed = elements = 0
    square = norm = 0.0
    with place.open("wb") as file:
        file.write(header)
        for number, (name, _, raw) in enumerate(each):
            old = raw.view("<u2").astype(np.uint32) << 16
            values = old.view(np.float32).copy()
            draw = np.random.default_rng((_SEED, seed, number))
            KINDS[kind](name, tuple(shapes[name]), values, draw)
            bits = values.view(np.uint32)
            bits += 0x7FFF + ((bits >> 16) & 1)
            bits &= np.uint32(0xFFFF0000)
            file.write((bits >> 16).astype("<u2").data)
            before = old.view(np.float32)
            changed += int((bits != old).sum())
            elements += len(bits)
            square += float(np.square(values - before, dtype=np.float64).sum())
            norm += float(np.square(before, dtype=np.float64).sum())
    return {"changed": changed / elements, "relative_l2": (square / norm) ** 0.5}


if __name__ == "__main__":
    to, of, what, *rest = sys.argv[1:]
    print(json.dumps(write(Path(to), Path(of), what, int(rest[0]) if rest else 0)))
