"""Number formats: how many bits, and which level is nearest to a value in units of its scale.

Owns the arithmetic of one number. A *level* is what a code stands for before it is multiplied by the scale:
an integer for INT8, INT4 and INT3, a float of eight bits for FP8, one of sixteen quantiles for NF4. FP16 and
BF16 have no scale. Pure functions on float32 tensors of any shape.
"""

from __future__ import annotations

from typing import Literal

from compress.matrix import Tensor
from mvc.errors import UsageError
from mvc.values import dataclass

#: The normal float of four bits (Dettmers et al., arXiv:2305.14314, appendix E), in ascending order.
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Format:
    """``top``: the largest level; of symmetric integers half a step more, so that neither end is favoured."""

    name: str
    bits: int
    kind: Literal["cast", "integer", "float", "table"]
    top: float

    @property
    def scaled(self) -> bool:
        """Whether its levels are multiplied by a scale."""
        return self.kind != "cast"

    @property
    def low(self) -> int:
        """The least signed integer."""
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        """The greatest signed integer."""
        return (1 << (self.bits - 1)) - 1


FORMATS: dict[str, Format] = {
    "fp16": Format("fp16", 16, "cast", 65504.0),
    "bf16": Format("bf16", 16, "cast", 3.38953e38),
    "fp8-e4m3": Format("fp8-e4m3", 8, "float", 448.0),
    "fp8-e5m2": Format("fp8-e5m2", 8, "float", 57344.0),
    "int8": Format("int8", 8, "integer", 127.5),
    "int4": Format("int4", 4, "integer", 7.5),
    "int3": Format("int3", 3, "integer", 3.5),
    "nf4": Format("nf4", 4, "table", 1.0),
}


def named(name: str) -> Format:
    """The format called ``name``.

    Raises:
        UsageError: there is none.
    """
    if name not in FORMATS:
        raise UsageError(f"there is no format '{name}'", hint=f"there are: {', '.join(FORMATS)}")
    return FORMATS[name]


def dtype_of(form: Format) -> object:
    """The torch dtype of a format that is one.

    Raises:
        KeyError: it is none.
    """
    import torch

    return {
        "fp16": torch.float16,
        "bf16": torch.bfloat16,
        "fp8-e4m3": torch.float8_e4m3fn,
        "fp8-e5m2": torch.float8_e5m2,
    }[form.name]


def nearest(form: Format, quotient: Tensor, zero: Tensor | None = None) -> Tensor:
    """The level nearest to each quotient (value / scale), float32; of integers halves go to even.

    ``zero``: of asymmetric integers, the code 0 to 2^bits - 1 that stands for zero; levels are then codes less
    ``zero``. Beyond the range the last level is taken.
    """
    import torch

    if form.kind == "integer":
        if zero is None:
            return quotient.round().clamp(form.low, form.high)
        return (quotient.round() + zero).clamp(0, (1 << form.bits) - 1) - zero
    if form.kind == "table":
        return table(quotient)[codes(quotient)]
    return quotient.clamp(-form.top, form.top).to(dtype_of(form)).to(torch.float32)


def codes(quotient: Tensor) -> Tensor:
    """Which of NF4's levels is nearest, int64; one halfway goes to the lower."""
    import torch

    levels = table(quotient)
    return torch.bucketize(quotient, (levels[1:] + levels[:-1]) / 2)


def table(like: Tensor) -> Tensor:
    """NF4's levels ``[16]``, float32, on the device of ``like``."""
    import torch

    return torch.tensor(NF4, dtype=torch.float32, device=like.device)
