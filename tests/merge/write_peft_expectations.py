"""Write ``peft_expectations.npz``: adapters as PEFT saves them, and what PEFT makes of them.

Needs torch, transformers and peft, and is run by hand: ``python tests/merge/write_peft_expectations.py``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import safe_open
from torch import nn
from transformers.pytorch_utils import Conv1D

STORED = Path(__file__).with_name("peft_expectations.npz")
SAVED = "adapter_model.safetensors"
KINDS = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}


class Model(nn.Module):
    """One layer of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 6)
        self.first = nn.Linear(6, 8)
        self.turned = Conv1D(7, 8)
        self.image = nn.Conv2d(3, 5, 3)
        self.head = nn.Linear(7, 4)


#: Name → dtype of the base, settings.
INTO: dict[str, tuple[torch.dtype, dict[str, Any]]] = {
    "linear": (torch.float32, {"target_modules": ["first", "head"]}),
    "bfloat16": (torch.bfloat16, {"target_modules": ["first", "head"]}),
    "float16": (torch.float16, {"target_modules": ["first", "head"]}),
    "rslora": (torch.float32, {"target_modules": ["first"], "use_rslora": True}),
    "patterns": (
        torch.float32,
        {
            "target_modules": ["first", "head"],
            "rank_pattern": {"first": 3},
            "alpha_pattern": {"^head": 5, "fir.*": 7},
        },
    ),
    "turned": (torch.float32, {"target_modules": ["turned"], "fan_in_fan_out": True}),
    "embedding": (torch.float32, {"target_modules": ["words"]}),
    "image": (torch.float32, {"target_modules": ["image"]}),
    "dora": (torch.float32, {"target_modules": ["first", "head"], "use_dora": True}),
    "dora-turned": (
        torch.float32,
        {"target_modules": ["turned"], "fan_in_fan_out": True, "use_dora": True},
    ),
    "dora-image": (torch.float32, {"target_modules": ["image"], "use_dora": True}),
    "dora-embedding": (torch.float32, {"target_modules": ["words"], "use_dora": True}),
    "bias": (torch.float32, {"target_modules": ["first"], "lora_bias": True}),
    "saved": (
        torch.float32,
        {"target_modules": ["first"], "modules_to_save": ["head"], "bias": "lora_only"},
    ),
}
#: Name → how PEFT merges two adapters, and the ranks that they have.
JOINED: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
    "cat": ({"combination_type": "cat"}, (2, 3)),
    "svd": ({"combination_type": "svd", "svd_rank": 3}, (2, 3)),
    "linear": ({"combination_type": "linear"}, (2, 2)),
}
WEIGHTS = (0.7, -0.4)


def adapted(model: nn.Module, seed: int, **settings: Any) -> PeftModel:
    torch.manual_seed(seed)
    found = get_peft_model(model, LoraConfig(**{"r": 2, "lora_alpha": 6, **settings}))
    for name, weight in found.named_parameters():
        if "lora_" in name or "modules_to_save" in name or weight.requires_grad:
            noise = torch.randn(weight.shape) * 0.1
            weight.data = (weight.data + noise if "magnitude" in name else noise).to(weight.dtype)
    return found


def saved(model: PeftModel, found: dict[str, Any], key: str, adapter: str = "default") -> None:
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, selected_adapters=[adapter])
        place = Path(folder) if adapter == "default" else Path(folder) / adapter
        found[f"{key}|config"] = (place / "adapter_config.json").read_text()
        with safe_open(str(place / SAVED), "pt") as file:
            put(found, key, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118


def put(found: dict[str, Any], key: str, tensors: dict[str, torch.Tensor]) -> None:
    for name, tensor in tensors.items():
        data = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
        shape = "x".join(map(str, tensor.shape))
        found[f"{key}|{KINDS[tensor.dtype]}|{shape}|{name}"] = data.copy()


def main() -> None:
    found: dict[str, Any] = {"peft": peft.__version__, "torch": torch.__version__}
    for name, (dtype, settings) in INTO.items():
        torch.manual_seed(0)
        base = Model().to(dtype)
        put(found, f"into|{name}|base", base.state_dict())
        model = adapted(base, 1, **settings)
        saved(model, found, f"into|{name}|adapter")
        put(found, f"into|{name}|merged", model.merge_and_unload().state_dict())
    for name, (how, ranks) in JOINED.items():
        torch.manual_seed(0)
        model = adapted(Model(), 1, target_modules=["first", "words"], r=ranks[0])
        torch.manual_seed(2)
        model.add_adapter(
            "other", LoraConfig(r=ranks[1], lora_alpha=4, target_modules=["first", "words"])
        )
        for word, weight in model.named_parameters():
            if ".other" in word:
                weight.data = torch.randn(weight.shape) * 0.1
        saved(model, found, f"joined|{name}|one")
        saved(model, found, f"joined|{name}|other", "other")
        model.add_weighted_adapter(["default", "other"], list(WEIGHTS), "both", **how)
        saved(model, found, f"joined|{name}|both", "both")
    np.savez_compressed(STORED, **found)


if __name__ == "__main__":
    main()
