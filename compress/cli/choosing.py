"""The options that every step has: on which texts, judged by what, how much worse it may get."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mvc.errors import UsageError

if TYPE_CHECKING:
    from compress.options import Options

Verb = TypeVar("Verb", bound=Callable[..., Any])

_GIVEN: list[Callable[[Any], Any]] = [
    click.option(
        "--data", multiple=True, metavar="FILE", help="Text to calibrate on; its end judges."
    ),
    click.option("--held", multiple=True, metavar="FILE", help="Text to judge by instead."),
    click.option(
        "--samples", type=int, default=32, metavar="N", help="Sequences to calibrate on; 32."
    ),
    click.option("--length", type=int, default=256, metavar="N", help="Their tokens; 256."),
    click.option("--judged", type=int, default=32, metavar="N", help="Sequences to judge by; 32."),
    click.option("--seed", type=int, default=0, metavar="N", help="For whatever draws; 0."),
    click.option(
        "--metric",
        default="",
        metavar="NAME",
        help="What the guard looks at; perplexity, of heal kl.",
    ),
    click.option(
        "--limit",
        default="",
        metavar="LIMIT",
        help="How much worse it may get: 3%, 0.5 (absolute), none; 3%, and a heal has to help.",
    ),
    click.option(
        "--rollback",
        multiple=True,
        metavar="GLOB",
        help="If it is refused: these weights as they were, and the rest judged again.",
    ),
    click.option(
        "--evaluator", default="", metavar="CMD", help="A command that prints a number of {model}."
    ),
    click.option(
        "--higher-is-better", is_flag=True, help="Of --evaluator: more of its number is better."
    ),
    click.option("--model", default=None, metavar="PATH", help="Which, where there are several."),
    click.option(
        "--from-layer",
        "first",
        type=int,
        default=0,
        metavar="K",
        help="Leave the blocks before K as they are.",
    ),
    click.option("--threads", type=int, default=0, metavar="N", help="Threads to compute with."),
    click.option("-m", "--message", default="", metavar="TEXT", help="The commit's message."),
    click.option(
        "--dry-run", "-n", is_flag=True, help="Tell size and damage from a few blocks; no commit."
    ),
    click.option("--rehearse", is_flag=True, help="Do all of it, say what came out; no commit."),
    click.option("--confirm", is_flag=True, help="Ask before the commit, with the numbers."),
    click.option("--json", "as_json", is_flag=True, help="Events as they happen, a line each."),
]


class Run:
    """How a verb was asked to run."""

    def __init__(
        self, options: Options, *, dry_run: bool, rehearse: bool, confirm: bool, as_json: bool
    ) -> None:
        self.options, self.dry_run, self.rehearse = options, dry_run, rehearse
        self.confirm, self.as_json = confirm, as_json


def by_name(verb: Verb) -> Verb:
    """``--only`` and ``--skip``: which weights an operation is for."""
    for option in (
        click.option("--skip", multiple=True, metavar="GLOB", help="No weights of such names."),
        click.option("--only", multiple=True, metavar="GLOB", help="Only weights of such names."),
    ):
        verb = option(verb)
    return verb


def run_options(verb: Verb) -> Verb:
    """Add the options; the verb gets them as ``run``."""

    @wraps(verb)
    def gathered(*args: Any, **given: Any) -> Any:
        from compress.options import Options

        flags = {word: given.pop(word) for word in ("dry_run", "rehearse", "confirm", "as_json")}
        words = ("data", "held", "samples", "length", "judged", "seed", "metric", "limit")
        more = ("rollback", "evaluator", "higher_is_better", "model", "first", "threads", "message")
        options = Options(**{word: given.pop(word) for word in (*words, *more)})
        return verb(*args, run=Run(options, **flags), **given)

    made: Any = gathered
    for option in reversed(_GIVEN):
        made = option(made)
    return made  # type: ignore[no-any-return]


def percentage(text: str, option: str) -> float:
    """``50%`` or ``0.5``.

    Raises:
        UsageError: neither.
    """
    from compress.recipe import share

    found = share(text, option)
    if not 0 <= found <= 1:
        raise UsageError(f"{option} is {text}, and must be between 0% and 100%")
    return found
