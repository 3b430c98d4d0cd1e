"""Small unsigned codes in words of 32 bits, one after the other from the lowest bit.

As compressed-tensors packs them: 32 codes take as many words as a code has bits, and what is left of a row's
last word is zero.

``unpacked(packed(x, bits), bits, columns) == x``.
"""

from __future__ import annotations

import numpy as np

from compress.matrix import Tensor


def words_of(columns: int, bits: int) -> int:
    """How many words a row takes."""
    return -(-columns * bits // 32)


def packed(codes: Tensor, bits: int) -> Tensor:
    """``codes`` ``[rows, columns]``, each 0 to 2^bits - 1, as int32 ``[rows, words]``."""
    import torch

    rows, columns = codes.shape
    each = codes.to(torch.uint8).numpy()[:, :, None]
    flat = np.unpackbits(each, axis=2, count=bits, bitorder="little").reshape(rows, -1)
    filled = np.zeros((rows, 4 * words_of(columns, bits)), np.uint8)
    data = np.packbits(flat, axis=1, bitorder="little")
    filled[:, : data.shape[1]] = data
    return torch.from_numpy(filled.view("<i4"))


def unpacked(words: Tensor, bits: int, columns: int) -> Tensor:
    """uint8 ``[rows, columns]``."""
    import torch

    data = words.contiguous().numpy().astype("<i4").view(np.uint8)
    flat = np.unpackbits(data, axis=1, count=columns * bits, bitorder="little")
    each = flat.reshape(words.shape[0], columns, bits)
    return torch.from_numpy(np.packbits(each, axis=2, bitorder="little")[:, :, 0].copy())
