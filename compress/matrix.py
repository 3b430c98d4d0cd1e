"""What an operation is handed: one matrix with the statistics of its input, or those that share one input.

Values only. Tensors are torch's, on the CPU, in float32 whatever the file holds. ``G = XᵀX/n`` over the rows X
of calibration that the matrix sees, with all earlier blocks as the operation left them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from mvc.history.record import Json
from mvc.values import dataclass

#: A torch tensor; torch is imported where it computes, and is Any to the type checker.
Tensor = Any


@dataclass(frozen=True, slots=True)
class Matrix:
    """A weight ``[out, in]`` as a Linear has it (GPT-2's Conv1D comes transposed, and goes back so).

    ``gram`` ``[in, in]``: G, None unless the operation asked for it. ``zeros`` ``[out, in]``, bool: where the
    mask in force keeps it at zero; None without one. ``grid``: what an earlier step recorded of its values.
    ``choice``: what a survey chose for this matrix. ``seed`` is its own: a draw must not depend on which other
    matrices there are. ``peak`` ``[in]``: the largest magnitude of each input, there where ``gram`` is.
    ``dtype``: torch's, of the file; None for float32. ``turned``: the module has it as ``[in, out]``. ``rank``:
    of the factors that it is kept as; None for a matrix.
    """

    name: str
    weight: Tensor
    gram: Tensor | None = None
    zeros: Tensor | None = None
    grid: Mapping[str, Json] | None = None
    choice: Mapping[str, Json] = field(default_factory=dict)
    seed: int = 0
    peak: Tensor | None = None
    dtype: Any = None
    turned: bool = False
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What makes a group's input, so that a scale of its columns can be folded away (AWQ, SmoothQuant).

    ``kind``: ``norm`` (a weight ``[in]``, and perhaps a bias), ``linear`` (the rows of a weight
    ``[in, …]``), or ``heads`` (the same, each row block serving several heads, as v → o in grouped-query
    attention, ``repeats`` heads of ``width`` rows each). ``offset``: what the norm adds to its weight before it
    multiplies (Gemma: 1).
    """

    name: str
    kind: str
    weight: Tensor
    bias: Tensor | None = None
    offset: float = 0.0
    repeats: int = 1
    width: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Matrices that share one input, and so one Gram matrix: q/k/v, or gate/up.

    ``name`` is unique in a model (``model.layers.3.attn_in``); ``source`` None where nothing can be folded.
    """

    name: str
    matrices: tuple[Matrix, ...]
    source: Source | None = None
