"""A watch over the process: what runs, and what is written where.

An audit hook can't be taken off, so this one is armed and disarmed. It only remembers: an exception inside the
code under watch could be taken for that code's own.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Events by which foreign code starts or reaches out.
_RUNS = (
    *("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "pty.spawn"),
    *("subprocess.Popen", "pickle.find_class", "marshal.loads", "code.__new__", "ctypes.dlopen"),
    *("socket.connect", "socket.bind", "urllib.Request", "webbrowser.open", "shutil.rmtree"),
)
#: Events that change the file system, and which of their arguments are paths.
_CHANGES = {
    "os.rename": (0, 1),
    "os.link": (0, 1),
    "os.symlink": (1,),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.mkdir": (0,),
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.truncate": (0,),
    "os.utime": (0,),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_MVC = os.path.join(os.path.dirname(importlib.util.find_spec("mvc").origin), "")  # type: ignore[union-attr]

_root: str | None = None
_seen: list[str] = []


@contextmanager
def watched(root: str) -> Iterator[list[str]]:
    """All that happens in the block and should not: foreign code, or a write outside ``root``."""
    global _root  # noqa: PLW0603 - the hook outlives every caller
    _seen.clear()
    _root = os.path.realpath(root)
    try:
        yield _seen
    finally:
        _root = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _root is None:
        return
    if event.startswith(_RUNS) and not _is_ours(event, arguments):
        _seen.append(f"{event} {arguments!r:.200}")
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        _judge(event, arguments[0])
    elif event in _CHANGES:
        for index in _CHANGES[event]:
            _judge(event, arguments[index])


def _judge(event: str, path: Any) -> None:
    if not isinstance(path, str | bytes | os.PathLike):
        return  # a descriptor, which was opened under this watch
    # The folder is resolved, the last part is not: a rename replaces a link and does not follow it.
    folder, name = os.path.split(os.path.abspath(os.fsdecode(path)))
    place = os.path.join(os.path.realpath(folder), name)
    if not place.startswith(f"{_root}{os.sep}") and place != os.devnull:
        _seen.append(f"{event} outside: {place}")


def _is_ours(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether mvc loads its own compiled code, or the import system its own modules."""
    if event == "ctypes.dlopen" and str(arguments[0]).startswith(_MVC):
        return True
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


sys.addaudithook(_hook)
