"""What a chain of ten steps takes in the store: ``python -m benchmarks.compression.chain``.

all-MiniLM-L6-v2 cast to BF16 (derived: its weights are FP32), a sentence encoder of 22.7 M parameters; each
commit against its checkpoint as a file. Ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import pydoc_data
import sys
from pathlib import Path
from typing import Any

from benchmarks.compression import page, rounds
from compress import operations
from compress.options import Options
from compress.running import Refused, take
from mvc.repository import Repository

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "quickstart"))

#: Not pruned: a mask in force can't be factored.
FACTORED = ["*.5.intermediate.*", "*.5.output.dense.*"]
#: In their order; codes stay values in BF16, so that each step's checkpoint is a whole one.
STEPS: tuple[dict[str, Any], ...] = (
    {"operation": "prune", "method": "wanda", "sparsity": 0.2, "skip": FACTORED},
    {"operation": "prune", "method": "sparsegpt", "sparsity": 0.3, "skip": FACTORED},
    {"operation": "heal", "distill": "cosine"},
    {"operation": "prune", "method": "sparsegpt", "sparsity": 0.4, "skip": FACTORED},
    {"operation": "prune", "method": "wanda", "sparsity": 0.5, "skip": FACTORED},
    {"operation": "heal", "distill": "cosine"},
    {"operation": "quantize", "format": "int8", "method": "rtn", "skip": FACTORED},
    {"operation": "quantize", "format": "int4", "group_size": 64, "skip": FACTORED},
    {"operation": "prune", "method": "magnitude", "sparsity": 0.55, "skip": FACTORED},
    {"operation": "factor", "keep": 0.9, "only": FACTORED},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--samples", type=int, default=32, help="sequences of 128 tokens")
    parser.add_argument("--heal", type=int, default=40, help="steps of each")
    asked = parser.parse_args()
    with rounds.folder() as place:
        repo = _repository(Path(place))
        os.chdir(place)
        options = Options(
            data=("known.txt",),
            samples=asked.samples,
            length=128,
            judged=4,
            threads=asked.threads,
            limit="none",
        )
        raw, before = [_checkpoint()], _stored(repo)
        lines = rounds.Lines()
        lines.say("| step | raw MB | stored MB | share |")
        lines.say("| --- | ---: | ---: | ---: |")
        lines.say(_row("the encoder", raw[0], before))
        for number, said in enumerate(STEPS, 1):
            more = {"steps": asked.heal} if said["operation"] == "heal" else {}
            operation, recipe = operations.read({**said, **more})
            try:
                take(repo, recipe, options)
            except Refused as refusal:
                lines.say(f"| {number} {operation.summary(recipe)}: {refusal.message} | | | |")
                continue
            now = _stored(repo)
            raw.append(_checkpoint())
            lines.say(_row(f"{number} {operation.summary(recipe)}", raw[-1], now - before))
            before = now
        lines.say(_row("**all**", sum(raw), before))
    page.tell(
        "chain",
        lines,
        "all-MiniLM-L6-v2 cast to BF16. Each commit's raw size is that of its checkpoint. "
        f"Calibrated on {asked.samples} × 128 tokens, {asked.heal} steps a heal.",
    )


def _repository(folder: Path) -> Repository:
    """The encoder in BF16, its texts beside it."""
    import shutil

    import safetensors.torch
    import torch
    from models import MINILM, fetch

    import mvc

    source = fetch(MINILM)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copyfile(source / name, folder / name)
    weights = safetensors.torch.load_file(source / "model.safetensors")
    cast = {n: v.to(torch.bfloat16) if v.is_floating_point() else v for n, v in weights.items()}
    safetensors.torch.save_file(cast, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["dtype"] = "bfloat16"
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    topics = Path(pydoc_data.__file__).with_name("topics.py").read_text("utf-8")
    (folder / "known.txt").write_text(topics, "utf-8")
    repo = mvc.init(str(folder), who=("Benchmark", "benchmark@example.org"))
    repo.add(
        ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]
    )
    repo.commit("all-MiniLM-L6-v2 in BF16")
    return repo


def _checkpoint() -> int:
    return Path("model.safetensors").stat().st_size


def _stored(repo: Repository) -> int:
    return sum(file.stat().st_size for file in Path(repo.folder).rglob("*") if file.is_file())


def _row(name: str, raw: int, stored: int) -> str:
    return f"| {name} | {raw / 1e6:.1f} | {stored / 1e6:.2f} | {stored / raw:.3f} |"


if __name__ == "__main__":
    main()
