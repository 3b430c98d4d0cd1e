"""How well a model tells kinds of reactions apart: ``python evaluate.py [FILE]`` prints ``{"triplets": …}``.

Takes triplets of two reactions of one kind and one of another; right are those in which the two of a kind have
the more similar fingerprints. A fingerprint is what the encoder makes of the first token (Schwaller et al.,
Nature Machine Intelligence 3, 2021). The 18 textbook reactions are ours: enough to see that a model broke, far
too few to rank good ones. BERT in NumPy: twelve layers, four heads (arXiv:1810.04805).
"""

from __future__ import annotations

import json
import re
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

Array = np.ndarray[Any, np.dtype[np.float32]]

LAYERS, HEADS = 12, 4
KINDS = {
    "esterification": """
        CCO.CC(=O)O>>CC(=O)OCC
        CO.O=C(O)c1ccccc1>>COC(=O)c1ccccc1
        CCCO.CCC(=O)O>>CCCOC(=O)CC""",
    "amide coupling": """
        NCc1ccccc1.CC(=O)O>>CC(=O)NCc1ccccc1
        Nc1ccccc1.O=C(O)c1ccccc1>>O=C(Nc1ccccc1)c1ccccc1
        CNC.O=C(Cl)c1ccccc1>>CN(C)C(=O)c1ccccc1""",
    "Suzuki coupling": """
        OB(O)c1ccccc1.Brc1ccccc1>>c1ccc(-c2ccccc2)cc1
        OB(O)c1ccc(C)cc1.Brc1ccncc1>>Cc1ccc(-c2ccncc2)cc1
        OB(O)c1ccccc1.COc1ccc(Br)cc1>>COc1ccc(-c2ccccc2)cc1""",
    "nitro reduction": """
        O=[N+]([O-])c1ccccc1>>Nc1ccccc1
        Cc1ccc([N+](=O)[O-])cc1>>Cc1ccc(N)cc1
        COc1ccc([N+](=O)[O-])cc1>>COc1ccc(N)cc1""",
    "alcohol oxidation": """
        OCc1ccccc1>>O=Cc1ccccc1
        CC(O)c1ccccc1>>CC(=O)c1ccccc1
        OC1CCCCC1>>O=C1CCCCC1""",
    "Boc removal": """
        CC(C)(C)OC(=O)NCc1ccccc1>>NCc1ccccc1
        CC(C)(C)OC(=O)N1CCCCC1>>C1CCNCC1
        CC(C)(C)OC(=O)Nc1ccccc1>>Nc1ccccc1""",
}
#: Atoms in brackets, the elements of two letters, and single signs.
_TOKEN = re.compile(r"\[[^\]]+\]|Br|Cl|>>|%\d\d|.")


def fingerprint(model: dict[str, Array], tokens: list[int]) -> Array:
    """What the last layer makes of the first token."""

    def linear(x: Array, name: str) -> Array:
        return x @ model[f"{name}.weight"].T + model[f"{name}.bias"]

    def normed(x: Array, name: str) -> Array:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * model[f"{name}.weight"] + model[f"{name}.bias"]

    def heads(x: Array) -> Array:
        return x.reshape(len(x), HEADS, -1).transpose(1, 0, 2)

    x = model["embeddings.word_embeddings.weight"][tokens]
    x = x + model["embeddings.position_embeddings.weight"][: len(tokens)]
    x = normed(
        x + model["embeddings.token_type_embeddings.weight"][0],
        "embeddings.LayerNorm",
    )
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        query, key, value = (
            heads(linear(x, f"{layer}.attention.self.{n}")) for n in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights @ value).transpose(1, 0, 2).reshape(x.shape)
        name = f"{layer}.attention.output"
        x = normed(linear(mixed, f"{name}.dense") + x, f"{name}.LayerNorm")
        inner = linear(x, f"{layer}.intermediate.dense")
        # GELU by the tanh: within 0.001 of the exact one.
        inner *= 0.5 * (1 + np.tanh(0.7978845608 * (inner + 0.044715 * inner**3)))
        name = f"{layer}.output"
        x = normed(linear(inner, f"{name}.dense") + x, f"{name}.LayerNorm")
    return x[0]


def triplets(model: dict[str, Array], vocabulary: dict[str, int]) -> float:
    """The share of triplets that are right."""
    found: dict[str, list[Array]] = {}
    for kind, reactions in KINDS.items():
        found[kind] = []
        for reaction in reactions.split():
            words = ["[CLS]", *_TOKEN.findall(reaction), "[SEP]"]
            seen = fingerprint(model, [vocabulary[word] for word in words])
            found[kind].append(seen / np.linalg.norm(seen))
    right = [
        float(anchor @ like) > float(anchor @ other)
        for kind, alike in found.items()
        for anchor, like in permutations(alike, 2)
        for unlike in found.keys() - {kind}
        for other in found[unlike]
    ]
    return sum(right) / len(right)


def main() -> None:
    """Of the model in this folder, with its vocabulary beside it."""
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "model.safetensors")
    words = Path("vocab.txt").read_text("utf-8").split()
    share = triplets(load_file(file), {word: number for number, word in enumerate(words)})
    print(json.dumps({"triplets": round(share, 4)}))


if __name__ == "__main__":
    main()
