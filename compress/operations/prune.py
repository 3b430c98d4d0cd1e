"""Pruning without retraining: magnitude, Wanda, RIA, SparseGPT; any weights, or N of every M.

Owns the recipe and the choice of arithmetic, which is in ``compress/pruning``. A mask that is in force is never
opened again: its zeros go first, and count towards the sparsity asked for.
"""

from __future__ import annotations

from typing import Any, Literal

from compress.edit import Edit, Mask
from compress.factoring.refusing import require_whole
from compress.matrix import Matrix, Tensor
from compress.numbers import inverse_factor, output_error
from compress.operation import Operation
from compress.pruning import scores
from compress.pruning.patterns import lowest, lowest_of_each, n_of_m
from compress.pruning.sparsegpt import sparsegpt
from mvc.errors import UsageError
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Prune:
    """``sparsity``: the share of weights that shall be zero; with a ``pattern`` N:M it is 1 - N/M.

    ``scope``: what scores are compared in; ``auto`` is ``row`` for Wanda and the whole ``matrix`` for
    magnitude and RIA. ``damping``: of G, in shares of its mean diagonal; ``block``: columns that SparseGPT
    chooses from at a time; ``power``: RIA's exponent of the input's norm. ``only`` and ``skip`` are globs of
    names.
    """

    method: Literal["sparsegpt", "wanda", "ria", "magnitude"] = "sparsegpt"
    sparsity: float = 0.5
    pattern: str = "unstructured"
    scope: Literal["auto", "row", "matrix"] = "auto"
    damping: float = 0.01
    block: int = 128
    power: float = 0.5
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    version: int = 1

    def __post_init__(self) -> None:
        """UsageError: a number out of its range, or no such pattern."""
        found = n_of_m(self.pattern)
        if not 0 < self.sparsity < 1:
            raise UsageError(f"sparsity is {self.sparsity:g}, and must be above 0 and below 1")
        if found is not None and abs(self.sparsity - (1 - found[0] / found[1])) > 1e-9:
            share = 1 - found[0] / found[1]
            raise UsageError(
                f"{self.pattern} makes {share:.0%} of the weights zero, not {self.sparsity:.0%}",
                hint=f"--sparsity {share:.0%}, or no --pattern",
            )
        if not (self.damping >= 0 and self.power >= 0) or self.block < 1:
            raise UsageError("damping and power must not be negative, and block at least 1")


def prune(matrix: Matrix, recipe: Prune) -> Edit:
    """``matrix`` with ``recipe.sparsity`` of its weights zero, those of the mask in force among them.

    Raises:
        MvcError: SparseGPT, and the damped G is singular.
        UsageError: N:M, and the rows are no multiple of M long; or it is two factors.
    """
    import torch

    require_whole(matrix)
    weight, groups = matrix.weight, n_of_m(recipe.pattern)
    warnings: tuple[str, ...] = ()
    if recipe.method == "sparsegpt":
        factor = inverse_factor(_gram(matrix), recipe.damping, matrix.name)
        pruned, _ = sparsegpt(
            weight, factor, recipe.sparsity, n_of_m=groups, zeros=matrix.zeros, block=recipe.block
        )
    else:
        found = _scores(matrix, recipe)
        if matrix.zeros is not None:
            found = found.masked_fill(matrix.zeros, -1.0)
        if groups is None:
            by_row = recipe.scope == "row" or (recipe.scope, recipe.method) == ("auto", "wanda")
            gone = lowest(found, recipe.sparsity, by_row=by_row)
        else:
            gone = lowest_of_each(found, *groups)
        if matrix.zeros is not None:
            gone |= matrix.zeros
        pruned = weight.masked_fill(gone, 0.0)
    if not torch.isfinite(pruned).all():
        raise UsageError(f"{matrix.name} has values that are no numbers", hint="mvc cat shows them")
    loss = output_error(pruned - weight, matrix.gram)
    return Edit(Mask(pruned, recipe.pattern), loss, warnings=warnings)


def _scores(matrix: Matrix, recipe: Prune) -> Tensor:
    if recipe.method == "wanda":
        return scores.wanda(matrix.weight, _gram(matrix))
    if recipe.method == "ria":
        return scores.ria(matrix.weight, _gram(matrix), recipe.power)
    return scores.magnitude(matrix.weight)


def _gram(matrix: Matrix) -> Tensor:
    if matrix.gram is None:
        raise UsageError(f"{matrix.name}: this method needs calibration", hint="--data FILE")
    return matrix.gram


def _summary(recipe: Prune) -> str:
    pattern = "" if recipe.pattern == "unstructured" else f" in {recipe.pattern}"
    return f"Prune to {recipe.sparsity:.4g}{pattern} with {recipe.method}"


def _needs_gram(recipe: Any) -> bool:
    return bool(recipe.method != "magnitude")


OPERATION = Operation(
    name="prune", recipe=Prune, summary=_summary, edit=prune, needs_gram=_needs_gram
)
