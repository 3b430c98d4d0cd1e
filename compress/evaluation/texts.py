"""The evaluator over texts: perplexity, KL to the dense model, and their kin; see ``language``."""

from __future__ import annotations

from compress.calibration.texts import Samples
from compress.evaluation import outputs
from compress.evaluation.evaluator import Subject
from compress.evaluation.language import measure
from compress.evaluation.measurement import Measurement
from compress.evaluation.outputs import Outputs
from compress.events import Report


class Texts:
    """Over ``samples``; against ``dense``, the model that a chain of steps began with, where it is given."""

    def __init__(self, samples: Samples, dense: Subject | None = None) -> None:
        self._samples, self._dense = samples, dense
        self._reference: Outputs | None = None

    def measure(self, subject: Subject, report: Report) -> Measurement:
        """All metrics that the kind of model has."""
        if self._dense is None:
            return measure(outputs.run(subject.skeleton, self._samples.ids, report))
        if self._reference is None:
            self._reference = outputs.run(self._dense.skeleton, self._samples.ids, report)
        if subject.key is not None and subject.key == self._dense.key:
            return measure(self._reference, self._reference)
        return measure(outputs.run(subject.skeleton, self._samples.ids, report), self._reference)

    def written(self) -> dict[str, object]:
        """The texts' identity."""
        return {"evaluator": "texts", **self._samples.written()}
