"""``mvc-weight-hashes``: the process that pre-commit or Git starts.

Owns the arguments and what is printed. Changes go to standard output, what is wrong to standard error; the
exit code is 0 when the commit may be made. argparse in place of click saves 30 ms in every commit.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterable, Sequence
from typing import NoReturn

from hooks import git
from hooks.report import change_lines, quoted
from hooks.rules import Rules
from hooks.verdict import check, update
from mvc.errors import MvcError, UsageError

#: Globs, separated by blanks, that are allowed to change although they are protected.
ALLOW = "MVC_ALLOW"

_DESCRIPTION = """\
Keep .weight_hashes.json in step with the weights that Git tracks. Without options it is brought up to date,
and the commit fails for once so that you can add it."""
_EPILOG = f"""\
A GLOB without a slash fits file names in any folder, one with a slash the path from the repository's top; a
folder stands for all in it. Every option may be given more than once. The environment variable {ALLOW} holds
more globs for --allow, separated by blanks."""


def run() -> None:
    """Run with the process's arguments and end the process."""
    for stream in (sys.stdout, sys.stderr):  # a name may have what the terminal's encoding lacks
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except MvcError as error:
        _complain([(error.message, error.hint)])
        code = error.exit_code
    except OSError as error:
        where = os.fsdecode(error.filename) if error.filename else "the output"
        _complain([(f"{where}: {error.strerror or error}", None)])
        code = 1
    except Exception as error:
        if os.environ.get("MVC_TRACEBACK"):
            raise
        hint = "please report it; MVC_TRACEBACK=1 shows where it happened"
        _complain([(f"a bug in mvc: {type(error).__name__}: {error}", hint)])
        code = 1
    sys.exit(code)


def main(arguments: Sequence[str], program: str = "mvc-weight-hashes") -> int:
    """Run the hook in the repository around the current folder; gives the exit code.

    Raises:
        MvcError: it could not do its work.
    """
    try:
        checking, rules = rules_of(arguments, program)
    except SystemExit:  # --help has been answered
        return 0
    verdict = (check if checking else update)(git.place(), rules, _reading)
    lines = [*change_lines(verdict.changes), *(f"note: {quoted(n)}" for n in verdict.notes)]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
    _complain(verdict.problems)
    return 1 if verdict.problems else 0


def _reading(path: str) -> None:
    """Somebody who waits at a terminal hears what for; pre-commit shows output only at the end."""
    if sys.stderr.isatty():
        sys.stderr.write(f"reading {quoted(path)}\n")


def rules_of(arguments: Sequence[str], program: str = "mvc-weight-hashes") -> tuple[bool, Rules]:
    """Whether ``--check`` is among the arguments, and what the others say.

    Raises:
        UsageError: an argument that the hook does not have.
        SystemExit: after ``--help``.
    """
    options = _parser(program).parse_args(arguments)
    allowed = os.environ.get(ALLOW, "").split()
    return options.check, Rules(
        tuple(options.include),
        tuple(options.exclude),
        tuple(options.opaque),
        tuple(options.untracked),
        tuple(options.protect),
        tuple(options.protect_tensor),
        (*options.allow, *allowed),
    )


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"{self.prog} --help")


def _parser(program: str) -> ArgumentParser:
    parser = _Parser(
        program,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="for CI: read every weight, change nothing, fail where .weight_hashes.json is wrong",
    )
    for name, text in (
        ("include", "also files that mvc does not take for weights by their suffix"),
        ("exclude", "no weights after all"),
        ("opaque", "take as plain bytes: say nothing of tensors"),
        ("untracked", "also weights that Git does not track, but mvc or nobody does"),
        ("protect", "weights that must not change, move or go"),
        ("protect-tensor", "names of tensors that must not change or go, in any file"),
        ("allow", "protected weights that may change this once"),
    ):
        parser.add_argument(f"--{name}", metavar="GLOB", action="append", default=[], help=text)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="ignored: all weights are looked at"
    )
    return parser


def _formatter(prog: str) -> RawDescriptionHelpFormatter:
    # Without a width argparse asks shutil, which brings bz2 and lzma: 10 ms in every commit.
    return RawDescriptionHelpFormatter(prog, width=100)


def _complain(problems: Iterable[tuple[str, str | None]]) -> None:
    for message, hint in problems:
        sys.stderr.write(f"error: {quoted(message)}\n")
        if hint:
            sys.stderr.write(f"hint: {quoted(hint)}\n")
