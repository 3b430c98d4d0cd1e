"""Which run a journal is of: all that decides what comes out of it.

A run that was cut off goes on only where all of it is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compress import environment, telling
from compress.options import Options
from compress.preparing import Start
from mvc.errors import UsageError
from mvc.history.record import Json

#: Options that change nothing about what comes out: texts count by their digest, wherever they lie.
_NEITHER = ("data", "limit")


def fingerprint(
    begun: Start, recipe: dict[str, Json], options: Options, extra: Mapping[str, Json]
) -> dict[str, Json]:
    """Of the run of ``recipe``, as JSON; ``extra``: what else its record will say."""
    return {
        "head": begun.onto,
        "recipe": recipe,
        "options": telling.options_told(options),
        "seed": options.seed,
        "calibration": None if begun.calibration is None else begun.calibration.digest,
        "environment": environment.told(),
        "versions": dict(environment.versions()),
        "extra": dict(extra),
    }


def check_same(run: Mapping[str, Json] | None, now: Mapping[str, Json]) -> None:
    """Let the ``run`` that was cut off go on only if it is the one that would begin ``now``.

    Raises:
        UsageError: there is none, or it began with something else.
    """
    if run is None:
        raise nothing_cut_off()
    one, other = _compared(run), _compared(now)
    differing = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
    if differing:
        raise UsageError(
            f"what was cut off began with other {', '.join(differing)} than are here now",
            hint="go back to them, or begin anew: the same command without resume",
        )


def nothing_cut_off() -> UsageError:
    """There is no run that could go on."""
    return UsageError("there is no run to resume", hint="mvc compress status")


def _compared(run: Mapping[str, Json]) -> dict[str, Any]:
    options = run.get("options")
    known = options if isinstance(options, dict) else {}
    kept = {word: value for word, value in known.items() if word not in _NEITHER}
    return {**run, "options": kept}
