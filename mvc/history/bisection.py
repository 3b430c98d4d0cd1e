"""A search for the commit that changed something, while it lasts: kept as a ref so that no tool loses it.

``refs/mvc/bisect`` names a commit whose parents are all the commits that the search knows of, and whose message
is this value as JSON. A step moves it together with HEAD and the stage, in one operation: after a kill the
search stands where it stood or one step on, and ``undo`` takes a wrong answer back. Grammar:
``docs/reference/format.md``.
"""

from __future__ import annotations

import json

from mvc.errors import CorruptPack, MvcError
from mvc.history.context import Context
from mvc.history.gitobjects import EMPTY_TREE
from mvc.history.refs import check_name
from mvc.history.transaction import Transaction
from mvc.ids import CommitId
from mvc.values import dataclass

BISECT = "refs/mvc/bisect"
_VERSION = 1
#: What a term can't be called, as it is a verb.
_VERBS = frozenset("help start skip next reset visualize view replay log run terms".split())
_MEANT = {"bad": "bad", "new": "bad", "good": "good", "old": "good"}


@dataclass(frozen=True, slots=True)
class Bisection:
    """``start``: what HEAD was, an id or ``ref: …``; ``bad`` and ``good``: the ends of the search so far.

    ``terms`` are what bad and good are called, once that is settled. ``expected`` is the commit that was
    checked out to be tested; ``related``: whether all good ones are known to be ancestors of the bad one.
    ``log`` holds the lines that ``replay`` understands.
    """

    start: str
    terms: tuple[str, str] | None = None
    bad: CommitId | None = None
    good: tuple[CommitId, ...] = ()
    skipped: tuple[CommitId, ...] = ()
    paths: tuple[str, ...] = ()
    first_parent: bool = False
    expected: CommitId | None = None
    related: bool = False
    log: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, str]:
        """What bad and good are called."""
        return self.terms or ("bad", "good")

    def encode(self) -> str:
        """The message of the commit that holds it."""
        body = {
            "mvc-bisect": _VERSION,
            "start": self.start,
            "terms": self.terms,
            "bad": self.bad,
            "good": self.good,
            "skipped": self.skipped,
            "paths": self.paths,
            "first-parent": self.first_parent,
            "expected": self.expected,
            "related": self.related,
            "log": self.log,
        }
        return f"bisect\n\n{json.dumps(body, sort_keys=True)}\n"

    @staticmethod
    def decode(text: str) -> Bisection:
        """The inverse of ``encode``.

        Raises:
            CorruptPack: not a search.
        """
        try:
            body = json.loads(text.split("\n\n", 1)[1])
            bad, expected, terms = body["bad"], body["expected"], body["terms"]
            return Bisection(
                str(body["start"]),
                None if terms is None else (str(terms[0]), str(terms[1])),
                None if bad is None else CommitId(bad),
                tuple(map(CommitId, body["good"])),
                tuple(map(CommitId, body["skipped"])),
                tuple(map(str, body["paths"])),
                bool(body["first-parent"]),
                None if expected is None else CommitId(expected),
                bool(body["related"]),
                tuple(map(str, body["log"])),
            )
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise CorruptPack(
                f"the search in progress is damaged: {error}", hint="mvc bisect reset main"
            ) from error


def read_bisection(context: Context) -> tuple[str | None, Bisection | None]:
    """The id of the search in progress, and the search; None and None when there is none."""
    id_ = context.refs.raw(BISECT)
    return id_, None if id_ is None else Bisection.decode(context.git.commit(id_).message)


def write_bisection(transaction: Transaction, value: Bisection | None) -> None:
    """Keep ``value`` in place of what was kept; None ends the search."""
    if value is None:
        transaction.move(BISECT, None)
        return
    origin = CommitId(value.start) if not value.start.startswith("ref: ") else None
    named = (value.bad, *value.good, *value.skipped, value.expected, origin)
    parents = list(dict.fromkeys(id_ for id_ in named if id_ is not None))
    transaction.objects.tree([])
    who = transaction.who
    id_ = transaction.objects.commit(EMPTY_TREE, parents, who, who, value.encode())
    transaction.move(BISECT, id_)


def check_terms(bad: str, good: str) -> tuple[str, str]:
    """``bad`` and ``good`` themselves, if these words can stand for what Git calls so.

    Raises:
        MvcError: they can't.
    """
    if bad == good:
        raise MvcError("please use two different terms")
    for term, stands_for in ((bad, "bad"), (good, "good")):
        try:
            check_name(term, "term")
        except MvcError as error:
            raise MvcError(f"'{term}' is not a valid term") from error
        if term in _VERBS:
            raise MvcError(f"can't use the builtin command '{term}' as a term")
        if _MEANT.get(term, stands_for) != stands_for:
            raise MvcError(f"can't change the meaning of the term '{term}'")
    return bad, good
