"""The seam: what an architecture is. Data, no code: where its blocks are, and which matrices share an input.

Paths are of modules as transformers names them; ``groups`` are relative to a block. A path that a block lacks
is passed over, so that one description serves variants (a block without a gate).
"""

from __future__ import annotations

from typing import Literal

from mvc.history.record import Json
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class GroupRule:
    """Matrices that share one input. ``source``: the module of the block that makes it, to fold scales into.

    ``kind``: ``norm``, ``linear`` or ``heads`` (see ``compress.matrix.Source``). ``given``: the source takes a
    scale in only where ``config.json`` has this value under this key; elsewhere another module sees its output,
    or what lies between is not linear.
    """

    name: str
    modules: tuple[str, ...]
    source: str | None = None
    kind: Literal["norm", "linear", "heads"] = "norm"
    given: tuple[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Architecture:
    """``model_types``: of ``config.json``. ``blocks``: the list of blocks, below the base model.

    ``norm_offset``: what its norms add to their weight (Gemma: 1). ``note``: what a user should hear.
    """

    name: str
    model_types: tuple[str, ...]
    blocks: str
    groups: tuple[GroupRule, ...]
    norm_offset: float = 0.0
    note: str = ""
