"""Who the user is: ``GIT_COMMITTER_*`` and ``GIT_AUTHOR_*``, then Git's configuration.

Read here and nowhere else: the library takes signatures and looks at no environment.
"""

from __future__ import annotations

import os
import re
import time
from datetime import datetime
from typing import TYPE_CHECKING

from mvc.cli.settings import here
from mvc.errors import UsageError
from mvc.history.signature import Signature

if TYPE_CHECKING:
    from mvc.opened import Opened

#: The last second of the year 9999, and the farthest zone that ISO 8601 can write, in minutes.
_LAST_SECOND = 253_402_300_799
_WIDEST_ZONE = 24 * 60 - 1
_SECONDS = re.compile(r"@?(\d+)(?: ([+-])(\d\d)(\d\d))?")


def committer(repository: Opened) -> Signature | None:
    """Who commits; None when nothing says so (the verb that needs it then explains)."""
    return _identity("COMMITTER", repository)


def author(repository: Opened) -> Signature | None:
    """Who wrote the change; None when nothing says so."""
    return _identity("AUTHOR", repository)


def _identity(role: str, repository: Opened) -> Signature | None:
    name = os.environ.get(f"GIT_{role}_NAME")
    email = os.environ.get(f"GIT_{role}_EMAIL")
    if name is None or email is None:
        settings = here(repository)
        name = settings.get("user.name") if name is None else name
        email = settings.get("user.email") if email is None else email
    if not name or not email:
        return None
    date = os.environ.get(f"GIT_{role}_DATE")
    return Signature(name, email, *parse_date(date)) if date else Signature.now(name, email)


def parse_date(text: str) -> tuple[int, int]:
    """Seconds and minutes east of Greenwich, from the forms that Git documents for its dates.

    Raises:
        UsageError: none of them fits, or a commit can't hold it: before 1970, after 9999, zone too far off.
    """
    try:
        seconds, offset = _parsed(text.strip())
    except (ValueError, TypeError, OverflowError) as error:
        raise _bad_date(text) from error
    if not 0 <= seconds <= _LAST_SECOND or abs(offset) > _WIDEST_ZONE:
        raise _bad_date(text)
    return seconds, offset


def _parsed(text: str) -> tuple[int, int]:
    match = _SECONDS.fullmatch(text)
    if match:
        digits, sign, hours, minutes = match.groups()
        east = int(hours or 0) * 60 + int(minutes or 0)
        return int(digits), -east if sign == "-" else east
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        from email.utils import parsedate_to_datetime  # 20 ms, for who gives dates

        moment = parsedate_to_datetime(text)
    seconds = int(moment.timestamp())
    offset = moment.utcoffset()
    if offset is None:
        return seconds, time.localtime(seconds).tm_gmtoff // 60
    return seconds, int(offset.total_seconds()) // 60


def _bad_date(text: str) -> UsageError:
    return UsageError(f"invalid date format: {text}", hint="like 2026-01-31T12:00:00+01:00")
