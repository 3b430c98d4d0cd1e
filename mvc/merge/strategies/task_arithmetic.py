"""The base plus what each model changed (task arithmetic, arXiv:2212.04089).

result = base + lambda · Σ wᵢ (θᵢ - base)        with ``normalize`` divided by Σ wᵢ
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mvc.merge.strategies.task_vectors import TaskVectors


@dataclass(frozen=True)
class TaskArithmetic(TaskVectors):
    """``weight``: each model's, negative to forget a task; ``lambda``: what the sum is scaled by."""

    name: ClassVar[str] = "task_arithmetic"
