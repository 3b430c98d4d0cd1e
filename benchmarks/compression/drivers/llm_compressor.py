"""llm-compressor on given tokens; run by the Python of its own environment, so it imports nothing of ours.

``MODEL IDS METHOD SYMMETRIC OUT``: IDS is a .npy of tokens ``[n, length]``, METHOD gptq or awq, with its
defaults but for four bits in groups of 64.
"""

from __future__ import annotations

import sys
from typing import Any

import datasets
import numpy as np
import torch
import transformers
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from llmcompressor import oneshot
from llmcompressor.modifiers.gptq import GPTQModifier
from llmcompressor.modifiers.quantization import QuantizationModifier
from llmcompressor.modifiers.transform.awq import AWQModifier


def main(model: str, ids: str, method: str, symmetric: str, out: str) -> None:
    torch.set_num_threads(1)
    tokens = np.load(ids)
    weights = QuantizationArgs(
        num_bits=4, symmetric=symmetric == "yes", strategy="group", group_size=64
    )
    groups = {"group_0": QuantizationScheme(targets=["Linear"], weights=weights)}
    common: dict[str, Any] = {"ignore": ["lm_head"], "config_groups": groups}
    recipe: list[Any] = [GPTQModifier(**common)]
    if method == "awq":
        recipe = [AWQModifier(duo_scaling="both"), QuantizationModifier(**common)]
    made = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    rows = {"input_ids": tokens.tolist(), "attention_mask": np.ones_like(tokens).tolist()}
    oneshot(
        model=made,
        dataset=datasets.Dataset.from_dict(rows),
        recipe=recipe,
        max_seq_length=tokens.shape[1],
        num_calibration_samples=len(tokens),
        shuffle_calibration_samples=False,
    )
    made.save_pretrained(out, save_compressed=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
