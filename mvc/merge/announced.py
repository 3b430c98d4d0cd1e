"""What ``config.json`` says of how weights are stored, after some tensors of a commit were taken, others not.

Transformers goes by the block ``quantization_config``, which a step of ``mvc compress`` writes for all of its
weights. Where the weights taken changed their form, the block has to change with them: ranks of factors are
told from the tensors that are there. What announces codes names groups of modules in the words of another
library, so no part of it is taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mvc.errors import UsageError
from mvc.history.manifest import Manifest
from mvc.history.snapshot import Snapshot
from mvc.merge.checks.beside import CONFIG, folder_of, read_json
from mvc.merge.job import Job
from mvc.merge.slots import Slot, Slots
from mvc.merge.texts import write_text

_KEY = "quantization_config"
#: What ``compress/factoring/entry.py`` calls the method of a model with factors.
_FACTORS = "mvc-factors"
_Shapes = Mapping[str, tuple[int, ...]]


def in_line(
    job: Job,
    sides: tuple[Snapshot, Snapshot, Snapshot],
    group: frozenset[str],
    made: Mapping[str, Manifest],
) -> tuple[str, Slot] | None:
    """``config.json`` beside the model ``group`` as the files ``made`` ask for; None where it may stay ours.

    Raises:
        UsageError: it announces codes, and weights were taken that changed between codes and values.
    """
    path = folder_of(group) + CONFIG
    slots = Slots.of(sides, path)
    if slots.ours is None or slots.base == slots.theirs:
        return None
    configs = [read_json(job.context.store, side, path) for side in sides]
    blocks = [config.get(_KEY) for config in configs]
    now = _shapes(made)
    if blocks[0] == blocks[2] or now.keys() == _shapes(_files(sides[1], group)).keys():
        return None
    if not all(block is None or _method(block) == _FACTORS for block in blocks):
        raise UsageError(
            f"{path} announces codes for the weights of this commit, and no part of that can be taken",
            hint="without the globs all of it is; or mvc compress dequantize --only GLOB on its own",
        )
    wanted = {key: value for key, value in configs[1].items() if key != _KEY}
    ranks = _ranks([block for block in blocks if block], now)
    if ranks:
        wanted[_KEY] = {"quant_method": _FACTORS, "ranks": ranks}
    for config, side in zip(configs, sides, strict=True):
        if config == wanted:
            return path, side[path]
    text = json.dumps(wanted, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return path, (slots.mode, write_text(job, text.encode()))


def _ranks(blocks: list[dict[str, Any]], now: _Shapes) -> dict[str, int]:
    """Of each module that any side has factors for and that has factors now; a file may lack a prefix."""
    found = {}
    for module in sorted({module for block in blocks for module in block.get("ranks") or {}}):
        for name in (module, module.partition(".")[2]):
            if f"{name}.0.weight" in now and f"{name}.1.weight" in now:
                found[module] = now[f"{name}.0.weight"][0]
                break
    return found


def _method(block: object) -> object:
    return block.get("quant_method") if isinstance(block, dict) else block


def _files(side: Snapshot, group: frozenset[str]) -> dict[str, Manifest]:
    found = {path: side.manifest(path) for path in group if path in side}
    return {path: manifest for path, manifest in found.items() if manifest is not None}


def _shapes(files: Mapping[str, Manifest]) -> _Shapes:
    return {
        entry.name: tuple(entry.shape) for manifest in files.values() for entry in manifest.tensors
    }
