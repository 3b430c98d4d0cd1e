"""Healing: a short training that makes good what a step broke, and keeps what earlier steps promised.

Owns the recipe and what becomes of the adapters: merged into the weights, or kept apart in files that peft
reads. A heal is a step of its own, kept only if it helps: the guard wants KL to the dense model to fall.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from compress.edit import Edit
from compress.healing import peft_files
from compress.matrix import Tensor
from compress.operation import Changed, Operation, Whole
from mvc.errors import Refused, UsageError
from mvc.history.record import Json
from mvc.values import dataclass

#: Sequences to learn from: more than statistics need, as what is trained on a few knows those by heart.
SAMPLES = 256


@dataclass(frozen=True, slots=True)
class Heal:
    """``steps`` of ``batch`` sequences at ``rate``, by adapters of ``rank``, scaled by ``alpha / rank``.

    ``qlora`` keeps the frozen weights in NF4 meanwhile. ``distill``: learn what the dense model predicts
    (``kl``), or its states (``cosine``), ``weight`` times, and ``labels`` times the next token of the text;
    with ``none`` that alone. ``adapter``: ``merged`` into the weights, or kept ``apart``. ``only`` and ``skip``
    are globs of names.
    """

    method: Literal["lora", "qlora"] = "lora"
    steps: int = 200
    rank: int = 8
    alpha: float = 16.0
    rate: float = 1e-3
    batch: int = 4
    distill: Literal["none", "cosine", "kl"] = "kl"
    weight: float = 1.0
    labels: float = 0.0
    adapter: Literal["merged", "apart"] = "merged"
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    version: int = 2

    def __post_init__(self) -> None:
        """UsageError: a number that can't be one."""
        for word in ("steps", "rank", "batch"):
            if getattr(self, word) < 1:
                raise UsageError(f"{word} is {getattr(self, word)}, and must be at least 1")
        for word in ("alpha", "rate", "weight"):
            if not getattr(self, word) > 0:
                raise UsageError(f"{word} is {getattr(self, word):g}, and must be above 0")
        if not self.labels >= 0:
            raise UsageError(f"labels is {self.labels:g}, and must not be negative")


class NothingLearned(Refused):
    """The training came to nothing that could be judged."""


def heal(work: Whole, recipe: Heal) -> Changed:
    """What the chosen matrices are after the training, at its best.

    Raises:
        UsageError: merging would break a promise, no matrix is chosen, or there is nothing to learn from.
        NothingLearned: the loss on sequences kept apart never fell.
        MvcError: the loss is no number.
    """
    import torch

    from compress.healing.attaching import Plan, attach, merged, oriented
    from compress.healing.objective import Objective
    from compress.healing.training import Course, train

    model = work.load()
    matrices = work.matrices(model)
    if not matrices:
        raise UsageError(
            "no matrix of the model is chosen", hint="--only and --skip are globs of tensor names"
        )
    promised = {name: work.promised(name) for name in matrices}
    _allowed(promised, recipe)
    qlora, apart = recipe.method == "qlora", recipe.adapter == "apart"
    plan = Plan(recipe.rank, recipe.alpha / recipe.rank, masked=not apart, four_bits=qlora)
    draw = torch.Generator().manual_seed(work.seed)
    teacher = None if recipe.distill == "none" else work.parent()
    loss = Objective(model, teacher, recipe.distill, recipe.weight, recipe.labels)
    adapters = attach(model, matrices, promised, work.stored, plan, draw)
    before = {} if qlora or apart else {name: oriented(one) for name, one in matrices.items()}
    del matrices
    learned = train(
        model,
        [one for adapter in adapters.values() for one in adapter.parameters() if one.requires_grad],
        work.samples,
        loss,
        Course(recipe.steps, recipe.batch, recipe.rate),
        draw,
        lambda step, value: work.report("training", step - 1, recipe.steps, loss=value),
    )
    decisions: dict[str, Json] = {
        "before": learned.before,
        "best": learned.best,
        "step": learned.step,
        "taken": learned.taken,
    }
    if not learned.step:
        raise NothingLearned(
            f"nothing was learned in {learned.taken} steps: the loss on sequences kept apart never "
            f"fell below {learned.before:.4g}; nothing is kept, and the branch has not moved",
            hint="a lower --rate, more --steps, or more --samples to learn from",
        )
    if apart:
        pairs = {n.removesuffix(".weight"): (a.lora_A, a.lora_B) for n, a in adapters.items()}
        task = "CAUSAL_LM" if loss.predicts else "FEATURE_EXTRACTION"
        files = peft_files.written(pairs, rank=recipe.rank, alpha=recipe.alpha, task=task)
        return Changed({}, files, decisions)
    if qlora:  # the weights themselves, not what four bits left of them
        fresh = work.load()
        before = {name: oriented(one) for name, one in work.matrices(fresh).items()}
    edits: Mapping[str, Edit] = merged(adapters, promised, before.__getitem__, work.stored)
    return Changed(edits, {}, decisions)


def _allowed(promised: Mapping[str, Mapping[str, Json]], recipe: Heal) -> None:
    for name, held in promised.items():
        if "grid" in held and recipe.adapter == "merged":
            raise UsageError(
                f"{name} is quantized: an adapter merged into it would leave the grid",
                hint="--adapter apart, or mvc compress dequantize first",
            )
        if "rank" in held and recipe.adapter == "apart":
            raise UsageError(
                f"{name} is factored: its adapters are two, which peft can't read as one",
                hint="--adapter merged keeps the rank",
            )


def _adds(files: Mapping[str, bytes | None]) -> Mapping[str, Tensor]:
    return {f"{module}.weight": added for module, added in peft_files.read(files).items()}


def _summary(recipe: Heal) -> str:
    learned = "" if recipe.distill == "none" else f", {recipe.distill} distillation"
    kept = ", adapter kept apart" if recipe.adapter == "apart" else ""
    return f"Heal with {recipe.method}, {recipe.steps} steps{learned}{kept}"


def _with_labels(first: dict[str, Any]) -> dict[str, Any]:
    """Version 1 counted the next token wherever it distilled."""
    return {**first, "labels": 1.0}


def _always(recipe: Any) -> bool:
    return True


OPERATION = Operation(
    name="heal",
    recipe=Heal,
    summary=_summary,
    change=heal,
    needs_gram=_always,
    metric="kl",
    must_help=True,
    adds=_adds,
    migrations={1: _with_labels},
)
