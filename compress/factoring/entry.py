"""What ``config.json`` says of factored matrices, where transformers looks for how to load a model.

``quantization_config``: ``{"quant_method": "mvc-factors", "ranks": {module: rank}}``, modules as the model
names them. Knows no framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mvc.errors import UsageError
from mvc.history.record import Json

KEY = "quantization_config"
METHOD = "mvc-factors"


def ranks_of(config: Mapping[str, Any]) -> dict[str, int]:
    """Module → rank; empty for a model without factors."""
    entry = config.get(KEY)
    if not isinstance(entry, Mapping) or entry.get("quant_method") != METHOD:
        return {}
    return {str(name): int(rank) for name, rank in dict(entry.get("ranks", {})).items()}


def added(config: Mapping[str, Any], decisions: Mapping[str, Any]) -> dict[str, Any]:
    """``config`` with the ranks that ``decisions`` have by the weight's name.

    Raises:
        UsageError: the model is quantized, and loads by that.
    """
    if KEY in config and config[KEY].get("quant_method") != METHOD:
        raise UsageError(
            f"config.json says that the model is loaded by {config[KEY].get('quant_method')}: "
            "it can't have factors besides",
            hint="mvc compress dequantize first",
        )
    return _with(config, {**ranks_of(config), **_by_module(decisions)})


def removed(config: Mapping[str, Any], decisions: Mapping[str, Json]) -> dict[str, Any]:
    """``config`` without the ranks of the weights named."""
    gone = {name.removesuffix(".weight") for name in decisions}
    return _with(config, {n: rank for n, rank in ranks_of(config).items() if n not in gone})


def _by_module(decisions: Mapping[str, Any]) -> dict[str, int]:
    return {
        name.removesuffix(".weight"): decided["rank"]
        for name, decided in decisions.items()
        if "rank" in decided
    }


def _with(config: Mapping[str, Any], ranks: Mapping[str, int]) -> dict[str, Any]:
    kept = dict(config)
    if ranks:
        kept[KEY] = {"quant_method": METHOD, "ranks": dict(sorted(ranks.items()))}
    elif ranks_of(config):
        del kept[KEY]
    return kept
