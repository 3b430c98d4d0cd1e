"""Options that several verbs have, each spelled and explained once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Verb = TypeVar("Verb", bound=Callable[..., Any])


def quiet(verb: Verb) -> Verb:
    """``-q``: as ``mvc -q VERB``, where Git has it behind the verb."""
    return click.option(
        "-q", "--quiet", is_flag=True, expose_value=False, callback=_hush, help="Only errors."
    )(verb)


def _hush(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and context.obj is not None:  # None: the shell asks for completions
        context.obj.output.quiet = True
