"""What ``fsck`` finds and what ``repair`` does: values, each one line long."""

from __future__ import annotations

from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: ``where`` (a ref, commit, path, pack), and what.

    ``harmless``: a note; every verb works, and nothing is lost. ``missing``: the id of the object (Git's or
    the store's) that can't be read any more.
    """

    where: str
    message: str
    harmless: bool = False
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Repaired:
    """``where``: a file of the repository, a ref, a commit; ``what`` was done, or, ``lost``, is gone."""

    where: str
    what: str
    lost: bool = False
