"""Two thin factors in the place of a matrix: SVD, ASVD, SVD-LLM, FWSVD; the rank by share, energy or budget.

Owns the recipe, which rank each matrix gets, and what ``config.json`` says of it; the arithmetic is in
``compress/factoring``. A matrix whose factors would be no smaller stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from compress.architectures.heads import predicts
from compress.edit import Dense, Edit, Factors
from compress.factoring import inputs, ranks
from compress.factoring.entry import added
from compress.factoring.fisher import gradients
from compress.factoring.spectrum import Spectrum, spectrum
from compress.matrix import Matrix, Tensor
from compress.numbers import output_error
from compress.operation import Operation, Option, Whole
from mvc.errors import UsageError
from mvc.history.record import Json
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Factor:
    """``keep``: the share of the parameters that factors have.

    ``ranks``: ``uniform``: of every matrix alike; ``energy``: each matrix gets the least rank that keeps
    ``energy`` of Σ S²; ``budget``: the shared allocator gives out ``keep`` of all parameters at the least
    Σ tr(ΔGΔᵀ); ``search``: the same, each output's error weighed by how much the model's loss feels it;
    ``auto``: ``search`` for svd-llm, if the model predicts a next token, else ``uniform``. ``damping``: of G,
    in shares of its mean diagonal; ``power``: ASVD's exponent. ``only`` and ``skip`` are globs of names.
    """

    method: Literal["svd-llm", "asvd", "fwsvd", "svd"] = "svd-llm"
    ranks: Literal["auto", "uniform", "energy", "budget", "search"] = "auto"
    keep: float = 0.8
    energy: float = 0.0
    damping: float = 0.001
    power: float = 0.5
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    version: int = 1

    def __post_init__(self) -> None:
        """UsageError: a number out of its range, or factors that can't be smaller than the matrix."""
        if not 0 < self.keep < 1:
            raise UsageError(
                f"keep is {self.keep:g}: factors with as many parameters as the matrix save nothing",
                hint="--keep 80%",
            )
        if (self.ranks == "energy") != (self.energy != 0) or not 0 <= self.energy < 1:
            raise UsageError(
                f"energy is {self.energy:g}, and must be above 0 and below 1 if ranks go by it",
                hint="--energy 95%",
            )
        if not (self.damping >= 0 and self.power >= 0):
            raise UsageError("damping and power must not be negative")

    @property
    def way(self) -> str:
        """``ranks``, ``auto`` being what it stands for."""
        if self.ranks != "auto":
            return self.ranks
        return "search" if self.method == "svd-llm" else "uniform"


def factor(matrix: Matrix, recipe: Factor) -> Edit:
    """``matrix`` as two factors, or as it is where they would be no smaller.

    Raises:
        UsageError: a mask or a grid is in force, which factors would not keep.
        MvcError: G is singular.
    """
    _allowed(matrix)
    found = _spectrum(matrix, recipe)
    out, inner = matrix.weight.shape
    rank = _rank(matrix, recipe, found)
    if not ranks.smaller(rank, out, inner):
        text = f"stays as it is: factors of rank {rank} are no smaller than {out} × {inner}"
        return Edit(
            Dense(matrix.weight), 0.0, warnings=() if matrix.choice.get("kept") else (text,)
        )
    first, second = found.factors(rank)
    loss = output_error(second @ first - matrix.weight, matrix.gram)
    return Edit(Factors(first, second), loss, {"rank": rank})


def options(matrix: Matrix, recipe: Factor) -> Sequence[Option]:
    """A rank for each of the shares, and the matrix as it is; costs in bytes of float32.

    Of factors only lower ranks, which keep what was promised. Where nothing says what the loss feels there is
    one option, the rank that all have alike.
    """
    _allowed(matrix)
    out, inner = matrix.weight.shape
    felt = None
    if recipe.way == "search":
        if "outputs" not in matrix.choice:
            rank = ranks.of_share(recipe.keep, out, inner)
            return [Option(4 * ranks.size(rank, out, inner), 0.0, {"rank": rank})]
        felt = matrix.weight.new_tensor(matrix.choice["outputs"])
    found = _spectrum(matrix, recipe)
    some = ranks.some(out, inner)
    kept = [Option(4 * out * inner, 0.0, {"rank": out * inner, "kept": True})]
    if matrix.rank is not None:
        some = [rank for rank in some if rank < matrix.rank] + [matrix.rank]
        kept = []
    losses = _losses(matrix, recipe, found, some, felt)
    return kept + [
        Option(4 * ranks.size(rank, out, inner), loss, {"rank": rank}) for rank, loss in losses
    ]


