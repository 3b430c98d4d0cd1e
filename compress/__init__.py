"""Model compression that can be taken back: every step is a commit with its recipe and its measured effect.

Operations (prune, quantize, factor, heal) are recipes and pure functions; one driver streams a model block by
block, evaluates before and after, asks a guard, and commits through mvc's public API, or leaves nothing. mvc
finds the package through entry points and never imports it. Needs the extra ``[compress]``; importing this
imports no framework.
"""

from __future__ import annotations

from compress.loading import load

__all__ = ["load"]
