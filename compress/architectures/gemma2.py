"""Gemma 2 and the text model of Gemma 3: Gemma with a norm before and one behind attention and MLP each.

The norm behind attention is applied to what is added to the residual, so the MLP's input is made by another.
"""

from __future__ import annotations

from dataclasses import replace

from compress.architectures import gemma

ARCHITECTURE = replace(
    gemma.ARCHITECTURE,
    name="gemma2",
    model_types=("gemma2", "gemma3_text"),
    groups=tuple(
        replace(rule, source="pre_feedforward_layernorm") if rule.name == "mlp_in" else rule
        for rule in gemma.ARCHITECTURE.groups
    ),
)
