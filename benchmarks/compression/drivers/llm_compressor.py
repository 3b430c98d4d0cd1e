"""llm-compressor on given tokens; run by the Python of its own environment, so it imports nothing of ours.

``MODEL IDS SPEC THREADS OUT``: IDS is a .npy of tokens ``[n, length]``. SPEC is JSON: ``method`` gptq or awq
(``symmetric``, ``group``; four bits), wanda or sparsegpt (``pattern``: unstructured for half of all, or N:M).
All else as llm-compressor has it by default.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import datasets
import numpy as np
import torch
import transformers
from llmcompressor import oneshot

_LEFT = ["re:.*lm_head"]


def pruning(spec: Mapping[str, Any]) -> list[Any]:
    from llmcompressor.modifiers.pruning import SparseGPTModifier, WandaPruningModifier

    kind = SparseGPTModifier if spec["method"] == "sparsegpt" else WandaPruningModifier
    structure = "0:0" if spec["pattern"] == "unstructured" else spec["pattern"]
    return [kind(sparsity=0.5, mask_structure=structure, targets=["Linear"], ignore=_LEFT)]


def quantizing(spec: Mapping[str, Any]) -> list[Any]:
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from llmcompressor.modifiers.gptq import GPTQModifier
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from llmcompressor.modifiers.transform.awq import AWQModifier

    weights = QuantizationArgs(
        num_bits=4, symmetric=spec["symmetric"], strategy="group", group_size=spec["group"]
    )
    groups = {"group_0": QuantizationScheme(targets=["Linear"], weights=weights)}
    common: dict[str, Any] = {"ignore": _LEFT, "config_groups": groups}
    if spec["method"] == "gptq":
        return [GPTQModifier(**common)]
    return [AWQModifier(duo_scaling="both"), QuantizationModifier(**common)]


def main(model: str, ids: str, said: str, threads: str, out: str) -> None:
    torch.set_num_threads(int(threads))
    if not torch.cuda.is_available():  # its AWQ pins memory for an accelerator that isn't there
        torch.Tensor.pin_memory = lambda self, *_: self
    tokens, spec = np.load(ids), json.loads(said)
    prunes = spec["method"] in ("wanda", "sparsegpt")
    made = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    rows = {"input_ids": tokens.tolist(), "attention_mask": np.ones_like(tokens).tolist()}
    oneshot(
        model=made,
        dataset=datasets.Dataset.from_dict(rows),
        recipe=pruning(spec) if prunes else quantizing(spec),
        max_seq_length=tokens.shape[1],
        num_calibration_samples=len(tokens),
        shuffle_calibration_samples=False,
    )
    if prunes:
        made.to(torch.bfloat16).save_pretrained(out, save_compressed=False)
    else:
        made.save_pretrained(out, save_compressed=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
