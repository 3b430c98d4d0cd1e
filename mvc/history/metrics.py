"""Numbers that were measured of weights, kept by their Merkle root: they survive amend, rebase, a new message.

``refs/mvc/metrics`` names a commit whose tree has a blob for each root that was measured, at ``ab/cdef…``, so
that one more of ten thousand writes two small trees. Operations move the ref, so that ``undo`` takes back what
was noted. Grammar: ``docs/reference/format.md``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from mvc.errors import CorruptPack, UsageError
from mvc.history.commits import merkle_root, record_of
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.gitobjects import FILE_MODE, TREE_MODE
from mvc.history.record import trailer
from mvc.history.revisions import shorten
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import Transaction
from mvc.ids import ObjectId, object_id
from mvc.values import dataclass

METRICS = "refs/mvc/metrics"
_VERSION = 1
_NAME = re.compile(r"[^\s=\x00-\x1f\x7f-][^\s=\x00-\x1f\x7f]{0,199}")
_DIGITS = re.compile(r"[0-9a-f]{2}(?:[0-9a-f]{60})?")
#: The root of a commit that holds no weights.
_NOTHING = object_id(b"")
#: What JSON has no numbers for.
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, slots=True)
class Measured:
    """``value``, the ``time`` it was noted (seconds since 1970), and ``how``: the command line, or nothing.

    What the commit's own record says has no time of its own: it is the commit's.
    """

    value: float
    time: int
    how: str = ""


class Metrics:
    """Reads what is noted now; a tree that was read once is remembered, for whoever asks of many commits."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._git = context.git
        id_ = context.refs.raw(METRICS)
        #: Of the first two digits of roots: the tree of the rest.
        self._trees = {} if id_ is None else self._git.folder(self._git.commit(id_).tree)
        self._read: dict[str, Mapping[str, tuple[int, str]]] = {}

    def of(self, commit: Commit) -> dict[str, Measured]:
        """All that is known of a commit: what its record says, and what was noted of its weights since.

        Raises:
            CorruptPack: what is kept is damaged.
        """
        record, when = record_of(self._context, commit), commit.committer.time
        found = (
            {}
            if record is None
            else {
                name: Measured(float(value), when, record.operation)
                for name, value in record.metrics.items()
            }
        )
        root = root_of(self._context, commit)
        return {**found, **(self.noted(root) if root is not None else {})}

    def noted(self, root: ObjectId) -> dict[str, Measured]:
        """What was noted of the weights with the Merkle root ``root``."""
        entry = self.blobs(root[:2]).get(root[2:])
        return {} if entry is None else decode(self._git.blob(entry[1]))

    def blobs(self, prefix: str) -> Mapping[str, tuple[int, str]]:
        """Mode and blob of each root that begins with the two digits ``prefix``, by the other digits."""
        if prefix not in self._read:
            tree = self._trees.get(prefix)
            self._read[prefix] = {} if tree is None else self._git.folder(tree[1])
        return self._read[prefix]

    def folders(self) -> dict[str, tuple[int, str]]:
        """Mode and tree of each pair of first digits."""
        return dict(self._trees)


def read_all(context: Context) -> dict[ObjectId, dict[str, Measured]]:
    """Everything that was noted, by root.

    Raises:
        MissingObject, CorruptPack: it can't be read, or is something else.
    """
    metrics = Metrics(context)
    found: dict[ObjectId, dict[str, Measured]] = {}
    for prefix, (mode, _) in metrics.folders().items():
        if mode != TREE_MODE or not _DIGITS.fullmatch(prefix):
            raise _damaged(f"{prefix!r} is no folder of theirs")
        for rest in metrics.blobs(prefix):
            if not _DIGITS.fullmatch(rest):
                raise _damaged(f"{prefix}/{rest!r} is no root")
            found[ObjectId(prefix + rest)] = metrics.noted(ObjectId(prefix + rest))
    return found


def root_of(context: Context, commit: Commit) -> ObjectId | None:
    """The Merkle root of a commit's weights; None when it has none. Git's own commits don't carry it."""
    root = trailer(commit.message)
    if root is None:
        root = merkle_root(Snapshot.of_tree(context.git, commit.tree))
    return None if root == _NOTHING else root


def known_root(context: Context, commit: Commit) -> ObjectId:
    """As ``root_of``.

    Raises:
        UsageError: the commit has no weights.
    """
    root = root_of(context, commit)
    if root is None:
        raise UsageError(
            f"{shorten(commit.id)} has no weights that could be measured",
            hint="mvc ls shows what is in it",
        )
    return root


def note(
    transaction: Transaction, changes: Mapping[ObjectId, Mapping[str, Measured | None]]
) -> None:
    """Note what was measured, by root and name; None forgets it. What else is known stays."""
    metrics = Metrics(transaction.context)
    folders = metrics.folders()
    for prefix in sorted({root[:2] for root in changes}):
        blobs = dict(metrics.blobs(prefix))
        for root, values in changes.items():
            if root[:2] != prefix:
                continue
            known: dict[str, Measured | None] = {**metrics.noted(root), **values}
            left = {name: one for name, one in known.items() if one is not None}
            blobs.pop(root[2:], None)
            if left:
                blobs[root[2:]] = (FILE_MODE, transaction.objects.blob(encode(left)))
        folders.pop(prefix, None)
        if blobs:
            folders[prefix] = (TREE_MODE, transaction.objects.files(blobs))
    commit = None
    if folders:
        tree, who = transaction.objects.files(folders), transaction.who
        commit = transaction.objects.commit(tree, [], who, who, "metrics\n")
    transaction.move(METRICS, commit)


def check_name(name: str) -> str:
    """``name`` itself, if a metric can have it.

    Raises:
        UsageError: it can't.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} can't name a metric",
            hint="a name has no blanks and no '=', and begins with no '-': eval-loss, mmlu.acc",
        )
    return name


def number(text: str) -> float:
    """The number that ``text`` spells, ``nan`` and ``inf`` among them.

    Raises:
        UsageError: it spells none.
    """
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a number", hint="mvc metric add perplexity=12.3"
        ) from error


def encode(values: Mapping[str, Measured]) -> bytes:
    """Canonical JSON, one line: the inverse of ``decode``."""
    body = {
        "mvc-metrics": _VERSION,
        "values": {name: [plain(one.value), one.time, one.how] for name, one in values.items()},
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode(data: bytes) -> dict[str, Measured]:
    """The values that ``data`` holds.

    Raises:
        CorruptPack: it holds none.
    """
    try:
        body = json.loads(data)
        if body["mvc-metrics"] != _VERSION:
            raise ValueError(f"version {body['mvc-metrics']!r}: written by a newer mvc")
        return {
            str(name): Measured(
                _SPECIAL[value] if isinstance(value, str) else float(value), time, how
            )
            for name, (value, time, how) in sorted(body["values"].items())
        }
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(str(error)) from error


def _damaged(what: str) -> CorruptPack:
    return CorruptPack(
        f"the noted metrics are damaged: {what}", hint="mvc op log shows how they came about"
    )


def plain(value: float) -> float | str:
    """``value`` as JSON has it: what is no number there is one of three strings."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
