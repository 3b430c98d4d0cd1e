"""The forms that Git has for a date: ``--date=iso`` and its like. Source: ``git-log(1)``, "--date"."""

from __future__ import annotations

import time
from collections.abc import Callable

from mvc.cli.commits import date, iso_date
from mvc.errors import UsageError
from mvc.history.signature import Signature


def form(name: str) -> Callable[[Signature], str]:
    """How ``name`` writes a date.

    Raises:
        UsageError: there is no such form.
    """
    if name not in FORMS:
        raise UsageError(f"unknown date format {name}", hint=f"one of {', '.join(FORMS)}")
    return FORMS[name]


def _zone(who: Signature, gap: str = "") -> str:
    sign, minutes = ("-" if who.offset < 0 else "+"), abs(who.offset)
    return f"{sign}{minutes // 60:02}{gap}{minutes % 60:02}"


def _clock(who: Signature, pattern: str) -> str:
    return time.strftime(pattern, time.gmtime(who.time + who.offset * 60))


def strict(who: Signature) -> str:
    """ISO 8601 to the letter: ``2026-11-22T06:27:56+00:00``."""
    return _clock(who, "%Y-%m-%dT%H:%M:%S") + _zone(who, ":")


def short(who: Signature) -> str:
    """``2026-11-22``."""
    return _clock(who, "%Y-%m-%d")


def rfc(who: Signature) -> str:
    """As in e-mail: ``Sun, 22 Nov 2026 06:27:56 +0000``."""
    day = int(_clock(who, "%d"))
    return f"{_clock(who, '%a')}, {day} {_clock(who, '%b %Y %H:%M:%S')} {_zone(who)}"


#: A unit, from when on it is counted in the next one, and how many of them make one of that.
_UNITS = (
    ("second", 90, 60),
    ("minute", 90, 60),
    ("hour", 36, 24),
    ("day", 14, 1),
)


def relative(who: Signature) -> str:
    """``2 hours ago``. Source: Git's ``date.c`` (``show_date_relative``)."""
    past = int(time.time()) - who.time
    if past < 0:
        return "in the future"
    for unit, end, length in _UNITS:
        if past < end:
            return _ago(past, unit)
        past = (past + length // 2) // length
    return _days_ago(past)


def _days_ago(days: int) -> str:
    if days < 70:
        return _ago((days + 3) // 7, "week")
    if days < 365:
        return _ago((days + 15) // 30, "month")
    if days >= 1825:
        return _ago((days + 183) // 365, "year")
    years, months = divmod((days * 12 * 2 + 365) // (365 * 2), 12)
    if not months:
        return _ago(years, "year")
    return f"{years} year{'s' if years > 1 else ''}, {_ago(months, 'month')}"


def _ago(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'} ago"


def raw(who: Signature) -> str:
    """As the commit has it: ``1700000000 +0000``."""
    return f"{who.time} {_zone(who)}"


FORMS: dict[str, Callable[[Signature], str]] = {
    "default": date,
    "iso": iso_date,
    "iso8601": iso_date,
    "iso-strict": strict,
    "rfc": rfc,
    "short": short,
    "relative": relative,
    "unix": lambda who: str(who.time),
    "raw": raw,
}
