"""The registry: which architectures are described. Anything else goes by generic rules.

A new one is a line here, and a module beside this file with an ``ARCHITECTURE`` if none that is there fits.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from compress.architectures.architecture import Architecture

#: ``model_type`` of config.json → module
ARCHITECTURES: dict[str, str] = {
    "bert": "compress.architectures.bert",
    "gemma": "compress.architectures.gemma",
    "gemma2": "compress.architectures.gemma2",
    "gemma3_text": "compress.architectures.gemma2",
    "gpt2": "compress.architectures.gpt2",
    "llama": "compress.architectures.llama",
    "mistral": "compress.architectures.llama",
    "opt": "compress.architectures.opt",
    "qwen2": "compress.architectures.llama",
    "qwen3": "compress.architectures.llama",
    "roberta": "compress.architectures.bert",
}


def of(model_type: str, base: Any) -> Architecture:
    """The description of ``model_type``, or one made by looking at ``base``, its transformers model.

    Raises:
        UsageError: nothing can be found out about it.
    """
    if model_type in ARCHITECTURES:
        found: Architecture = import_module(ARCHITECTURES[model_type]).ARCHITECTURE
        return found
    from compress.architectures.generic import describe

    return describe(base, model_type)
