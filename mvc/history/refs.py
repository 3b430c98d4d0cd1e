"""Reading refs: loose files first, then ``packed-refs``; names judged by Git's own rules.

Writing them is ``ref_writer.py``'s alone. Nothing heavy is imported: ``status`` reads HEAD through this.
Source: Git's ``gitrepository-layout`` and ``git-check-ref-format``.
"""

from __future__ import annotations

import errno
import os

from mvc.errors import CorruptPack, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BRANCHES = "refs/heads/"
TAGS = "refs/tags/"
STAGE = "refs/mvc/stage"
OPERATIONS = "refs/mvc/ops"
#: Tag objects that no tag names any more: nothing but a ref can keep them for ``undo``.
KEPT = "refs/mvc/kept/"
#: The unfinished merge or revert: a commit whose message says what it is.
UNFINISHED = "refs/mvc/unfinished"
#: The list of stashes: a commit whose parents they are (``stashes.py``).
STASHES = "refs/mvc/stash"
#: The newest stash, where Git's own tools look for it; its reflog mirrors the list.
STASH = "refs/stash"
#: The hint of errors that repair may have a cure for.
REPAIR = "mvc fsck says what is wrong, mvc repair puts right what it can"
_SYMBOLIC = "ref: "
_HEXADECIMAL = frozenset("0123456789abcdef")


class Refs:
    """The refs of one repository folder, read afresh at each call."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def raw(self, name: str) -> str | None:
        """What the ref's file says: an id, or ``ref: other`` for a symbolic one."""
        try:
            with open(os.path.join(self.folder, name), encoding="ascii") as file:
                value = file.read().strip()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return self._packed().get(name)
        except ValueError as error:
            raise _damaged(name) from error
        except OSError as error:
            # Windows denies to open a folder; a name that no file can have may stand in packed-refs.
            if error.errno == errno.ENAMETOOLONG or os.path.isdir(os.path.join(self.folder, name)):
                return self._packed().get(name)
            if isinstance(error, PermissionError):
                raise _damaged(name) from error
            raise
        symbolic = value.startswith(_SYMBOLIC)
        if not (_may_be_target(value.removeprefix(_SYMBOLIC)) if symbolic else is_id(value)):
            raise _damaged(name)
        return value

    def read(self, name: str) -> str | None:
        """The id that the ref names, symbolic ones followed; None when it does not exist."""
        for _ in range(5):
            value = self.raw(name)
            if value is None or not value.startswith(_SYMBOLIC):
                return value
            name = value.removeprefix(_SYMBOLIC)
        raise _damaged(name)

    def branch(self) -> str | None:
        """The full name of the ref that HEAD follows; None when it is detached."""
        value = self.raw("HEAD")
        if value is None:
            raise _damaged("HEAD")
        return value.removeprefix(_SYMBOLIC) if value.startswith(_SYMBOLIC) else None

    def head(self) -> str | None:
        """The commit that HEAD names; None before the first one."""
        return self.read("HEAD")

    def list(self, prefix: str) -> dict[str, str]:
        """Every ref below ``prefix`` with its id, sorted by name."""
        found = {name: id_ for name, id_ in self._packed().items() if name.startswith(prefix)}
        for name in self._loose(prefix.rstrip("/")):
            id_ = self.read(name)
            if id_ is not None:
                found[name] = id_
        return dict(sorted(found.items()))

    def _loose(self, name: str) -> Iterator[str]:
        try:
            with os.scandir(os.path.join(self.folder, name)) as entries:
                inner = sorted((entry.name, entry.is_dir()) for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            return
        for part, is_folder in inner:
            if is_folder:
                yield from self._loose(f"{name}/{part}")
            elif not part.endswith((".lock", ".tmp")):
                yield f"{name}/{part}"

    def _packed(self) -> dict[str, str]:
        try:
            with open(os.path.join(self.folder, "packed-refs"), encoding="utf-8") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError as error:
            raise _damaged("packed-refs") from error
        pairs = [line.split(" ", 1) for line in lines if line[:1] not in ("#", "^", "")]
        if not all(len(pair) == 2 and is_id(pair[0]) for pair in pairs):
            raise _damaged("packed-refs")
        return {name: id_ for id_, name in pairs}


def check_name(name: str, kind: str) -> str:
    """``name`` itself if it may name a ``kind`` (branch or tag).

    Raises:
        UsageError: Git's rules for ref names forbid it.
    """
    parts = name.split("/")
    bad = (
        name in ("", "@", "HEAD")
        or name.startswith("-")
        or name.endswith(".")
        or ".." in name
        or "@{" in name
        or any(c in " ~^:?*[\\\x7f" or ord(c) < 32 or "\ud800" <= c < "\ue000" for c in name)
        or any(not p or p.startswith(".") or p.endswith((".lock", ".tmp")) for p in parts)
    )
    if bad:
        raise UsageError(f"'{name}' is not a valid {kind} name")
    return name


def is_id(value: str) -> bool:
    """Whether ``value`` is the full id of a Git object."""
    return len(value) == 40 and _HEXADECIMAL.issuperset(value)


def _may_be_target(name: str) -> bool:
    if not name.startswith("refs/"):
        return False
    try:
        check_name(name, "ref")
    except UsageError:
        return False
    return True


def _damaged(name: str) -> CorruptPack:
    what = name if name == "packed-refs" else f"the ref {name}"
    return CorruptPack(f"{what} is damaged", hint=REPAIR)
