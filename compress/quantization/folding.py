"""Where the scale of a group's columns goes: into what makes its input.

Owns what a source can take in: any scale where it is a norm or the rows of a Linear; where one row serves
several heads (grouped-query attention), one that is the same for all of them.
"""

from __future__ import annotations

from compress.matrix import Source, Tensor


def tied(source: Source, scale: Tensor) -> Tensor:
    """``scale`` ``[in]``, made what ``source`` can take in: the geometric mean over heads that share a row."""
    if source.kind != "heads" or source.repeats == 1:
        return scale
    heads = scale.log().reshape(-1, source.repeats, source.width)
    return heads.mean(dim=1, keepdim=True).expand_as(heads).reshape(-1).exp()


def folded(source: Source, scale: Tensor, dtype: object) -> tuple[Tensor, dict[str, Tensor]]:
    """The scale that the matrices shall have, and the source's new tensors by name, divided by it.

    What a norm loses when its new weight is rounded to ``dtype``, the file's, the scale takes back.
    """
    import torch

    rows = scale
    if source.kind == "heads" and source.repeats > 1:
        rows = scale.reshape(-1, source.repeats, source.width)[:, 0].reshape(-1)
    if source.kind == "norm":
        whole = source.weight + source.offset
        new = (whole / rows - source.offset).to(dtype).to(torch.float32)
        stored = new + source.offset
        rows = torch.where((whole != 0) & (stored != 0), whole / stored, rows)
        scale = rows
    else:
        new = source.weight / rows[:, None]
    found = {source.name: new}
    if source.bias is not None:
        found[source.name.removesuffix("weight") + "bias"] = source.bias / rows
    return scale, found


def takes(source: Source | None, columns: int) -> bool:
    """Whether a scale of ``columns`` can be folded into ``source``."""
    if source is None:
        return False
    rows = int(source.weight.shape[0])
    if source.kind == "heads" and source.repeats > 1:
        return rows * source.repeats == columns and source.width > 0 and rows % source.width == 0
    return rows == columns
