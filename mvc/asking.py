"""Verbs that ask the history: who changed a tensor, how it came to be, what a commit is called.

Functions of an open repository, which ``Repository`` binds as methods. Nothing here changes the repository,
and no algorithm lives here; they are in ``history/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mvc.opened import Opened

if TYPE_CHECKING:
    from mvc.history.blame import Blamed


def blame(
    repo: Opened, path: str, revision: str = "HEAD", *, tensors: Sequence[str] = ()
) -> list[Blamed]:
    """The commit that last changed each tensor of a file or sharded model; renames are followed."""
    from mvc.history.blame import blame

    return blame(repo._context, repo._inside([path])[0], revision, tensors)
