"""How much memory a step on a 7B-shaped Mistral takes: ``python -m benchmarks.compression.large``.

The model has the widths of Mistral-7B and few blocks, BF16 in a shard each, its weights drawn at random: memory
does not ask what a model knows. One block is in memory at a time, so that the peak must not grow from block to
block; as many blocks as Mistral has are shown on a quarter of the widths. The quality of what comes out is
without meaning.
"""

from __future__ import annotations

import argparse
import json
import os
import pydoc_data
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.compression import page, rounds
from benchmarks.measure import clean, run

MVC = Path(sys.executable).with_name("mvc")
VOCABULARY, HEAD = 32000, 128
#: Widths and blocks of the models.
MODELS = {4096: 4, 1024: 32}
#: After which blocks the table tells.
TOLD = (1, 2, 4, 8, 16, 32)
STEPS = {
    "prune": ["--method", "sparsegpt", "--sparsity", "50%"],
    "quantize": ["--method", "gptq", "--format", "int4", "--save-as", "compressed-tensors"],
}
SAMPLES = ["--samples", "16", "--length", "256", "--judged", "2", "--limit", "none"]


def shapes(width: int) -> dict[str, tuple[int, int]]:
    """Of a block's matrices, with Mistral's proportions: four heads of queries to one of keys and values."""
    inner, grouped = width * 7 // 2, width // 4
    return {
        "self_attn.q_proj": (width, width),
        "self_attn.k_proj": (grouped, width),
        "self_attn.v_proj": (grouped, width),
        "self_attn.o_proj": (width, width),
        "mlp.gate_proj": (inner, width),
        "mlp.up_proj": (inner, width),
        "mlp.down_proj": (width, inner),
    }


def write(folder: Path, width: int, blocks: int) -> None:
    """The model in shards, a byte for a token, and a text."""
    import safetensors.torch
    import torch
    import transformers

    draw = torch.Generator().manual_seed(1)

    def drawn(*shape: int) -> Any:
        return torch.randn(shape, generator=draw).mul_(0.02).to(torch.bfloat16)

    def shard(number: int, tensors: dict[str, Any]) -> dict[str, str]:
        name = f"model-{number:05}-of-{blocks + 1:05}.safetensors"
        safetensors.torch.save_file(tensors, folder / name, {"format": "pt"})
        return dict.fromkeys(tensors, name)

    ones = torch.ones(width, dtype=torch.bfloat16)  # of norms
    outside = {"model.embed_tokens.weight": drawn(VOCABULARY, width), "model.norm.weight": ones}
    places = shard(1, {**outside, "lm_head.weight": drawn(VOCABULARY, width)})
    for block in range(blocks):
        path = f"model.layers.{block}"
        tensors = {f"{path}.{name}.weight": drawn(*shape) for name, shape in shapes(width).items()}
        norms = {
            f"{path}.{norm}_layernorm.weight": ones.clone() for norm in ("input", "post_attention")
        }
        places |= shard(block + 2, {**tensors, **norms})
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    config = transformers.MistralConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=width * 7 // 2,
        num_hidden_layers=blocks,
        num_attention_heads=width // HEAD,
        num_key_value_heads=width // HEAD // 4,
        tie_word_embeddings=False,
        architectures=["MistralForCausalLM"],
        dtype="bfloat16",
    )
    config.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    text = Path(pydoc_data.__file__).with_name("topics.py").read_text("utf-8")
    (folder / "known.txt").write_text(text[:200_000], "utf-8")


def _tokenizer() -> Any:
    import tokenizers
    import transformers
    from tokenizers import decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    inner = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner)


def measured(width: int, threads: int, lines: rounds.Lines) -> None:
    """A line of the table for each step on the model of this width."""
    blocks = MODELS[width]
    with rounds.folder() as place:
        folder = Path(place)
        us = [sys.executable, "-m", "benchmarks.compression.large"]
        run([*us, "--write", folder, "--widths", str(width)], Path(__file__).parents[2])
        run([MVC, "init", "-q"], folder)
        run([MVC, "add", "."], folder)
        run([MVC, "commit", "-m", "random"], folder)
        for name, words in STEPS.items():
            more = [*words, *SAMPLES, "--json", "--threads", str(threads)]
            sizes, minutes = watched([MVC, "compress", name, "--data", "known.txt", *more], folder)
            said = [f"{sizes[n - 1] / 2**30:.2f}" if n <= blocks else "" for n in TOLD]
            cells = [f"{sizes[-1] / 2**30:.2f}", f"{minutes:.0f}"]
            lines.say(f"| {name}, {width} wide, {blocks} blocks | {' | '.join([*said, *cells])} |")
            page.tell(
                "large",
                lines,
                "Random weights, BF16, calibrated on 16 × 256 tokens, judged on 2 × 256. Largest resident "
                "set in GiB at the end of a block and of the step; processor time in minutes.",
            )


def watched(command: Sequence[str | Path], folder: Path) -> tuple[list[int], float]:
    """The largest resident set in bytes by the end of each block and of the step; its processor minutes.

    Raises:
        RuntimeError: the command failed.
    """
    sizes = []
    with subprocess.Popen(command, cwd=folder, env=clean(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "layer":
                sizes.append(_largest(process.pid))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed")
    return [*sizes, usage.ru_maxrss * 1024], (usage.ru_utime + usage.ru_stime) / 60


def _largest(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    options.add_argument("--widths", type=int, nargs="+", default=list(MODELS), choices=MODELS)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--write", type=Path, help="only write a model into this folder")
    given = options.parse_args()
    if given.write is not None:
        write(given.write, given.widths[0], MODELS[given.widths[0]])
    else:
        table = rounds.Lines()
        heads = [f"block {number}" for number in TOLD]
        table.say(f"| step | {' | '.join(heads)} | all of it | minutes |")
        table.say(f"| --- |{' ---: |' * (len(TOLD) + 2)}")
        for wide in given.widths:
            measured(wide, given.threads, table)
