"""How an error becomes a message, a hint and an exit code; the last stop of every exception.

Nothing leaves here as a traceback: what is no ``MvcError`` is either the system's word about a file or a
stream, or a bug, which is called one and says where it is (``MVC_TRACEBACK`` in the environment shows all).
"""

from __future__ import annotations

import os
import sys

import click

from mvc.cli.output import quoted
from mvc.errors import MvcError, OutOfSpace, StorageError

#: What a shell reports for a program that SIGPIPE or SIGINT ended.
PIPE, INTERRUPTED = 141, 130


def reported(error: BaseException, *, color: bool | None) -> int:
    """Say on the error stream what happened; gives the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort | KeyboardInterrupt):
        _say("", "interrupted", "red", color)
        return INTERRUPTED
    if isinstance(error, OSError):
        discard_output()
    if isinstance(error, BrokenPipeError):
        return PIPE
    message, hint, code = _explained(error)
    _say("error: ", message, "red", color)
    if hint:
        _say("hint: ", hint, "yellow", color)
    return code


def discard_output() -> None:
    """Let what is still buffered go nowhere: its reader has gone, or its disk is full."""
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 1)


def _explained(error: BaseException) -> tuple[str, str | None, int]:
    if isinstance(error, MvcError):
        return error.message, error.hint, error.exit_code
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "mvc"
        if isinstance(error, click.NoSuchOption):
            return f"No such option '{error.option_name}'.", _meant(error, command), 2
        return error.format_message(), f"{command} --help", 2
    if isinstance(error, OSError):
        where = os.fsdecode(error.filename) if error.filename else "the output"
        kind = OutOfSpace if error.errno in (28, 122) else StorageError
        return f"{where}: {error.strerror or error}", None, kind.exit_code
    if isinstance(error, MemoryError):
        return "out of memory", "close other programs, or take a machine with more", 1
    return _bug(error), "please report it; MVC_TRACEBACK=1 shows where it happened", 1


def _meant(error: click.NoSuchOption, command: str) -> str:
    """The option that looks like the one that there is not; else where they all are."""
    import difflib

    parameters = error.ctx.command.params if error.ctx else []
    known = [name for parameter in parameters for name in parameter.opts]
    close = difflib.get_close_matches(error.option_name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"{command} --help"


def _bug(error: BaseException) -> str:
    import traceback

    if os.environ.get("MVC_TRACEBACK"):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"a bug in mvc: {type(error).__name__}: {error}{at}"


def _say(label: str, text: str, hue: str, color: bool | None) -> None:
    # A message may carry names from hostile files; only line breaks and tabs are ours.
    safe = "\n".join("\t".join(map(quoted, line.split("\t"))) for line in text.split("\n"))
    if sys.stderr is not None:
        click.echo(click.style(label, fg=hue) + safe, err=True, color=color)
