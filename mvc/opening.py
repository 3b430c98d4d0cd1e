"""Making a repository, and finding one."""

from __future__ import annotations

import builtins
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from mvc.errors import CorruptPack, MvcError, NotARepository, UsageError
from mvc.history.context import Context
from mvc.history.foundation import FORMAT, NEWER, lay_out
from mvc.history.refs import REPAIR, check_name
from mvc.opened import Opened, Progress, Who
from mvc.paths import DOT
from mvc.repository import Repository
from mvc.store.fs import Disk

if TYPE_CHECKING:
    from mvc.upkeep import Upkeep


def init(
    path: str = ".",
    *,
    initial_branch: str = "main",
    who: Who | None = None,
    disk: Disk | None = None,
) -> Repository:
    """Make an empty repository in ``path``, or open the one that is there.

    Inside a code repository (a ``.git`` here or above), Git is told to ignore ``.mvc/``. A crash leaves
    either no repository or a whole one: ``HEAD``, by which it is known, is written last.

    Raises:
        UsageError: ``initial_branch`` can't be a branch's name.
        StorageError: the folder can't be written.
    """
    check_name(initial_branch, "branch")
    disk = disk or Disk()
    root = os.path.abspath(path)
    folder = os.path.join(root, DOT)
    if not os.path.isfile(os.path.join(folder, "HEAD")):
        from mvc.worktree.code_repository import hide

        hide(root, [f"{DOT}/"], disk)
        lay_out(folder, initial_branch, disk)
    else:
        disk.sync_folder(folder)  # a killed init may have got no further than the name of HEAD
    return open(root, who=who, disk=disk)


def open(
    path: str = ".",
    *,
    who: Who | None = None,
    cwd: str | None = None,
    disk: Disk | None = None,
) -> Repository:
    """The repository that holds ``path``: its own folder's, or the nearest above.

    What a crash left half done is finished first.

    Raises:
        NotARepository: there is none.
    """
    start = os.path.abspath(path)
    root = find(start)
    if root is None:
        raise _no_repository(start)
    folder = os.path.join(root, DOT)
    _check_format(folder)
    _check_owner(folder)
    return Repository(Context(root, folder, disk or Disk()), who=who, cwd=cwd)


def open_damaged(
    path: str = ".",
    *,
    who: Who | None = None,
    disk: Disk | None = None,
    progress: Progress | None = None,
) -> Upkeep:
    """The upkeep of the repository that holds ``path``, with whatever is wrong with it.

    What a crash left half done is finished where that can be; nothing else need be readable.

    Raises:
        NotARepository: there is not even the ruin of one.
        UsageError: it is of a newer format, or of another user.
    """
    from mvc.upkeep import Upkeep

    start = os.path.abspath(path)
    root = find(start) or _ruin(start)
    if root is None:
        raise _no_repository(start)
    folder = os.path.join(root, DOT)
    with suppress(CorruptPack):
        _check_format(folder)
    _check_owner(folder)
    context = Context(root, folder, disk or Disk())
    with suppress(MvcError):
        context.operations.recover()
    return Upkeep(Opened(context, who=who, progress=progress))


def find(start: str) -> str | None:
    """The nearest folder, from ``start`` upwards, that holds a repository."""
    current = start
    while not os.path.isfile(os.path.join(current, DOT, "HEAD")):
        parent = os.path.dirname(current)
        if parent == current:
            return None
        current = parent
    return current


def _ruin(start: str) -> str | None:
    """The nearest folder, from ``start`` upwards, that holds what is left of a repository."""
    current = start
    while not os.path.isdir(os.path.join(current, DOT, "store")):
        parent = os.path.dirname(current)
        if parent == current:
            return None
        current = parent
    return current


def _no_repository(start: str) -> MvcError:
    root = _ruin(start)
    if root is not None:
        return CorruptPack(f"the repository in {root} has lost its HEAD", hint=REPAIR)
    return NotARepository(
        f"not an mvc repository (or any of the parent directories): {start}",
        hint="mvc init makes one here",
    )


def _check_format(folder: str) -> None:
    found = _read(os.path.join(folder, "format"))
    if found == FORMAT:
        return
    if not NEWER.fullmatch(found):
        raise CorruptPack(f"{folder}/format is damaged", hint=REPAIR)
    raise UsageError(
        f"{folder} has format {found.split()[-1]}, newer than this mvc understands",
        hint="pip install --upgrade mvc-weights",
    )


def _check_owner(folder: str) -> None:
    """Another user's repository may hold traps (Git's CVE-2022-24765); root may look anywhere."""
    if not hasattr(os, "geteuid"):
        return
    owner, user = os.stat(folder).st_uid, os.geteuid()
    if user not in (0, owner):
        raise UsageError(
            f"{folder} belongs to another user (uid {owner}, you are {user})",
            hint="work on a copy of your own: cp -r",
        )


def _read(path: str) -> str:
    try:
        with builtins.open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""
