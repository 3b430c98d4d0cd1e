"""Points in time as people write them for Git: ``2.weeks.ago``, ``yesterday``, ``2026-01-31``, ``now``.

A small part of what Git's approxidate guesses; whatever is not understood is refused, as these words decide
what may be forgotten.
"""

from __future__ import annotations

import math
import re
from datetime import datetime

from mvc.errors import UsageError

_DAY = 86_400
_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": _DAY,
    "week": 7 * _DAY,
    "month": 30 * _DAY,
    "year": 365 * _DAY,
}
_AGO = re.compile(r"([0-9]{1,9})[ .](second|minute|hour|day|week|month|year)s?(?:[ .]ago)?")


def moment(text: str, now: float) -> float:
    """Seconds since 1970; ``now`` and ``all`` are later than everything, ``never`` and ``false`` earlier.

    Raises:
        UsageError: not understood.
    """
    words = text.strip().lower()
    if words in ("now", "all"):
        return math.inf
    if words in ("never", "false"):
        return -math.inf
    if words == "yesterday":
        return now - _DAY
    if match := _AGO.fullmatch(words):
        return now - int(match[1]) * _SECONDS[match[2]]
    if match := re.fullmatch(r"@([0-9]{1,12})", words):
        return float(match[1])
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"not a date: '{text}'",
            hint="write it as 2.weeks.ago, 2026-01-31, now or never",
        ) from error


def day(time: float) -> str:
    """``2026-01-31``, in this machine's time zone."""
    return f"{datetime.fromtimestamp(time):%Y-%m-%d}"
