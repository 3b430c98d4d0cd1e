"""Watching a run: a loss that is no number, or jumps, ends it before it has cost hours.

Stands between an operation and whoever hears of it. A jump counts once the moving average has made it, too:
single batches are odd now and then.
"""

from __future__ import annotations

import math

from compress.events import Report
from compress.guard.spikes import Alarm, moving_average
from compress.unworkable import Unworkable
from mvc.history.record import Json

#: What is remembered of a loss.
_LATEST = 200


class Watch:
    """A ``Report`` that hears ``loss`` of ``progress`` events, and passes all on.

    Raises:
        Unworkable: when called with a loss that went wrong.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._losses: list[float] = []

    def __call__(self, event: str, /, **fields: Json) -> None:
        """Hear of it."""
        loss = fields.get("loss")
        if event == "progress" and isinstance(loss, float):
            if not math.isfinite(loss):
                raise Unworkable(
                    f"the loss is {loss} at step {fields.get('done')}: nothing was changed",
                    hint="a lower learning rate, or more calibration",
                )
            self._losses = [*self._losses, loss][-_LATEST:]
            alarm = self._alarm()
            if alarm is not None:
                raise Unworkable(
                    f"the loss jumped at step {fields.get('done')}: {alarm}: nothing was changed",
                    hint="a lower learning rate, or more calibration",
                )
        self._report(event, **fields)

    def _alarm(self) -> Alarm | None:
        return moving_average(self._losses, threshold=8.0)
