"""What Git says about the repository that the hook runs in.

Owns the calls of the ``git`` command: four short ones at most, asked at once where possible. Git's own
environment (``GIT_DIR``, ``GIT_INDEX_FILE`` of ``git commit -a``) passes through, so the index is the one that
is being committed. Nothing here changes the repository.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from mvc.errors import MvcError, NotARepository

_REGULAR = frozenset({"100644", "100755"})


@dataclass(frozen=True, slots=True)
class Place:
    """``root``: the top of the work tree; ``folder``: its ``.git``, a linked work tree's own."""

    root: str
    folder: str


@dataclass(frozen=True, slots=True)
class Staged:
    """A path of the index. ``changed``: staged against HEAD; ``later``: in the work tree since."""

    regular: bool
    unmerged: bool
    changed: bool = False
    later: bool = False


def place() -> Place:
    """Where the repository around the current folder is.

    Raises:
        NotARepository: there is none, or it has no work tree.
        MvcError: there is no Git.
    """
    out, reason = _finish(_start(["rev-parse", "--show-toplevel", "--absolute-git-dir"]))
    if out is None:
        raise NotARepository(f"git: {reason}", hint="run it inside a Git repository")
    root, folder = os.fsdecode(out).split("\n")[:2]
    return Place(root, folder)


def staged(root: str, pathspecs: Sequence[str]) -> dict[str, Staged]:
    """The index's paths that fit.

    Raises:
        MvcError: Git can't say.
    """
    listing = _start(["ls-files", "--stage", "-z", "--", *pathspecs], root)
    changes = _start([*_STATUS, "--", *pathspecs], root)
    states = dict(map(_state, _rows(_expect(changes))))
    found: dict[str, Staged] = {}
    for row in _rows(_expect(listing)):
        mode, _, rest = row.partition(" ")
        stage, path = rest.split(" ", 1)[1].split("\t", 1)
        state = states.get(path, "..")
        found[path] = Staged(mode in _REGULAR, stage != "0", state[0] != ".", state[1] != ".")
    return found


def untracked(root: str, pathspecs: Sequence[str]) -> list[str]:
    """Files beside the index that fit, ignored ones included.

    Raises:
        MvcError: Git can't say.
    """
    if not pathspecs:
        return []
    return _rows(_expect(_start(["ls-files", "--others", "-z", "--", *pathspecs], root)))


def committed(root: str, path: str) -> bytes | None:
    """The content of ``path`` in HEAD; None when HEAD, or the path in it, does not exist."""
    return _finish(_start(["cat-file", "blob", f"HEAD:{path}"], root))[0]


def commits_paths() -> bool:
    """Whether this is the hook of ``git commit PATH…``, which takes these paths and nothing that is staged."""
    return os.path.basename(os.environ.get("GIT_INDEX_FILE", "")).startswith("next-index-")


def hooks_folder(root: str) -> str:
    """Where Git looks for hooks, ``core.hooksPath`` obeyed.

    Raises:
        MvcError: Git can't say.
    """
    out = _expect(_start(["rev-parse", "--git-path", "hooks"], root))
    return os.path.join(root, os.fsdecode(out.rstrip(b"\n")))


def configured(root: str, key: str) -> str | None:
    """The value of an option of Git's configuration; None where it is not set."""
    out = _finish(_start(["config", "--get", key], root))[0]
    return None if out is None else os.fsdecode(out.rstrip(b"\n"))


#: Porcelain, not ``diff-files``: a file that was only touched has not changed.
_STATUS = [
    *("status", "--porcelain=v2", "-z", "--no-renames"),
    *("--untracked-files=no", "--ignore-submodules=all"),
]


def _state(row: str) -> tuple[str, str]:
    """Path, and the letters for index and work tree, of a line of the status."""
    fields = {"1": 8, "u": 10}.get(row[:1], 8)
    return row.split(" ", fields)[-1], row[2:4]


def _start(words: Sequence[str], cwd: str | None = None) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            ["git", *words],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except FileNotFoundError as error:
        raise MvcError("git was not found on the PATH", hint="install Git") from error


def _finish(process: subprocess.Popen[bytes]) -> tuple[bytes | None, str]:
    """What it printed, or None and the reason."""
    out, err = process.communicate()
    reason = err.decode("utf-8", "replace").strip()
    return (None if process.returncode else out), reason


def _expect(process: subprocess.Popen[bytes]) -> bytes:
    out, reason = _finish(process)
    if out is None:
        raise MvcError(f"git: {reason}")
    return out


def _rows(out: bytes) -> list[str]:
    return [os.fsdecode(row) for row in out.split(b"\0") if row]
