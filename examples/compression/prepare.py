"""Train a small language model on Python's own documentation, on one thread in well under a minute.

``python prepare.py`` writes a folder that transformers reads (``model.safetensors``, ``config.json``, a
tokenizer), the text that it knows (``known.txt``), one that it has never seen (``held.txt``), and one of
another kind (``numbers.txt``). Needs the extra ``[compress]``.
"""

from __future__ import annotations

import os
import pydoc_data
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from tokenizers import decoders, models, pre_tokenizers, trainers

VOCABULARY, LENGTH, BATCH, STEPS, RATE = 384, 64, 8, 600, 4e-3
#: Characters at the end of the documentation that the model never sees.
HELD = 60_000


def main() -> None:
    """Write everything into the current folder."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    topics = Path(pydoc_data.__file__).with_name("topics.py").read_text("utf-8")
    topics = topics.replace("\\n", "\n")
    known, held = topics[:-HELD], topics[-HELD:]
    numbers = "".join(f"{n:06},0,0,0,0,0,0,0,0\n" for n in range(5000))
    tokenizer = tokenizer_of(known)
    model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=96,
            intermediate_size=192,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            use_cache=False,
        )
    )
    train(model, torch.tensor(tokenizer(known, verbose=False)["input_ids"]))
    model.to(torch.bfloat16).save_pretrained(".")
    tokenizer.save_pretrained(".")
    Path("generation_config.json").unlink(missing_ok=True)
    for name, text in (("known", known), ("held", held), ("numbers", numbers)):
        Path(f"{name}.txt").write_text(text, "utf-8")
    print(
        f"trained: {model.num_parameters():,} parameters in {model.config.num_hidden_layers} blocks"
    )


def tokenizer_of(text: str) -> Any:
    """Byte pairs of ``text``."""
    inner = tokenizers.Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    inner.train_from_iterator([text[:200_000]], trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="<s>", model_max_length=512
    )


def train(model: Any, ids: torch.Tensor) -> None:
    """Some hundred steps of AdamW over windows drawn from ``ids``."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    model.train()
    for _ in range(STEPS):
        starts = torch.randint(0, len(ids) - LENGTH, (BATCH,))
        batch = torch.stack([ids[int(at) : int(at) + LENGTH] for at in starts])
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.eval()


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
