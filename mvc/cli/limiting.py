"""Options that say which commits ``log`` shows, by author, date and message."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from mvc.history.sought import Sought

Verb = TypeVar("Verb", bound=Callable[..., Any])

_PATTERNS = (
    ("--author", "authors", "Only commits whose author matches; repeat for several."),
    ("--committer", "committers", "Only commits whose committer matches."),
    ("--grep", "greps", "Only commits whose message matches."),
)
_FLAGS = (
    (("-i", "--regexp-ignore-case"), "ignore_case", "Patterns match small and capital letters."),
    (("-F", "--fixed-strings"), "fixed", "Patterns are plain text."),
    (("-E", "--extended-regexp"), "extended", "Patterns are regular expressions (they are)."),
    (("--all-match",), "all_match", "Every --grep must match."),
    (("--invert-grep",), "invert", "Only commits whose message does not match."),
    (("--merges",), "merges", "Only merges."),
    (("--no-merges",), "no_merges", "No merges."),
)
_DATES = (
    (("--since", "--after"), "since", "Only commits newer than a date, like 2.weeks.ago."),
    (("--until", "--before"), "until", "Only commits older than a date."),
)
_NAMES = [name for _, name, _ in (*_PATTERNS, *_FLAGS, *_DATES)]


def limits(verb: Verb) -> Verb:
    """All of them, as one value ``sought``: None where none is given."""

    @wraps(verb)
    def limited(*args: Any, **kwargs: Any) -> Any:
        given = {name: kwargs.pop(name) for name in _NAMES}
        return verb(*args, sought=_sought(given) if any(given.values()) else None, **kwargs)

    found: Any = limited
    for words, name, said in reversed(_FLAGS):
        found = click.option(*words, name, is_flag=True, help=said)(found)
    for words, name, said in reversed(_DATES):
        found = click.option(*words, name, metavar="DATE", help=said)(found)
    for word, name, said in reversed(_PATTERNS):
        found = click.option(word, name, multiple=True, metavar="PATTERN", help=said)(found)
    limited_verb: Verb = found
    return limited_verb


def _sought(given: dict[str, Any]) -> Sought:
    from mvc.history.moments import moment

    now = time.time()
    given.pop("extended")
    least, most = (2 if given.pop("merges") else 0), (1 if given.pop("no_merges") else None)
    for name in ("since", "until"):
        given[name] = None if given[name] is None else moment(given[name], now)
    return Sought(**given, parents=(least, most))
