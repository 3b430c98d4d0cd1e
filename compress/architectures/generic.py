"""Any architecture that nobody has described: its blocks by their number and kind, each matrix for itself.

Right for every model whose blocks are called one after the other, only slower: matrices that share an input are
not known to, and no scale can be folded into what is before them.
"""

from __future__ import annotations

import re
from typing import Any

from compress.architectures.architecture import Architecture, GroupRule
from mvc.errors import UsageError

#: Where the list of blocks may lie, besides the model itself.
_WITHIN = re.compile(r"^(encoder|decoder|transformer)\.")


def describe(base: Any, model_type: str) -> Architecture:
    """The rules for ``base``, a transformers model without its head.

    Raises:
        UsageError: it has no list of like blocks.
    """
    import torch

    found = [
        (len(module), name, module)
        for name, module in base.named_modules()
        if isinstance(module, torch.nn.ModuleList)
        and len(module) > 1
        and len({type(one) for one in module}) == 1
        and "." not in _WITHIN.sub("", name)
    ]
    if not found:
        raise UsageError(
            f"the architecture '{model_type}' has no list of blocks that could be streamed",
            hint="docs/how-to/write-an-operation.md says how to describe an architecture",
        )
    _, path, blocks = max(found, key=lambda one: one[0])
    rules = tuple(
        GroupRule(name, (name,)) for name, module in blocks[0].named_modules() if is_matrix(module)
    )
    note = f"'{model_type}' is not described: generic rules, each matrix by itself"
    return Architecture("generic", (model_type,), path, rules, note=note)


def is_matrix(module: Any) -> bool:
    """Whether it multiplies by one matrix: a Linear, or GPT-2's Conv1D, which is one transposed."""
    import torch

    return isinstance(module, torch.nn.Linear) or is_transposed(module)


def is_transposed(module: Any) -> bool:
    """Whether it is a Conv1D, whose weight is ``[in, out]``."""
    return type(module).__name__ == "Conv1D"
