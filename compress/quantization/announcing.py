"""The block ``quantization_config`` of ``config.json``: which modules are stored how, as transformers reads it.

Owns making it, adding to it, and taking it out. Names are of weights; ``matrices`` are all of the model: the
weight's name → its module, as the model without its head calls it. With a head modules have a prefix, and what
is said of them here fits both.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mvc.errors import UsageError
from mvc.history.record import Json

KEY = "quantization_config"
_NUMBER = re.compile(r"\.([0-9]+)\.")
#: What loads factors; values may lie beside them.
_FACTORS = "mvc-factors"


def compressed_tensors(
    config: Mapping[str, Any],
    schemes: Mapping[str, Mapping[str, Json]],
    matrices: Mapping[str, str],
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
        alike.setdefault(repr((weights, way)), (weights, way, []))[2].append(name)
    for weights, way, names in alike.values():
        groups[f"group_{len(groups)}"] = {
            "targets": targets(names, matrices),
            "weights": weights,
            "input_activations": None,
            "output_activations": None,
            "format": way,
        }
    block = {
        "quant_method": "compressed-tensors",
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "kv_cache_scheme": None,
        "global_compression_ratio": None,
        **_grouped(groups),
    }
    return {**config, KEY: block}


def _grouped(groups: Mapping[str, Any]) -> dict[str, Any]:
    """What the block says of ``groups`` together.

    transformers 5.24 with compressed-tensors 0.20 makes room for zeros that are not packed, and so loads packed
    ones only when it dequantizes at once; which it does to every group as if it were the first.

    Raises:
        UsageError: there are packed zeros, and groups that differ.
    """
    ways = {group.get("format") for group in groups.values()}
    found: dict[str, Any] = {"config_groups": groups, "format": "mixed-precision"}
    if len(ways) == 1:
        found["format"] = ways.pop()
    if any(map(_packs_zeros, groups.values())):
        if len(groups) > 1:
            raise UsageError(
                "transformers loads codes of several formats or group sizes only without zeros",
                hint="--symmetric, or --save-as fake",
            )
        found["dequantize"] = True
    return found


def _packs_zeros(group: Mapping[str, Any]) -> bool:
    weights = group["weights"]
    packs = group.get("format") == "pack-quantized" and weights["strategy"] != "tensor"
    return packs and not weights["symmetric"]


def bitsandbytes(
    config: Mapping[str, Any], names: Iterable[str], matrices: Mapping[str, str]
) -> dict[str, Any]:
    """``config`` of a model whose weights ``names`` are NF4; bitsandbytes takes all others for it unless told.

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
        "llm_int8_skip_modules": _others(names, matrices),
    }
    return {**config, KEY: block}


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """``config`` for weights that are stored as values.

    Raises:
        UsageError: it says that they are codes.
    """
    if config.get(KEY) and config[KEY].get("quant_method") != _FACTORS:
        raise _other(config[KEY])
    return dict(config)


def without(
    config: Mapping[str, Any], names: Iterable[str], matrices: Mapping[str, str]
) -> dict[str, Any]:
    """``config`` once the weights ``names`` are values again; the block goes with its last target."""
    block, gone = config.get(KEY), set(names)
    if not block or block.get("quant_method") == _FACTORS:
        return dict(config)
    changed: dict[str, Any] = {}
    if block.get("quant_method") == "compressed-tensors":
        groups = _groups_without(block["config_groups"], gone, matrices)
        changed = _grouped(groups) if groups else {}
    elif block.get("quant_method") == "bitsandbytes":
        skipped = set(block.get("llm_int8_skip_modules") or ())
        left = [name for name, one in matrices.items() if name not in gone and one not in skipped]
        changed = {"llm_int8_skip_modules": _others(left, matrices)} if left else {}
    if not changed:
        return {key: value for key, value in config.items() if key != KEY}
    return {**config, KEY: {**block, **changed}}


def _groups_without(
    groups: Mapping[str, Any], gone: Collection[str], matrices: Mapping[str, str]
) -> dict[str, Any]:
    found = {}
    for key, group in groups.items():
        known = [
            name
            for name in matrices
            if any(_matches(one, name.removesuffix(".weight")) for one in group["targets"])
        ]
        left = [name for name in known if name not in gone]
        if left:
            kept = group["targets"] if left == known else targets(left, matrices)
            found[key] = {**group, "targets": kept}
    return found


def targets(names: Iterable[str], matrices: Mapping[str, str]) -> list[str]:
    """A pattern for each of the modules of ``names``, or one for those that are alike in all blocks."""
    every = Counter(_NUMBER.sub(".#.", module, count=1) for module in matrices.values())
    alike: dict[str, list[str]] = {}
    for name in names:
        module = matrices[name]
        alike.setdefault(_NUMBER.sub(".#.", module, count=1), []).append(module)
    found = []
    for pattern, modules in alike.items():
        if len(modules) == every[pattern] > 1:
            words = [re.escape(pattern).replace(r"\.\#\.", r"\.[0-9]+\.")]
        else:
            words = [re.escape(module) for module in modules]
        found += [rf"re:(\w+\.)?{word}$" for word in words]
    return found


def _others(names: Iterable[str], matrices: Mapping[str, str]) -> list[str]:
    """Modules of all other weights than ``names``, and the head, even if there is none yet."""
    known = set(names)
    others = [module for name, module in matrices.items() if name not in known]
    return sorted({"lm_head", *others})


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
