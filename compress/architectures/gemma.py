"""Gemma: Llama's blocks with norms that multiply by 1 + w."""

from __future__ import annotations

from dataclasses import replace

from compress.architectures import llama

ARCHITECTURE = replace(llama.ARCHITECTURE, name="gemma", model_types=("gemma",), norm_offset=1.0)
