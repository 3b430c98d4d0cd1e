"""A BF16 model with the statistics of a trained one, written the same way every time.

A decoder of 24 layers: embedding, attention, gated MLP, norms. Weights are normal with a spread of their own
for each tensor, so that exponents take 2.6 bits and the rest is noise, as in released models. Run as
``python -m benchmarks.model FILE --size BYTES``; prints the file's size and its order-0 bound as JSON.

The bound: in each tensor, the plane of the eight exponent bits (the sign rotated out of the way) at its
order-0 entropy, everything else as it is. No coder of single bytes gets below it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

LAYERS = 24
GIGABYTE = 1_000_000_000
SEED = 20240229
#: Values drawn at once.
_BLOCK = 1 << 20
#: Width at one gigabyte; the rest follows.
_WIDTH = 1024
_VOCABULARY = 96_000


class Spec(NamedTuple):
    """A tensor to write: standard deviation ``spread`` around ``centre``."""

    name: str
    shape: tuple[int, ...]
    spread: float
    centre: float = 0.0

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


def tensors(size: int) -> list[Spec]:
    """The tensors of a model of about ``size`` bytes, in the order of the file."""
    factor = math.sqrt(size / GIGABYTE)
    width = max(64, round(_WIDTH * factor / 64) * 64)
    vocabulary = max(64, round(_VOCABULARY * factor / 64) * 64)
    inner = 4 * width
    draw = np.random.default_rng(SEED)
    found = [Spec("model.embed_tokens.weight", (vocabulary, width), 0.02)]
    shapes = {
        "self_attn.q_proj": (width, width),
        "self_attn.k_proj": (width, width),
        "self_attn.v_proj": (width, width),
        "self_attn.o_proj": (width, width),
        "mlp.gate_proj": (inner, width),
        "mlp.up_proj": (inner, width),
        "mlp.down_proj": (width, inner),
    }
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        for name, shape in shapes.items():
            spread = float(np.exp(draw.normal(math.log(0.02), 0.4)))
            found.append(Spec(f"{prefix}.{name}.weight", shape, spread))
        for name in ("input_layernorm", "post_attention_layernorm"):
            found.append(Spec(f"{prefix}.{name}.weight", (width,), 0.1, 1.0))
    found.append(Spec("model.norm.weight", (width,), 0.1, 1.0))
    return found


def write(file: BinaryIO, size: int, seed: int = SEED) -> tuple[int, float]:
    """Write the model; its size in bytes and its order-0 bound in bytes. ``seed`` is that of its values."""
    specs = tensors(size)
    head = _header(specs)
    file.write(head)
    bound = float(len(head))
    for number, spec in enumerate(specs):
        histogram = np.zeros(256, np.int64)
        for words in _values(number, spec, seed):
            histogram += np.bincount((words >> 7) & 0xFF, minlength=256)
            file.write(words.data)
        bound += spec.elements * (1 + _entropy(histogram) / 8)
    return file.tell(), bound


def _values(number: int, spec: Spec, seed: int) -> Iterator[npt.NDArray[np.uint16]]:
    """The tensor in blocks of BF16 words, rounded to nearest even."""
    draw = np.random.default_rng((seed, number))
    for start in range(0, spec.elements, _BLOCK):
        values = draw.standard_normal(min(_BLOCK, spec.elements - start), np.float32)
        values *= np.float32(spec.spread)
        values += np.float32(spec.centre)
        bits = values.view(np.uint32)
        bits += 0x7FFF + ((bits >> 16) & 1)
        yield (bits >> 16).astype("<u2")


def _header(specs: list[Spec]) -> bytes:
    table: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for spec in specs:
        end = offset + 2 * spec.elements
        table[spec.name] = {"dtype": "BF16", "shape": spec.shape, "data_offsets": (offset, end)}
        offset = end
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _entropy(histogram: npt.NDArray[np.int64]) -> float:
    """Bits a symbol."""
    share = histogram[histogram > 0] / histogram.sum()
    return float(-(share * np.log2(share)).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("file")
    parser.add_argument("--size", type=float, default=GIGABYTE, help="bytes, about")
    parser.add_argument("--seed", type=int, default=SEED, help="of the values")
    arguments = parser.parse_args()
    with open(arguments.file, "wb") as file:
        written, bound = write(file, int(arguments.size), arguments.seed)
    print(json.dumps({"size": written, "bound": bound}))


if __name__ == "__main__":
    main()
