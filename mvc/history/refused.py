"""Refused tries: what a guard did not let onto a branch, kept on refs of its own with the numbers.

``refs/mvc/refused/N`` (1, 2, …) names a commit like any other: files, a record, the parent that it was tried
on. No branch reaches it; the ref keeps it until somebody forgets it. Owns their names and order.
"""

from __future__ import annotations

from mvc.errors import UsageError
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.transaction import Transaction
from mvc.ids import CommitId

REFUSED = "refs/mvc/refused/"


def listed(context: Context) -> dict[int, Commit]:
    """Every refused try by its number, oldest first."""
    found = context.refs.list(REFUSED)
    numbers = {ref.removeprefix(REFUSED): id_ for ref, id_ in found.items()}
    known = {int(name): id_ for name, id_ in numbers.items() if name.isdecimal()}
    return {number: context.git.commit(known[number]) for number in sorted(known)}


def keep(transaction: Transaction, commit: CommitId) -> int:
    """Have a new ref name ``commit``; gives its number."""
    taken = [
        int(name.removeprefix(REFUSED))
        for name in transaction.context.refs.list(REFUSED)
        if name.removeprefix(REFUSED).isdecimal()
    ]
    number = max(taken, default=0) + 1
    transaction.move(f"{REFUSED}{number}", commit)
    return number


def forget(transaction: Transaction, number: int) -> None:
    """Take the ref away; gc may then remove what only it reached.

    Raises:
        UsageError: there is no such try.
    """
    ref = f"{REFUSED}{number}"
    if transaction.context.refs.raw(ref) is None:
        raise UsageError(f"there is no refused try {number}", hint="mvc compress status")
    transaction.move(ref, None)
