"""A frozen weight in four bits: NF4 codes and a scale for each 64 values, as QLoRA keeps its base.

Of Dettmers et al., arXiv:2305.14314: the levels are quantiles of a normal distribution, 0 among them, so that a
zero comes back as zero and a mask outlives it.
"""

from __future__ import annotations

from compress.matrix import Tensor
from compress.quantization import formats
from mvc.values import dataclass

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

        both = torch.stack((self.codes >> 4, self.codes & 15), dim=1).flatten().int()
        values = (formats.table(self.sizes)[both].view(-1, _BLOCK) * self.sizes[:, None]).flatten()
        return values[: self.shape.numel()].view(self.shape)  # type: ignore[attr-defined]


def packed(weight: Tensor) -> Packed:
    """``weight`` by the nearest levels."""
    import torch
    from torch.nn import functional

    flat = weight.detach().float().flatten()
    blocks = functional.pad(flat, (0, -len(flat) % _BLOCK)).view(-1, _BLOCK)
    sizes = blocks.abs().amax(dim=1)
    scaled = blocks / sizes.clamp_min(1e-30)[:, None]
    codes = formats.codes(scaled).to(torch.uint8).view(-1, 2)
    return Packed((codes[:, 0] << 4) | codes[:, 1], sizes, weight.shape)
