"""The program through which a long answer is read: ``less``, or what the user says.

Owns which one it is (Git's order: ``MVC_PAGER``, ``core.pager``, ``PAGER``, else ``less``), and the pipe to it,
which takes the output stream's place until ``close``. To leave it early ends the command, and is no error.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable

#: What Git gives ``less``: leave at once when all fits the screen, show colours, keep the screen.
_LESS = "FRX"


def chosen(configured: Callable[[], str | None]) -> str | None:
    """The command line of the pager; None where none is wanted, or there is none.

    ``configured`` gives the user's ``core.pager``, never the repository's; it is asked only when ``MVC_PAGER``
    is not set.
    """
    command = os.environ.get("MVC_PAGER")
    if command is None:
        command = configured()
    if command is None:
        command = os.environ.get("PAGER")
    if command is None:
        command = next((name for name in ("less", "more") if shutil.which(name)), "")
    return None if command.strip() in ("", "cat") else command


class Pager:
    """A running pager; what is written to descriptor 1 goes through it until ``close``."""

    def __init__(self, command: str) -> None:
        environment = {"LESS": _LESS, "LV": "-c", **os.environ}
        sys.stdout.flush()
        # As in Git a shell reads the command: it may have words and quotes.
        self._process = subprocess.Popen(
            command, shell=True, stdin=subprocess.PIPE, env=environment
        )
        assert self._process.stdin is not None
        self._terminal = os.dup(1)
        os.dup2(self._process.stdin.fileno(), 1)
        self._process.stdin.close()

    def close(self) -> None:
        """Let the user read on to the end; Ctrl-C is the pager's now."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            _flush()
            os.dup2(self._terminal, 1)
            os.close(self._terminal)
            self._process.wait()
        finally:
            signal.signal(signal.SIGINT, before)


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has no reader; the next flush must not meet it again.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.close(nothing)
        sys.stdout.flush()
