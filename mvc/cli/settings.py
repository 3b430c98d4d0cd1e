"""Git's configuration as the user has it here: the system's, the user's, the code repository's, mvc's own.

Read here and nowhere else: the library is told what it has to know. Whatever names a program counts only where
the user wrote it: a repository may be a stranger's, and ``.mvc/config`` comes with it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mvc.errors import UsageError
from mvc.history.config import entries

if TYPE_CHECKING:
    from mvc.opened import Opened

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0", ""}


def here(repository: Opened) -> dict[str, str]:
    """Every option that holds in ``repository``; a later file wins, includes are followed."""
    from mvc.worktree.candidates import enclosing_git

    files = own_files()
    outer = enclosing_git(repository.root)
    if outer is not None:
        files.append(os.path.join(outer, ".git", "config"))
    files.append(os.path.join(repository.folder, "config"))
    return _read(files)


def own() -> dict[str, str]:
    """What the user and the system say, wherever the user is: the only files that may name programs."""
    return _read(own_files())


def own_files() -> list[str]:
    """Git's configuration files of the system and of the user, the stronger ones last."""
    files = []
    if not os.environ.get("GIT_CONFIG_NOSYSTEM"):
        files.append(os.environ.get("GIT_CONFIG_SYSTEM", "/etc/gitconfig"))
    chosen = os.environ.get("GIT_CONFIG_GLOBAL")
    home = os.path.expanduser("~")
    xdg = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    files += [chosen] if chosen else [f"{xdg}/git/config", f"{home}/.gitconfig"]
    return files


def is_true(settings: dict[str, str], key: str) -> bool:
    """Whether the option ``key``, written in small letters, is on.

    Raises:
        UsageError: it is neither on nor off.
    """
    value = settings.get(key, "").lower()
    if value not in _TRUE | _FALSE:
        raise UsageError(
            f"bad boolean config value '{value}' for '{key}'", hint=f"mvc config {key} true"
        )
    return value in _TRUE


def _read(files: list[str]) -> dict[str, str]:
    return {key: value for file in files for key, value in entries(file)}
