"""What the page's script draws from: a JSON text that no name in it can end."""

from __future__ import annotations

import json
import math
from typing import Any

from mvc.cli.output import quoted
from mvc.cli.wording import facts
from mvc.diff.report import ModelReport, Report


def embedded(report: Report, rows: int | None) -> str:
    """Of each model its listed tensors by their indexes, to stand inside a ``<script>``."""
    models = [
        {index: _tensor(model, index) for index in model.order[:rows]} for model in report.models
    ]
    text = json.dumps(models, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _tensor(model: ModelReport, index: int) -> dict[str, Any]:
    found: dict[str, Any] = {"facts": [[term, quoted(text)] for term, text in facts(model, index)]}
    if portrait := model.portraits.get(index):
        found["numbers"] = portrait.elements
        found["equal"] = portrait.equal
        found["bins"] = [[one.exponent, one.negative, one.positive] for one in portrait.bins]
    if one := model.spectra.get(index):
        found["spectrum"] = {
            "values": [float(f"{value:.4g}") for value in one.values if math.isfinite(value)],
            "size": one.size,
            "complete": one.complete,
            "stable": one.stable_rank,
            "rank90": one.rank90,
            "effective": one.effective_rank,
        }
    return found
