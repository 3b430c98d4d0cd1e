"""How a search grows: begun with the words of ``bisect start``, then answer by answer, or as a log tells it.

Values in, values out: nothing is written here, no file is moved.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from mvc.errors import MvcError, UsageError
from mvc.history import revisions
from mvc.history.bisection import Bisection, check_terms
from mvc.history.context import Context
from mvc.ids import CommitId

#: The option of ``start``, without its dashes, that sets the term for bad (0) or good (1).
_TERMS = {"term-bad": 0, "term-new": 0, "term-good": 1, "term-old": 1}


def begun(
    context: Context, words: Sequence[str], start: str, inside: Callable[[str], str]
) -> Bisection:
    """A new search, as ``bisect start WORDS`` means it: options, the bad commit, good ones, paths.

    ``start`` is what HEAD was; ``inside`` makes a path relative to the root.

    Raises:
        MvcError: an option is none, a term can't be one, or a word before ``--`` names no commit.
    """
    terms: list[str | None] = [None, None]
    ends: list[CommitId] = []
    options: list[str] = []
    first_parent, waiting = False, list(words)
    separated = "--" in waiting
    while waiting and waiting[0] != "--":
        word = waiting[0]
        name, equals, value = word.removeprefix("--").partition("=")
        if word == "--first-parent":
            first_parent = True
        elif word.startswith("--") and name in _TERMS:
            if not equals:
                if len(waiting) < 2:
                    raise MvcError("'' is not a valid term")
                options.append(waiting.pop(0))
                value = word = waiting[0]
            terms[_TERMS[name]] = value
        elif word.startswith("--"):
            raise UsageError(f"unrecognized option: '{word}'", hint="mvc bisect start --help")
        elif (id_ := revisions.try_resolve(context, word)) is not None:
            ends.append(id_)
        elif separated:
            raise UsageError(
                f"'{word}' does not appear to be a valid revision",
                hint="mvc log --all --oneline lists commits",
            )
        else:
            break
        options.append(word)
        waiting.pop(0)
    paths = tuple(inside(path) for path in waiting if path != "--")
    settled = check_terms(terms[0] or "bad", terms[1] or "good")
    named = settled if ends or any(terms) else None
    search = Bisection(start, named, paths=paths, first_parent=first_parent)
    for number, id_ in enumerate(ends):
        search = marked(context, search, settled[min(number, 1)], id_, typed=False)
    said = [*options, *(["--"] if separated else []), *paths]
    return logged(search, " ".join(["mvc bisect start", *map(_quoted, said)]))


def with_terms(search: Bisection, state: str) -> Bisection:
    """``search`` with its terms settled, now that a commit is called ``state``.

    Raises:
        UsageError: this search has other terms.
    """
    if search.terms is None and state in ("bad", "good"):
        return replace(search, terms=("bad", "good"))
    if search.terms is None and state in ("new", "old"):
        return replace(search, terms=("new", "old"))
    if state not in ("skip", *search.words):
        bad, good = search.words
        raise UsageError(
            f"Invalid command: you're currently in a {bad}/{good} bisect",
            hint=f"mvc bisect {bad}, or mvc bisect {good}",
        )
    return search


def marked(
    context: Context, search: Bisection, state: str, id_: CommitId, *, typed: bool = True
) -> Bisection:
    """``search`` knowing that ``id_`` is ``state``: bad or good, as they are called here, or ``skip``."""
    bad, good = search.words
    if search.expected is not None and id_ != search.expected:
        search = replace(search, expected=None, related=False)
    if state == "skip":
        search = replace(search, skipped=_with(search.skipped, id_))
    elif state == bad:
        search = replace(search, bad=id_)
    elif state == good:
        search = replace(search, good=_with(search.good, id_))
    search = logged(search, f"# {state}: {about(context, id_)}")
    return logged(search, f"mvc bisect {state} {id_}") if typed else search


def replayed(context: Context, search: Bisection | None, line: str, start: str) -> Bisection | None:
    """``search`` after a line of a log, mvc's or Git's; None before the first ``start``.

    Raises:
        MvcError: the line is an unknown word to ``bisect``, or names no commit.
    """
    words = line.replace("git-bisect", "git bisect", 1).split(None, 3)
    if len(words) < 3 or words[0] not in ("git", "mvc") or words[1] != "bisect":
        return search
    state, arguments = words[2], shlex.split(words[3]) if len(words) > 3 else []
    if state == "start":
        return begun(context, arguments, start, lambda path: path)
    if search is None:
        raise MvcError(f"the log says '{state}' before it starts a search")
    if state == "terms":
        return search
    if state not in ("bad", "good", "new", "old", "skip", *search.words):
        raise MvcError(f"'{state}'?? what are you talking about?")
    search = with_terms(search, state)
    for text in arguments:
        search = marked(context, search, state, revisions.resolve(context, text))
    return search


def logged(search: Bisection, *lines: str) -> Bisection:
    """``search`` with more lines in its log."""
    return replace(search, log=(*search.log, *lines))


def about(context: Context, id_: CommitId) -> str:
    """``[id] subject``."""
    return f"[{id_}] {context.git.commit(id_).subject}"


def waiting_for(search: Bisection) -> str:
    """Git's words for what is not known yet."""
    if search.good:
        number = len(search.good)
        known = f"{number} good commit{'' if number == 1 else 's'} known"
        return f"status: waiting for bad commit, {known}"
    if search.bad:
        return "status: waiting for good commit(s), bad commit known"
    return "status: waiting for both good and bad commits"


def _with(ids: Iterable[CommitId], id_: CommitId) -> tuple[CommitId, ...]:
    """In the order of Git's refs, which are named by them."""
    return tuple(sorted({*ids, id_}))


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"
