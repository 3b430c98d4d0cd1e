"""An adapter as files that peft reads: ``adapter_config.json`` and ``adapter_model.safetensors``.

peft itself is not needed, and takes ten seconds to import. Names and scale are those of its LoRA.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from compress.matrix import Tensor

FOLDER = "adapter"
_PREFIX = "base_model.model."


def written(
    pairs: Mapping[str, tuple[Tensor, Tensor]], *, rank: int, alpha: float, task: str | None
) -> dict[str, bytes]:
    """Files by name, of module → A ``[rank, in]`` and B ``[out, rank]``; ``task`` as peft calls it."""
    from safetensors.torch import save

    tensors = {}
    for module, (first, second) in sorted(pairs.items()):
        tensors[f"{_PREFIX}{module}.lora_A.weight"] = first.detach().contiguous()
        tensors[f"{_PREFIX}{module}.lora_B.weight"] = second.detach().contiguous()
    config = {
        "peft_type": "LORA",
        "task_type": task,
        "base_model_name_or_path": None,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": sorted(pairs),
    }
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    return {
        f"{FOLDER}/adapter_config.json": text.encode(),
        f"{FOLDER}/adapter_model.safetensors": bytes(save(tensors, {"format": "pt"})),
    }


def read(files: Mapping[str, bytes | None]) -> dict[str, Tensor]:
    """Module → s · B A ``[out, in]``, of what ``written`` gave; empty without an adapter."""
    from safetensors.torch import load

    data = files.get(f"{FOLDER}/adapter_model.safetensors")
    config = files.get(f"{FOLDER}/adapter_config.json")
    if data is None or config is None:
        return {}
    said = json.loads(config)
    scale = said["lora_alpha"] / said["r"]
    tensors = load(data)
    found = {}
    for name, first in tensors.items():
        if name.endswith(".lora_A.weight"):
            module = name.removeprefix(_PREFIX).removesuffix(".lora_A.weight")
            found[module] = scale * (tensors[name.replace(".lora_A.", ".lora_B.")] @ first)
    return found
