"""The seam: an evaluator measures a model, committed or still in the making."""

from __future__ import annotations

from typing import Protocol

from compress.evaluation.measurement import Measurement
from compress.events import Report
from compress.model.skeleton import Skeleton
from compress.model.weights import Committed, Overlaid, Weights


class Subject:
    """A model to be measured: ``committed``, or what a step makes of it (``overlaid``)."""

    def __init__(self, committed: Committed, overlaid: Overlaid | None = None) -> None:
        self.committed, self.overlaid = committed, overlaid
        self._skeleton: Skeleton | None = None

    @property
    def weights(self) -> Weights:
        """Its tensors."""
        return self.committed if self.overlaid is None else self.overlaid

    @property
    def skeleton(self) -> Skeleton:
        """The model, to be run block by block."""
        if self._skeleton is None:
            self._skeleton = Skeleton(self.committed, self.weights)
        return self._skeleton

    @property
    def key(self) -> str | None:
        """The commit's id: what is known of it need not be measured again. None for one in the making."""
        return self.committed.revision if self.overlaid is None else None


class Evaluator(Protocol):
    """Measures. The same model measured twice gives the same numbers."""

    def measure(self, subject: Subject, report: Report) -> Measurement:
        """What there is to say about ``subject``; MvcError if it can't be measured."""
        ...

    def written(self) -> dict[str, object]:
        """What a record says of how it was measured."""
        ...
