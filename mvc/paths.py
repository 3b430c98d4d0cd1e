"""The only judge of tracked paths.

A tracked path is relative, uses ``/``, is valid UTF-8 and can be written on every operating system that
mvc runs on. It never reaches ``.mvc`` or ``.git`` under any spelling that a file system folds into them,
and no part of it climbs or is empty. Every path that comes from a tree, a manifest or the user passes
through here before a file is touched.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from mvc.errors import UsageError
from mvc.limits import PATH, PATH_PART

#: The repository's folder, also the reserved top-level name inside a commit's tree.
DOT = ".mvc"

_RESERVED = frozenset({".mvc", ".git", "mvc~1", "git~1"})
#: Microsoft, "Naming Files, Paths, and Namespaces": the superscript digits count too.
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in "123456789\u00b9\u00b2\u00b3"}
)
#: Characters that HFS+ ignores when it compares names (Git's CVE-2014-9390).
_IGNORED_BY_HFS = {
    ord(character): None
    for character in "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u206a\u206b\u206c\u206d\u206e\u206f\ufeff"
}


def problem(path: str) -> str | None:
    """Why ``path`` can't be tracked, or None when it can."""
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        return "is not valid UTF-8"
    if not path or size > PATH:
        return f"is empty or longer than {PATH} bytes"
    for part in path.split("/"):
        reason = _part_problem(part)
        if reason:
            return reason
    return None


def _part_problem(part: str) -> str | None:
    if part in ("", ".", ".."):
        return "has an empty, '.' or '..' part"
    if len(part.encode("utf-8")) > PATH_PART:
        return f"has a part longer than {PATH_PART} bytes"
    if any(ord(character) < 32 or ord(character) == 127 for character in part):
        return "has a control character"
    if "\\" in part or ":" in part:
        return "has a character that is special on Windows (\\ or :)"
    folded = part.translate(_IGNORED_BY_HFS).casefold().rstrip(". ")
    if folded in _RESERVED:
        return f"has the reserved part {part!r}"
    if folded.split(".")[0] in _WINDOWS_DEVICES:
        return f"has the part {part!r}, a device name on Windows"
    return None


def check(path: str) -> str:
    """``path`` itself when it can be tracked.

    Raises:
        UsageError: saying why it can't.
    """
    reason = problem(path)
    if reason:
        raise UsageError(f"the path {path!r} {reason}", hint="rename the file, then add it again")
    return path


def named(paths: Iterable[str]) -> str:
    """Paths as a message names them: the work tree's root, which is an empty path, is ``.``."""
    return ", ".join(path or "." for path in paths)


def inside(root: str, path: str, cwd: str) -> str:
    """The tracked form of ``path`` as the user typed it in ``cwd``; ``""`` for the root itself.

    Symbolic links are not followed: a link is a thing of its own.

    Raises:
        UsageError: ``path`` is outside ``root``.
    """
    absolute = os.path.normpath(os.path.join(cwd, path))
    relative = os.path.relpath(absolute, root)
    if relative == os.curdir:
        return ""
    if relative == os.pardir or relative.startswith(os.pardir + os.sep) or os.path.isabs(relative):
        raise UsageError(f"{path!r} is outside the repository at {root}")
    return relative.replace(os.sep, "/")
