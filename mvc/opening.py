"""Making a repository, and finding one."""

from __future__ import annotations

import builtins
import os

from mvc.errors import CorruptPack, NotARepository, UsageError
from mvc.history.context import Context
from mvc.history.refs import BRANCHES, check_name
from mvc.paths import DOT
from mvc.repository import Repository, Who
from mvc.store.fs import Disk
from mvc.worktree.code_repository import hide

_FORMAT = "mvc repository 1\n"

# Git's own tools must not lose anything that only mvc knows the worth of, and must see a bare repository.
_CONFIG = """\
[core]
\trepositoryformatversion = 1
\tbare = true
\tfilemode = true
\tlogAllRefUpdates = always
[extensions]
\tpreciousObjects = true
[gc]
\tauto = 0
\tpruneExpire = never
\treflogExpire = never
\treflogExpireUnreachable = never
[receive]
\tdenyDeletes = true
"""

_FOLDERS = (
    "objects/info",
    "objects/pack",
    "refs/heads",
    "refs/tags",
    "refs/mvc",
    "logs/refs/heads",
    "info",
    "locks",
    "tmp",
)


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
        hide(root, [f"{DOT}/"], disk)
        _lay_out(folder, initial_branch, disk)
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
        raise NotARepository(
            f"not an mvc repository (or any of the parent directories): {start}",
            hint="mvc init makes one here",
        )
    folder = os.path.join(root, DOT)
    _check_format(folder)
    _check_owner(folder)
    return Repository(Context(root, folder, disk or Disk()), who=who, cwd=cwd)


def find(start: str) -> str | None:
    """The nearest folder, from ``start`` upwards, that holds a repository."""
    current = start
    while not os.path.isfile(os.path.join(current, DOT, "HEAD")):
        parent = os.path.dirname(current)
        if parent == current:
            return None
        current = parent
    return current


def _lay_out(folder: str, branch: str, disk: Disk) -> None:
    from mvc.store.store import Store

    for name in _FOLDERS:
        disk.make_folder(os.path.join(folder, *name.split("/")))
    Store.create(os.path.join(folder, "store"), disk)
    files = {
        "config": _CONFIG,
        "description": "Git for model weights; the tensors are in store/.\n",
        "format": _FORMAT,
        # `git clean -fdx` spares a folder that looks like a repository of its own.
        ".git": "gitdir: .\n",
        "HEAD": f"ref: {BRANCHES}{branch}\n",
    }
    for name, text in files.items():
        disk.write_whole(os.path.join(folder, name), text.encode())


def _check_format(folder: str) -> None:
    found = _read(os.path.join(folder, "format"))
    if found == _FORMAT:
        return
    if not found.startswith("mvc repository "):
        raise CorruptPack(f"{folder}/format is damaged", hint=f"it should read {_FORMAT.strip()!r}")
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
