"""Whether what steps promised of a weight still holds: its mask, its grid, its rank, its shape.

Nobody noticed, before these were checked, that merging a LoRA into a pruned model took its sparsity from 0.70
to 0, or that GPTQ after SparseGPT opened a ninth of the mask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from compress.matrix import Tensor
from compress.pruning.patterns import n_of_m
from compress.unworkable import Unworkable
from mvc.history.record import Json


def broken(
    promised: Mapping[str, Json], before: Tensor | None, after: Tensor, stored: Mapping[str, Tensor]
) -> list[str]:
    """What ``after`` breaks of what was ``promised`` of ``before``, in words; both ``[out, in]``, dense.

    ``stored``: what the weight is stored as, by what stands after the module's name. ``before`` is None where
    the promise is of the weight itself, not of what became of another.
    """
    found = []
    if before is not None and before.shape != after.shape:
        found.append(f"its shape went from {list(before.shape)} to {list(after.shape)}")
        return found
    for kind, value in promised.items():
        check = _CHECKS.get(kind)
        reason = None if check is None else check(value, before, after, stored)
        if reason:
            found.append(reason)
    return found


def demand(name: str, reasons: list[str]) -> None:
    """Let a step go on only if it broke nothing.

    Raises:
        Unworkable: it did.
    """
    if reasons:
        raise Unworkable(
            f"the step would break what an earlier one promised of {name}: {'; '.join(reasons)}",
            hint="prune before you quantize; mvc revert takes the earlier step back",
        )


def _mask(value: Json, before: Tensor | None, after: Tensor, _: Mapping[str, Tensor]) -> str | None:
    if before is not None:
        opened = int(((before == 0) & (after != 0)).sum())
        if opened:
            return f"{opened} of {int((before == 0).sum())} zeros of its mask are zero no more"
    groups = n_of_m(str(value))
    if groups is not None:
        keep, of = groups
        kept = (after != 0).reshape(-1, of).sum(dim=1)
        if int((kept > keep).sum()):
            return f"{int((kept > keep).sum())} groups of {of} have more than {keep} weights"
    return None


def _grid(value: Json, _: Tensor | None, after: Tensor, stored: Mapping[str, Tensor]) -> str | None:
    if not isinstance(value, dict) or "weight" not in stored:
        return None  # packed codes can't leave their grid
    bits = re.search(r"[0-9]+", str(value.get("format", "")))
    size = value.get("group_size") or after.shape[1]
    if bits is None or not isinstance(size, int) or int(bits[0]) > 4 or after.shape[1] % size:
        return None
    rows = after.reshape(-1, size).sort(dim=1).values
    most = int(((rows[:, 1:] != rows[:, :-1]).sum(dim=1) + 1).max())
    if most > 2 ** int(bits[0]):
        return f"a group has {most} values, more than {bits[0]} bits can tell apart"
    return None


def _rank(value: Json, _: Tensor | None, after: Tensor, stored: Mapping[str, Tensor]) -> str | None:
    if "weight" in stored:
        return f"its factors of rank {value} would be one matrix (mvc compress unfactor multiplies them)"
    ranks = [min(one.shape) for name, one in stored.items() if one.dim() == 2]
    if ranks and max(ranks) != value:
        return f"its factors are of rank {max(ranks)}, not {value}"
    return None


_Check = Callable[[Json, Tensor | None, Tensor, Mapping[str, Tensor]], str | None]
_CHECKS: dict[str, _Check] = {"mask": _mask, "grid": _grid, "rank": _rank}
