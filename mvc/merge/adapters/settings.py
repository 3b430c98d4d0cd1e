"""``adapter_config.json`` as PEFT writes it: what scales the product of the factors, module by module.

Owns the reading of it, and refuses what no sum of products says. It must not know tensors.
Source: ``LoraConfig`` of https://github.com/huggingface/peft.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from mvc.errors import MalformedFile, UsageError
from mvc.values import dataclass

FILE = "adapter_config.json"
#: Kinds of LoRA whose weights are not their base's plus a product.
_OTHER = (
    "alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication",
    "monteclora_config", "target_parameters", "trainable_token_indices", "use_bdlora", "use_qalora",
)  # fmt: skip
#: Ways to begin that change the base's weights, which the adapter is then a difference to.
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
#: What a pattern may be made of: names, alternatives and at most two repetitions, none of a group, so that no
#: file of a stranger makes matching slow.
_PLAIN = re.compile(r"[\w.\\|()\[\]^$\-]*(?:[*+][\w.\\|()\[\]^$\-]*){0,2}")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """``transposed``: weights are stored [in, out] (``fan_in_fan_out``). ``values`` is the whole file."""

    alpha: float
    rslora: bool = False
    transposed: bool = False
    patterns: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def read(values: Mapping[str, Any], where: str) -> Settings:
        """What ``values``, the object in the file ``where``, say.

        Raises:
            UsageError: the adapter is no LoRA, or of a kind that can't be written into weights.
            MalformedFile: a value is not what it must be.
        """
        kind = values.get("peft_type", "LORA")
        if kind != "LORA":
            raise UsageError(f"{where}: the adapter is {kind!r:.40}; mvc merges LoRA")
        for word in _OTHER:
            if values.get(word):
                raise UsageError(f"{where}: {word} is set, which mvc can't merge")
        begun = values.get("init_lora_weights")
        if isinstance(begun, str) and begun.lower().startswith(_CHANGES_BASE):
            raise UsageError(
                f"{where}: it began with {begun}, which changed the base's weights",
                hint="save it once more with path_initial_model_for_weight_conversion of PEFT",
            )
        patterns = values.get("alpha_pattern") or {}
        if not isinstance(patterns, dict):
            raise MalformedFile(f"{where}: alpha_pattern is no object")
        return Settings(
            _number(values.get("lora_alpha"), where),
            values.get("use_rslora") is True,
            values.get("fan_in_fan_out") is True,
            {_pattern(key, where): _number(alpha, where) for key, alpha in patterns.items()},
            values,
        )

    def scale(self, module: str, rank: int) -> float:
        """What the product of the module's factors is multiplied by: alpha / r, with rsLoRA alpha / √r."""
        alpha = self.alpha
        for pattern, own in self.patterns.items():
            if re.match(rf"(.*\.)?({pattern})$", module):
                alpha = own
                break
        return alpha / (math.sqrt(rank) if self.rslora else rank)


def _pattern(text: str, where: str) -> str:
    try:
        if len(text) <= _LONGEST and _PLAIN.fullmatch(text) and not re.search(r"\)[*+]", text):
            re.compile(text)
            return text
    except re.error:
        pass
    raise UsageError(f"{where}: alpha_pattern has {text!r:.60}, which mvc does not take for a name")


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise MalformedFile(f"{where}: an alpha is {value!r:.40}, and must be a number")
    return float(value)
