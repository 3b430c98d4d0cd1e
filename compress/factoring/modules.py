"""What computes with two factors in a transformers model, in the place of a Linear."""

from __future__ import annotations

from typing import Any

import torch

from compress.architectures.generic import is_transposed


class Factored(torch.nn.Sequential):  # type: ignore[misc]
    """``second @ first`` and a bias: Linear modules ``0`` and ``1``, which adapters find and training trains.

    The bias stays where the Linear had it: a checkpoint has ``X.0.weight``, ``X.1.weight`` and ``X.bias``.
    """

    def __init__(
        self, inner: int, out: int, rank: int, *, bias: bool, device: Any = None, dtype: Any = None
    ) -> None:
        kind = {"device": device, "dtype": dtype}
        super().__init__(
            torch.nn.Linear(inner, rank, bias=False, **kind),
            torch.nn.Linear(rank, out, bias=False, **kind),
        )
        self.in_features, self.out_features, self.rank = inner, out, rank
        self.bias = torch.nn.Parameter(torch.empty(out, **kind)) if bias else None

    @property
    def weight(self) -> torch.Tensor:
        """``[out, in]``: the product, made anew each time, for code that looks at a Linear's (GPT-2's does)."""
        return (self[1].weight @ self[0].weight).detach()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """``[…, in]`` → ``[…, out]``."""
        found: torch.Tensor = super().forward(inputs)
        return found if self.bias is None else found + self.bias

    def multiplied(self) -> torch.nn.Linear:
        """The Linear that computes the same, up to rounding."""
        first, second = self[0].weight, self[1].weight
        made = torch.nn.Linear(
            self.in_features,
            self.out_features,
            bias=self.bias is not None,
            device=first.device,
            dtype=first.dtype,
        )
        with torch.no_grad():
            made.weight.copy_((second.float() @ first.float()).to(first.dtype))
            if self.bias is not None:
                made.bias.copy_(self.bias)
        return made


def widths(module: Any) -> tuple[int, int]:
    """Inputs and outputs of a Linear, or of GPT-2's Conv1D, whose weight is ``[in, out]``."""
    rows, columns = module.weight.shape
    return (rows, columns) if is_transposed(module) else (columns, rows)


def replace(model: Any, ranks: dict[str, int]) -> list[str]:
    """Put a ``Factored`` of its rank, without values, in place of each module named; gives those not found."""
    missing = []
    for path, rank in ranks.items():
        owner, _, name = path.rpartition(".")
        try:
            parent = model.get_submodule(owner)
            old = getattr(parent, name)
        except AttributeError:
            missing.append(path)
            continue
        inner, out = widths(old)
        kind = old.weight
        made = Factored(
            inner, out, rank, bias=old.bias is not None, device=kind.device, dtype=kind.dtype
        )
        setattr(parent, name, made)
    return missing


def multiply(model: Any) -> Any:
    """``model`` with a Linear in the place of every ``Factored``."""
    for path, module in list(model.named_modules()):
        if isinstance(module, Factored):
            owner, _, name = path.rpartition(".")
            setattr(model.get_submodule(owner), name, module.multiplied())
    return model
