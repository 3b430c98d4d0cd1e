"""The block ``quantization_config`` of ``config.json``: which modules are stored how, as transformers reads it.

Owns making it, adding to it, and taking it out. Names are of weights; targets are of modules, one pattern where
every block has such a module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mvc.errors import UsageError
from mvc.history.record import Json

KEY = "quantization_config"
_NUMBER = re.compile(r"\.([0-9]+)\.")
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers")


def compressed_tensors(
    config: Mapping[str, Any], schemes: Mapping[str, Mapping[str, Json]]
) -> dict[str, Any]:
    """``config`` with ``schemes``: weight's name → format, granularity, group_size, symmetric, way.

    Raises:
        UsageError: a module is announced already, or by another library.
    """
    known = config.get(KEY) or {}
    if known and known.get("quant_method") != "compressed-tensors":
        raise _other(known)
    groups: dict[str, Any] = dict(known.get("config_groups") or {})
    taken = [target for group in groups.values() for target in group["targets"]]
    alike: dict[str, tuple[dict[str, Any], str, list[str]]] = {}
    for name, scheme in schemes.items():
        module = name.removesuffix(".weight")
        if any(_matches(target, module) for target in taken):
            raise _other(known)
        weights, way = _arguments(scheme), str(scheme["way"])
        alike.setdefault(repr((weights, way)), (weights, way, []))[2].append(module)
    blocks = next((int(config[key]) for key in _LAYERS if key in config), 0)
    for weights, way, modules in alike.values():
        groups[f"group_{len(groups)}"] = {
            "targets": targets(modules, blocks),
            "weights": weights,
            "input_activations": None,
            "output_activations": None,
            "format": way,
        }
    ways = {group["format"] for group in groups.values()}
    block = {
        "quant_method": "compressed-tensors",
        "quantization_status": "compressed",
        "format": ways.pop() if len(ways) == 1 else "mixed-precision",
        "config_groups": groups,
        "ignore": ["lm_head"],
        "kv_cache_scheme": None,
        "global_compression_ratio": None,
    }
    return {**config, KEY: block}


def bitsandbytes(config: Mapping[str, Any]) -> dict[str, Any]:
    """``config`` of a model whose blocks are NF4.

    Raises:
        UsageError: it says already that it is quantized.
    """
    if config.get(KEY):
        raise _other(config[KEY])
    block = {
        "quant_method": "bitsandbytes",
        "load_in_4bit": True,
        "load_in_8bit": False,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": False,
        "bnb_4bit_quant_storage": "uint8",
        "bnb_4bit_compute_dtype": str(
            config.get("dtype") or config.get("torch_dtype") or "float32"
        ),
        "llm_int8_skip_modules": ["lm_head"],
    }
    return {**config, KEY: block}


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """``config`` for weights that are stored as values.

    Raises:
        UsageError: it says that they are codes.
    """
    if config.get(KEY):
        raise _other(config[KEY])
    return dict(config)


def without(config: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """``config`` once the weights ``names`` are values again; the block goes with its last target."""
    block = config.get(KEY)
    if not block:
        return dict(config)
    left = {key: value for key, value in config.items() if key != KEY}
    if block.get("quant_method") != "compressed-tensors":
        return left
    modules = {name.removesuffix(".weight") for name in names}
    groups = {}
    for key, group in block["config_groups"].items():
        kept = [one for one in group["targets"] if not any(_matches(one, m) for m in modules)]
        if kept:
            groups[key] = {**group, "targets": kept}
    if not groups:
        return left
    return {**config, KEY: {**block, "config_groups": groups}}


def targets(modules: Iterable[str], blocks: int) -> list[str]:
    """``modules`` by name, or one pattern for those that all ``blocks`` have."""
    alike: dict[str, list[str]] = {}
    for module in modules:
        alike.setdefault(_NUMBER.sub(".#.", module, count=1), []).append(module)
    found = []
    for pattern, names in alike.items():
        if len(names) == blocks > 1:
            words = re.escape(pattern).replace(r"\.\#\.", r"\.[0-9]+\.")
            found.append(f"re:{words}$")
        else:
            found += names
    return found


def _matches(target: str, module: str) -> bool:
    if target.startswith("re:"):
        return re.match(target.removeprefix("re:"), module) is not None
    return target in ("Linear", module)


def _arguments(scheme: Mapping[str, Json]) -> dict[str, Any]:
    name = str(scheme["format"])
    return {
        "num_bits": 8 if name.startswith("fp8") else int(name.removeprefix("int")),
        "type": "float" if name.startswith("fp8") else "int",
        "symmetric": scheme["symmetric"],
        "strategy": scheme["granularity"],
        "group_size": scheme.get("group_size"),
        "block_structure": None,
        "dynamic": False,
        "actorder": None,
        "observer": "minmax",
        "observer_kwargs": {},
    }


def _other(block: Mapping[str, Any]) -> UsageError:
    return UsageError(
        f"config.json says that the model is stored quantized ({block.get('quant_method')})",
        hint="mvc compress dequantize first",
    )
