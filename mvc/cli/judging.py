"""``mvc verify-commit`` and ``mvc verify-tag``: what they share, as Git's two do.

The verdict goes to the error stream, and with ``-v`` what was signed to the output. Exits with 1 where one of
the signatures is not good.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mvc.cli.app import Session
from mvc.cli.judged import judged_document, judged_lines
from mvc.cli.output import quoted

if TYPE_CHECKING:
    from mvc.history.judging import Judged

Verb = TypeVar("Verb", bound=Callable[..., Any])


def judging(verb: Verb) -> Verb:
    """The options of both."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="For programs."),
        click.option("--raw", is_flag=True, help="The same words (of GnuPG's there are none)."),
        click.option("-v", "--verbose", is_flag=True, help="Also print what was signed."),
    ):
        verb = option(verb)
    return verb


def report(
    session: Session,
    verb: str,
    judge: Callable[[str], Judged],
    names: Sequence[str],
    *,
    verbose: bool,
    as_json: bool,
) -> int:
    """Judge each of ``names`` and say so; gives the exit code."""
    found = [judge(name) for name in names]
    if as_json:
        session.output.document(verb, {"signatures": [judged_document(one) for one in found]})
    else:
        for one in found:
            _say(one, verbose=verbose)
    return 0 if all(map(is_good, found)) else 1


def is_good(found: Judged) -> bool:
    """Whether Git would call it good, and mvc has nothing to say against it."""
    return found.check.status == "G" and found.root != "differs"


def _say(found: Judged, *, verbose: bool) -> None:
    if verbose:
        text = found.payload.decode("utf-8", "replace").removesuffix("\n")
        click.echo("\n".join(map(quoted, text.split("\n"))))
        sys.stdout.flush()
    for line in judged_lines(found):
        click.echo(click.unstyle(line), err=True)
    if found.kind == "tag" and not found.signed:
        click.echo("error: no signature found", err=True)
