"""``mvc compress``, as the entry point names it."""

from __future__ import annotations

from compress.cli.verbs import command

__all__ = ["command"]
