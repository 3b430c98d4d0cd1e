"""NF4 as bitsandbytes keeps it: two codes a byte, the earlier one high, and a scale for each block.

``weight`` uint8 ``[out · in / 2, 1]``, ``weight.absmax`` float32, ``weight.quant_map`` float32 ``[16]`` and
``weight.quant_state.bitsandbytes__nf4``, JSON as uint8 (``quant_type``, ``blocksize``, ``dtype``, ``shape``). A
block is a run of the flattened weight. Doubly quantized scales (``nested_…``) are read, too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from compress.forms.form import Read
from compress.matrix import Tensor
from mvc.errors import UnsupportedDtype

STATE = "weight.quant_state.bitsandbytes__nf4"
ENDINGS = (
    "weight",
    "weight.absmax",
    "weight.quant_map",
    "weight.nested_absmax",
    "weight.nested_quant_map",
    STATE,
)


class BitsAndBytes:
    """Stateless."""

    def holds(self, names: Collection[str], module: str) -> bool:
        """Its state is there."""
        return f"{module}.{STATE}" in names

    def dense(self, read: Read, module: str, config: Mapping[str, Any]) -> Tensor:
        """Level · scale, in the dtype that the state names.

        Raises:
            UnsupportedDtype: it names none that is known.
        """
        import torch

        state = json.loads(bytes(read(f"{module}.{STATE}").tolist()))
        dtype = getattr(torch, str(state["dtype"]).removeprefix("torch."), None)
        if not isinstance(dtype, torch.dtype):
            raise UnsupportedDtype(f"{module} is NF4 of the dtype {state['dtype']!r:.40}")
        data = read(f"{module}.weight").reshape(-1).to(torch.int64)
        codes = torch.stack((data >> 4, data & 15), dim=1).reshape(-1)
        shape = [int(size) for size in state["shape"]]
        levels = read(f"{module}.weight.quant_map")[codes][: shape[0] * shape[1]]
        absmax = read(f"{module}.weight.absmax")
        if absmax.dtype == torch.uint8:
            absmax = _nested(read, module, absmax, state)
        scales = absmax.repeat_interleave(int(state["blocksize"]))[: levels.numel()]
        return (levels * scales).to(dtype).reshape(shape)

    def stored(self, names: Collection[str], module: str) -> list[str]:
        """Those of its names that are there."""
        return [f"{module}.{one}" for one in ENDINGS if f"{module}.{one}" in names]


def _nested(read: Read, module: str, codes: Tensor, state: Mapping[str, Any]) -> Tensor:
    """Scales that are quantized themselves, by blocks of their own around an offset."""
    table, scales = (
        read(f"{module}.weight.nested_quant_map"),
        read(f"{module}.weight.nested_absmax"),
    )
    each = scales.repeat_interleave(int(state["nested_blocksize"]))[: codes.numel()]
    return table[codes.long()] * each + float(state["nested_offset"])


FORM = BitsAndBytes()
