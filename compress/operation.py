"""The seam: what an operation is. A module of ``compress/operations`` has one as ``OPERATION``.

An operation works on one matrix, on a coupled group, or on a whole model; the driver does all else: it streams
the blocks, gathers G, keeps what is finished, evaluates, asks the guard and commits. Pure functions: the same
matrix and recipe give the same edit, whatever ran before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol

from compress.edit import Edit
from compress.matrix import Group, Matrix, Tensor
from mvc.history.record import Json
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """One way to treat a matrix: what it costs (bytes stored), and what it loses (tr(ΔGΔᵀ))."""

    cost: float
    loss: float
    choice: Mapping[str, Json]


class Whole(Protocol):
    """A whole model at work: what an operation over all of it (heal) is handed."""

    seed: int
    samples: Tensor  # [n, length], int64: the calibration tokens

    def load(self) -> Any:
        """The model as transformers has it, with every weight dense and in float32."""
        ...

    def parent(self) -> Any:
        """The same, of the dense model that the chain of steps began with."""
        ...

    def matrices(self, model: Any) -> Mapping[str, Any]:
        """Of ``model``, loaded here, the modules that the recipe chooses, by their weight's full name."""
        ...

    def zeros(self, name: str) -> Tensor | None:
        """Where the mask in force keeps a weight at zero."""
        ...

    def promised(self, name: str) -> Mapping[str, Json]:
        """What earlier steps promised of a weight: ``mask``, ``grid``, ``rank``."""
        ...

    def stored(self, name: str) -> Mapping[str, Tensor]:
        """The tensors that a weight is stored as, by what stands after the module's name."""
        ...

    def report(self, what: str, done: int, total: int, **numbers: float) -> None:
        """Tell who listens how far it is; the guard hears of ``loss``."""
        ...


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a whole model: edits by the weight's name, and files beside it (an adapter kept apart)."""

    edits: Mapping[str, Edit]
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    decisions: Mapping[str, Json] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


#: config.json, recipe, decisions, and all matrices of the model (the weight's name → its module, as the model
#: without its head calls it) → the new config.json.
Configure = Callable[
    [dict[str, Any], Any, Mapping[str, Json], Mapping[str, str]],
    dict[str, Any],
]


@dataclass(frozen=True, slots=True)
class Operation:
    """Of ``edit``, ``edit_group`` and ``change`` just one is there.

    ``look``: what a look at the whole model (its gradients) says of its matrices before they are edited, by
    name; it is in ``matrix.choice`` then. ``needs_gram``: whether calibration is needed, by the recipe.
    ``options``: the ways to treat a matrix, where the recipe has a budget; the allocator chooses, and ``edit``
    finds the choice in ``matrix.choice``. ``budget``: the bytes to keep to, of how many; None for none.
    ``configure``: the new ``config.json``. ``summary``: the commit's first line. ``ends``: kinds of invariants
    that it ends on purpose. ``migrations``: of a recipe of version n as JSON, one of n + 1. ``metric``: what
    the guard looks at where it is not told; ``must_help``: unless a limit is given, that has to get better.
    ``adds``: what files beside the model add to weights, by name, when it is judged.
    """

    name: str
    recipe: type
    summary: Callable[[Any], str]
    edit: Callable[[Matrix, Any], Edit] | None = None
    edit_group: Callable[[Group, Any], Mapping[str, Edit]] | None = None
    change: Callable[[Whole, Any], Changed] | None = None
    needs_gram: Callable[[Any], bool] = lambda recipe: True
    look: Callable[[Whole, Any], Mapping[str, Mapping[str, Json]]] | None = None
    options: Callable[[Matrix, Any], Sequence[Option]] | None = None
    budget: Callable[[Any, float], float | None] = lambda recipe, dense: None
    configure: Configure | None = None
    ends: frozenset[str] = frozenset()
    metric: str = ""
    must_help: bool = False
    adds: Callable[[Mapping[str, bytes | None]], Mapping[str, Tensor]] | None = None
    migrations: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = field(
        default_factory=dict
    )
