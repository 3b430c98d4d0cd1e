"""``.mvcignore``: gitignore's syntax, in the root and in any folder below, read when there is one."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mvc.errors import UsageError
from mvc.store.fs import explained
from mvc.values import dataclass
from mvc.worktree.candidates import IGNORE_FILE
from mvc.worktree.globs import Pattern, pattern
from mvc.worktree.place import locate

#: Bytes of an ignore file: each line of it is tried on each file of the work tree.
_LARGEST = 256 * 1024


@dataclass(frozen=True, slots=True)
class Rules:
    """The patterns of one ``.mvcignore``; ``folder`` is where it lies, ``""`` or ending in a slash."""

    folder: str
    patterns: tuple[Pattern, ...]

    def verdict(self, path: str) -> bool | None:
        """Whether ``path`` (a folder's ends in a slash) is ignored; None when no pattern fits.

        The last pattern that fits decides. One about a folder says nothing of what lies in it: who asks
        has asked about the folder first.
        """
        below = path[len(self.folder) :]
        fitting = (one.ignores for one in reversed(self.patterns) if one.fits(below))
        return next(fitting, None)


def read(root: str, folder: str) -> Rules | None:
    """The rules of ``folder`` (``""`` or ending in a slash), or None where it has none.

    Raises:
        UsageError: a pattern that is none.
    """
    path = folder + IGNORE_FILE
    place = locate(root, path)
    if os.path.islink(place) or not os.path.isfile(place):
        return None
    with explained("read", path), open(place, "rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise UsageError(f"{path} has more than {_LARGEST} bytes", hint=f"shorten {path}")
    lines = (line.removesuffix("\r") for line in data.decode("utf-8-sig", "replace").split("\n"))
    try:
        return Rules(folder, tuple(one for line in lines if (one := pattern(line)) is not None))
    except ValueError as error:
        raise UsageError(f"{path}: {error}", hint=f"correct the pattern in {path}") from error


def is_ignored(rules: Sequence[Rules], path: str) -> bool:
    """Whether ``path`` (a folder's ends in a slash) is ignored; ``rules`` from the root downwards.

    The deepest file with a fitting pattern decides, as in Git.
    """
    for one in reversed(rules):
        verdict = one.verdict(path)
        if verdict is not None:
            return verdict
    return False


def is_path_ignored(root: str, path: str) -> bool:
    """Whether the file ``path`` is ignored, itself or by a folder that it lies in."""
    rules: list[Rules] = []
    folder = ""
    parts = path.split("/")
    for number, part in enumerate(parts, start=1):
        found = read(root, folder)
        if found is not None:
            rules.append(found)
        folder += part + ("/" if number < len(parts) else "")
        if is_ignored(rules, folder):
            return True
    return False
