"""A frozen weight in four bits: NF4 codes and a scale for each 64 values, as QLoRA keeps its base.

Of Dettmers et al., arXiv:2305.14314: the levels are quantiles of a normal distribution, 0 among them, so that a
zero comes back as zero and a mask outlives it.
"""

from __future__ import annotations

from compress.matrix import Tensor
from mvc.values import dataclass

#: Appendix E.
_LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Packed:
    """``codes``: two a byte; ``sizes``: the largest magnitude of each block; of a tensor of ``shape``."""

    codes: Tensor
    sizes: Tensor
    shape: tuple[int, ...]

    def dense(self) -> Tensor:
        """The values, float32."""
        import torch

        levels = torch.tensor(_LEVELS)
        both = torch.stack((self.codes >> 4, self.codes & 15), dim=1).flatten().int()
        values = (levels[both].view(-1, _BLOCK) * self.sizes[:, None]).flatten()
        return values[: self.shape.numel()].view(self.shape)  # type: ignore[attr-defined]


def packed(weight: Tensor) -> Packed:
    """``weight`` by the nearest levels."""
    import torch
    from torch.nn import functional

    levels = torch.tensor(_LEVELS)
    flat = weight.detach().float().flatten()
    blocks = functional.pad(flat, (0, -len(flat) % _BLOCK)).view(-1, _BLOCK)
    sizes = blocks.abs().amax(dim=1)
    scaled = blocks / sizes.clamp_min(1e-30)[:, None]
    codes = torch.bucketize(scaled, (levels[1:] + levels[:-1]) / 2).to(torch.uint8).view(-1, 2)
    return Packed((codes[:, 0] << 4) | codes[:, 1], sizes, weight.shape)
