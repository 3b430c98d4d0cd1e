"""Who did something and when, in Git's spelling: ``Name <email> 1700000000 +0100``."""

from __future__ import annotations

import re
import time

from mvc.errors import CorruptPack, UsageError
from mvc.values import dataclass

_FORM = re.compile(r"(?s)(.*?) ?<([^<>\n]*)> (-?\d+) ([+-]\d{4})")
#: Minutes east or west that four digits can say; "9999" says more.
_FARTHEST = 99 * 60 + 59
_DROPPED = str.maketrans("", "", "<>\n\0")


@dataclass(frozen=True, slots=True)
class Signature:
    """``time`` in seconds since the epoch, ``offset`` in minutes east of Greenwich."""

    name: str
    email: str
    time: int
    offset: int = 0

    @staticmethod
    def now(name: str, email: str) -> Signature:
        """The signature of this moment, in the machine's time zone."""
        moment = int(time.time())
        return Signature(name, email, moment, time.localtime(moment).tm_gmtoff // 60)

    def encode(self) -> str:
        """Git's spelling; characters that would break the line are dropped, as Git does."""
        name = self.name.translate(_DROPPED).strip(" .,:;\"'\\")
        email = self.email.translate(_DROPPED).strip()
        sign, minutes = ("-" if self.offset < 0 else "+"), abs(self.offset)
        zone = f"{sign}{minutes // 60:02}{minutes % 60:02}"
        return f"{name} <{email}> {self.time} {zone}"

    @staticmethod
    def decode(text: str) -> Signature:
        """The inverse of ``encode``.

        Raises:
            CorruptPack: not a signature.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise CorruptPack(f"not a Git signature: {text[:80]!r}")
        zone = min(int(match[4][1:3]) * 60 + int(match[4][3:5]), _FARTHEST)
        return Signature(match[1], match[2], int(match[3]), -zone if match[4][0] == "-" else zone)


#: Stands for the person where none is known (an ``add`` needs no author).
NOBODY = ("mvc", "mvc@localhost")


def known(who: Signature | None) -> Signature:
    """``who``, which a commit needs.

    Raises:
        UsageError: nobody said who.
    """
    if who is None:
        raise UsageError(
            "author identity unknown",
            hint='git config --global user.name "You" and user.email "you@example.com"',
        )
    return who
