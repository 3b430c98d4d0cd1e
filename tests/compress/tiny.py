"""A small language model that knows a little: trained on the standard library's texts in seconds, once.

The same on every machine up to rounding: one thread, a seed, texts in order. Not a fixture file, as it would be
half a megabyte of weights in Git.
"""

from __future__ import annotations

import json
import os
import pydoc_data
import sysconfig
from pathlib import Path
from typing import Any

LENGTH, WIDTH, LAYERS, VOCABULARY = 64, 64, 3, 384
_SEED = 7


def texts() -> tuple[str, str]:
    """What to train and calibrate on, and what to evaluate on: other files."""
    topics = Path(pydoc_data.__file__).with_name("topics.py").read_text("utf-8")
    library = Path(sysconfig.get_path("stdlib"))
    source = (library / "argparse.py").read_text("utf-8")
    return topics[:150_000] + source[:50_000], topics[400_000:420_000] + source[60_000:70_000]


def save(folder: Path, *, steps: int = 200) -> None:
    """Model, configuration, tokenizer, ``known.txt`` and ``held.txt`` in ``folder``."""
    import torch
    import transformers

    known, held = texts()
    tokenizer = _tokenizer(known)
    tokenizer.save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=128,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        use_cache=False,
    )
    before = torch.random.get_rng_state()
    torch.manual_seed(_SEED)
    model = transformers.LlamaForCausalLM(config)
    _train(model, torch.tensor(tokenizer(known)["input_ids"]), steps)
    torch.random.set_rng_state(before)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "known.txt").write_text(known, "utf-8")
    (folder / "held.txt").write_text(held, "utf-8")


def _tokenizer(text: str) -> Any:
    import tokenizers
    import transformers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    inner = tokenizers.Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>"],
        initial_alphabet=sorted(alphabet),
        show_progress=False,
    )
    inner.train_from_iterator([text[:100_000]], trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="<s>", model_max_length=256
    )


def _train(model: Any, ids: Any, steps: int) -> None:
    import torch

    draw = torch.Generator().manual_seed(_SEED)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    model.train()
    for _ in range(steps):
        starts = torch.randint(0, len(ids) - LENGTH, (8,), generator=draw)
        batch = torch.stack([ids[int(s) : int(s) + LENGTH] for s in starts])
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.eval()


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json``."""
    found: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    return found


os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

if __name__ == "__main__":
    import sys

    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    save(Path(sys.argv[1]))