def _losses(
    matrix: Matrix, recipe: Factor, found: Spectrum, some: Sequence[int], felt: Tensor | None
) -> list[tuple[int, float]]:
    """Of each rank in ``some`` the output error, output i counting ``felt_i`` times."""
    if recipe.method == "svd-llm":  # S has it
        lost = found.lost(felt)
        return [(rank, float(lost[rank])) for rank in some]
    losses = []
    for rank in some:
        first, second = found.factors(rank)
        delta = second @ first - matrix.weight
        if felt is not None:
            delta *= felt.sqrt()[:, None]
        losses.append((rank, output_error(delta, matrix.gram)))
    return losses


def _rank(matrix: Matrix, recipe: Factor, found: Spectrum) -> int:
    chosen = matrix.choice.get("rank")
    if isinstance(chosen, int):
        return chosen
    if recipe.ranks == "energy":
        return ranks.of_energy(recipe.energy, found.lost().tolist())
    return ranks.of_share(recipe.keep, *matrix.weight.shape)


def _spectrum(matrix: Matrix, recipe: Factor) -> Spectrum:
    weight = matrix.weight
    if recipe.method == "svd-llm":
        return spectrum(weight, inputs.whitening(_gram(matrix), recipe.damping, matrix.name))
    if recipe.method == "asvd":
        return spectrum(weight, inputs.activations(_gram(matrix), recipe.power))
    if recipe.method == "fwsvd":
        return spectrum(weight, inputs.fisher(weight.new_tensor(matrix.choice["inputs"])))
    return spectrum(weight)


def _gram(matrix: Matrix) -> Tensor:
    if matrix.gram is None:
        raise UsageError(f"{matrix.name}: this method needs calibration", hint="--data FILE")
    return matrix.gram


def _allowed(matrix: Matrix) -> None:
    reason = "a mask" if matrix.zeros is not None else "a grid" if matrix.grid else None
    if reason is not None:
        raise UsageError(
            f"{matrix.name}: {reason} is in force, which its factors would not keep",
            hint="factor before you prune or quantize, or --skip it; mvc revert takes the earlier step back",
        )


def _look(work: Whole, recipe: Factor) -> Mapping[str, Mapping[str, Json]]:
    """What gradients say of each matrix, where the recipe asks."""
    if recipe.method != "fwsvd" and recipe.way != "search":
        return {}
    model = work.load()
    if recipe.ranks == "auto" and recipe.method != "fwsvd" and not predicts(model):
        return {}
    found = gradients(
        model,
        work.matrices(model),
        work.samples,
        lambda done, total: work.report("gradients", done, total),
        inputs=recipe.method == "fwsvd",
    )
    return {name: felt.told() for name, felt in found.items()}


def _needs_gram(recipe: Factor) -> bool:
    return recipe.method != "svd" or recipe.way in ("budget", "search")


def _budget(recipe: Factor, dense: float) -> float | None:
    return recipe.keep * dense if recipe.way in ("budget", "search") else None


def _configure(
    config: dict[str, Any],
    recipe: Factor,
    decisions: Mapping[str, Json],
    matrices: Mapping[str, str],
) -> dict[str, Any]:
    return added(config, decisions)


def _summary(recipe: Factor) -> str:
    much = f"{recipe.keep:.4g} of the parameters"
    if recipe.ranks == "energy":
        much = f"{recipe.energy:.4g} of the energy"
    by = f", ranks by {recipe.ranks}" if recipe.ranks in ("budget", "search") else ""
    return f"Factor to {much} with {recipe.method}{by}"


OPERATION = Operation(
    name="factor",
    recipe=Factor,
    summary=_summary,
    edit=factor,
    needs_gram=_needs_gram,
    options=options,
    budget=_budget,
    look=_look,
    configure=_configure,
)
