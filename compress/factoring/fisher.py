"""How much the model's loss feels each matrix: squared gradients, summed by input and by output.

The empirical Fisher information over the calibration, one sequence at a time (Hsu et al., arXiv:2207.00112).
Of a matrix ``y = W x`` by input j: Σ_i (∂loss/∂W_ij)²; by output i: Σ (∂loss/∂y_i)² over tokens. Means over
sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compress.architectures.generic import is_transposed
from compress.architectures.heads import predicts
from compress.matrix import Tensor
from mvc.errors import UsageError
from mvc.history.record import Json
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Felt:
    """``inputs`` ``[in]``, None if not asked for, and ``outputs`` ``[out]`` of one matrix, float32."""

    inputs: Tensor | None
    outputs: Tensor

    def told(self) -> dict[str, Json]:
        """As a choice says it."""
        inputs: dict[str, Json] = {} if self.inputs is None else {"inputs": self.inputs.tolist()}
        return {**inputs, "outputs": self.outputs.tolist()}


def gradients(
    model: Any,
    matrices: Mapping[str, Any],
    samples: Tensor,
    report: Callable[[int, int], None] = lambda done, total: None,
    *,
    inputs: bool = True,
) -> dict[str, Felt]:
    """By the names of ``matrices``, modules of ``model``; ``samples`` ``[n, length]``, int64.

    Without ``inputs`` no weight has a gradient, which takes less memory and a quarter less time.

    Raises:
        UsageError: the model predicts no next token, so that there is no loss to go by.
    """
    import torch
    from torch.nn import functional

    if not predicts(model):
        raise UsageError(
            f"{type(model).__name__} predicts no next token: there is no loss to take gradients of",
            hint="--method svd-llm, and ranks by anything but search",
        )
    found = {}
    handles = []
    if not inputs:  # what is behind the embedding has gradients then, and nothing else
        embedding = model.get_input_embeddings()
        handles.append(embedding.register_forward_hook(lambda *call: call[-1].requires_grad_(True)))
    for name, module in matrices.items():
        rows, columns = module.weight.shape
        if is_transposed(module):
            rows, columns = columns, rows
        found[name] = Felt(torch.zeros(columns) if inputs else None, torch.zeros(rows))
        module.weight.requires_grad_(inputs)
        handles.append(module.register_forward_hook(_listening(found[name].outputs)))
    for number, ids in enumerate(samples):
        logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1]
        functional.cross_entropy(logits.float(), ids[1:]).backward()
        for name, module in matrices.items():
            sums = found[name].inputs
            if sums is not None:
                sums.add_(module.weight.grad.square().sum(dim=1 if is_transposed(module) else 0))
                module.weight.grad = None
        report(number, len(samples))
    for handle in handles:
        handle.remove()
    return {
        name: Felt(
            None if felt.inputs is None else felt.inputs / len(samples),
            felt.outputs / len(samples),
        )
        for name, felt in found.items()
    }


def _listening(sums: Tensor) -> Any:
    def add(gradient: Tensor) -> None:
        sums.add_(gradient.reshape(-1, gradient.shape[-1]).square().sum(dim=0))

    def forward(module: Any, inputs: Any, output: Tensor) -> None:
        output.register_hook(add)

    return forward
