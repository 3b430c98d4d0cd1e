"""Running somebody's command, with its output passed through."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import click

#: What a shell says of a command that is not there, or can't be run.
_ABSENT, _DENIED = 127, 126


def run_command(cmd: Sequence[str], printed: list[str] | None = None) -> int:
    """The exit code, negative where a signal ended it; ``printed`` gets what it wrote on its output, too."""
    sys.stdout.flush()
    try:
        if printed is None:
            return subprocess.run(cmd, check=False).returncode
        return _passed_through(cmd, printed)
    except FileNotFoundError:
        click.echo(f"{cmd[0]}: command not found", err=True)
        return _ABSENT
    except OSError as error:
        click.echo(f"{cmd[0]}: {error.strerror or error}", err=True)
        return _DENIED


def _passed_through(cmd: Sequence[str], printed: list[str]) -> int:
    with subprocess.Popen(cmd, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            text = line.decode("utf-8", "replace")
            printed.append(text)
            sys.stdout.write(text)
            sys.stdout.flush()
    return process.returncode
