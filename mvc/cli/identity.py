"""Who the user is: ``GIT_COMMITTER_*`` and ``GIT_AUTHOR_*``, then Git's configuration.

Read here and nowhere else: the library takes signatures and looks at no environment.
"""

from __future__ import annotations

import os
import re
import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from mvc.errors import UsageError
from mvc.history.signature import Signature

if TYPE_CHECKING:
    from mvc.repository import Repository

_SECONDS = re.compile(r"@?(\d+)(?: ([+-])(\d\d)(\d\d))?")


def committer(repository: Repository) -> Signature | None:
    """Who commits; None when nothing says so (the verb that needs it then explains)."""
    return _identity("COMMITTER", repository)


def author(repository: Repository) -> Signature | None:
    """Who wrote the change; None when nothing says so."""
    return _identity("AUTHOR", repository)


def _identity(role: str, repository: Repository) -> Signature | None:
    name = os.environ.get(f"GIT_{role}_NAME")
    email = os.environ.get(f"GIT_{role}_EMAIL")
    if name is None or email is None:
        settings = _settings(repository)
        name = settings.get("user.name") if name is None else name
        email = settings.get("user.email") if email is None else email
    if not name or not email:
        return None
    date = os.environ.get(f"GIT_{role}_DATE")
    return Signature(name, email, *parse_date(date)) if date else Signature.now(name, email)


def _settings(repository: Repository) -> dict[str, str]:
    """``user.*`` as Git would see it here: the system's, the user's, the code repository's, mvc's own."""
    from mvc.history.config import read_user
    from mvc.opening import enclosing_git

    files = []
    if not os.environ.get("GIT_CONFIG_NOSYSTEM"):
        files.append(os.environ.get("GIT_CONFIG_SYSTEM", "/etc/gitconfig"))
    chosen = os.environ.get("GIT_CONFIG_GLOBAL")
    home = os.path.expanduser("~")
    xdg = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    files += [chosen] if chosen else [f"{xdg}/git/config", f"{home}/.gitconfig"]
    outer = enclosing_git(repository.root)
    if outer is not None:
        files.append(os.path.join(outer, ".git", "config"))
    files.append(os.path.join(repository.folder, "config"))
    return read_user(files)


def parse_date(text: str) -> tuple[int, int]:
    """Seconds and minutes east of Greenwich, from the forms that Git documents for its dates.

    Raises:
        UsageError: none of them fits.
    """
    match = _SECONDS.fullmatch(text.strip())
    if match:
        seconds, sign, hours, minutes = match.groups()
        offset = int(hours or 0) * 60 + int(minutes or 0)
        return int(seconds), -offset if sign == "-" else offset
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError as error:
            raise UsageError(
                f"invalid date format: {text}", hint="like 2026-01-31T12:00:00+01:00"
            ) from error
    if moment.tzinfo is None:
        seconds_ = int(moment.timestamp())
        return seconds_, time.localtime(seconds_).tm_gmtoff // 60
    offset_ = moment.utcoffset()
    assert offset_ is not None
    return int(moment.timestamp()), int(offset_.total_seconds()) // 60
