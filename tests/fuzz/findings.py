"""Inputs that once broke a property, kept for good: target → the bytes, and what went wrong."""

from __future__ import annotations

from fuzz.targets import Target

FINDINGS: dict[Target, dict[str, bytes]] = {}
