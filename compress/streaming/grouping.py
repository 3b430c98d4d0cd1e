"""The groups of a loaded block as an operation gets them."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from compress.architectures.architecture import GroupRule
from compress.architectures.generic import is_transposed
from compress.matrix import Group, Matrix, Source, Tensor
from compress.model.skeleton import Skeleton
from compress.model.weights import file_dtype, stored_as
from compress.numbers import seed_of
from compress.standing import Standing
from mvc.history.record import Json
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which matrices a step works on, by globs of names: ``only`` (none: all), without ``skip``."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether the matrix with the weight ``name`` is worked on."""
        if any(fnmatchcase(name, glob) for glob in self.skip):
            return False
        return not self.only or any(fnmatchcase(name, glob) for glob in self.only)


def chosen_by(recipe: Any) -> Chosen:
    """Which matrices ``recipe`` chooses."""
    return Chosen(getattr(recipe, "only", ()), getattr(recipe, "skip", ()))


class BlockView:
    """One loaded block: its matrices by group, in the architecture's order."""

    def __init__(self, skeleton: Skeleton, number: int, block: Any, chosen: Chosen) -> None:
        self._skeleton, self._number, self._block = skeleton, number, block
        self.modules = skeleton.matrices(block)
        self.rules: list[tuple[str, GroupRule, tuple[str, ...]]] = []
        for rule in skeleton.architecture.groups:
            members = tuple(
                path
                for path in rule.modules
                if path in self.modules and chosen.has(self.name(path))
            )
            if members:
                self.rules.append((f"{skeleton.path}.{number}.{rule.name}", rule, members))

    def name(self, path: str) -> str:
        """The full name of the weight of the module ``path`` of the block."""
        return f"{self._skeleton.name_of(self._number, path)}.weight"

    def inputs(self) -> dict[str, Any]:
        """Of each group a module that sees its input."""
        return {name: self.modules[members[0]] for name, _, members in self.rules}

    def group(
        self,
        name: str,
        gram: Tensor | None,
        standing: Standing,
        choices: Mapping[str, Mapping[str, Json]],
        seed: int,
        peak: Tensor | None = None,
    ) -> Group:
        """The group ``name`` for an operation."""
        rule, members = next((rule, members) for one, rule, members in self.rules if one == name)
        matrices = tuple(
            self._matrix(path, gram, standing, choices.get(self.name(path), {}), seed, peak)
            for path in members
        )
        whole = members == tuple(path for path in rule.modules if path in self.modules)
        return Group(name, matrices, self._source(rule, standing) if whole else None)

    def _matrix(
        self,
        path: str,
        gram: Tensor | None,
        standing: Standing,
        choice: Mapping[str, Json],
        seed: int,
        peak: Tensor | None,
    ) -> Matrix:
        module, name = self.modules[path], self.name(path)
        weight = module.weight.data
        turned = is_transposed(module)
        weight = weight.T.contiguous() if turned else weight
        held = standing.of(name)
        return Matrix(
            name=name,
            weight=weight,
            gram=gram,
            zeros=(weight == 0) if "mask" in held else None,
            grid=held.get("grid"),  # type: ignore[arg-type]
            choice=choice,
            seed=seed_of(seed, name),
            peak=peak,
            dtype=file_dtype(self._skeleton.weights, self._skeleton.stored(name)),
            turned=turned,
            rank=held.get("rank"),  # type: ignore[arg-type]
        )

    def fold(self, folded: Mapping[str, Tensor]) -> None:
        """Give modules of the block the values that a scale was folded into, by the tensors' full names."""
        for name, values in folded.items():
            path, _, kind = name.removeprefix(f"{self._skeleton.path}.{self._number}.").rpartition(
                "."
            )
            module = self._block.get_submodule(path)
            turned = values.T if is_transposed(module) and values.dim() == 2 else values
            module._parameters[kind].data = turned.contiguous()

    def _source(self, rule: GroupRule, standing: Standing) -> Source | None:
        if rule.source is None or not self._holds(rule.given):
            return None
        try:
            module = self._block.get_submodule(rule.source)
        except AttributeError:
            return None
        if module.weight is None or not self._takes(rule.source, standing):
            return None
        weight = module.weight.data
        name = self._skeleton.name_of(self._number, rule.source)
        bias = getattr(module, "bias", None)
        repeats, head = 1, 0
        if rule.kind == "heads":
            width = self.modules[rule.modules[0]].weight.shape[1]
            repeats = width // weight.shape[0]
            owner = self._block.get_submodule(rule.source.rpartition(".")[0])
            head = int(getattr(owner, "head_dim", 0))
        return Source(
            f"{name}.weight",
            rule.kind,
            weight.T.contiguous() if is_transposed(module) else weight,
            None if bias is None else bias.data,
            self._skeleton.architecture.norm_offset if rule.kind == "norm" else 0.0,
            repeats,
            head,
        )

    def _holds(self, given: tuple[str, Json] | None) -> bool:
        """Whether ``config.json`` says so."""
        config = self._skeleton.model.config
        return given is None or getattr(config, given[0], None) == given[1]

    def _takes(self, source: str, standing: Standing) -> bool:
        """Whether what makes an input takes in a scale: not factors, codes, or a grid that has to stay."""
        name = self._skeleton.name_of(self._number, source)
        module = self._skeleton.stored(name)
        if stored_as(self._skeleton.weights, module) not in ([f"{module}.weight"], []):
            return False
        edited = any(source in members for _, _, members in self.rules)
        return edited or "grid" not in standing.of(f"{name}.weight")


def matrices_of(view: Any, grams: Any, work: Any) -> list[Matrix]:
    """Every matrix of a block that is surveyed, with what it sees."""
    return [
        matrix
        for name, _, _ in view.rules
        for matrix in view.group(
            name, None if grams is None else grams.of(name), work.standing, work.choices, work.seed
        ).matrices
    ]
