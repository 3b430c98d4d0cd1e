"""Tombstones: commits whose weights need not be kept. Their history stays.

Two refs hold them, each a commit whose tree has one blob, a line a tombstone: ``refs/mvc/expired`` is what
was asked for, moved by ordinary operations, so that ``undo`` takes it back; ``refs/mvc/gone`` is what ``gc``
has acted upon, which nothing takes back. Grammar: ``docs/reference/format.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from mvc.errors import CorruptPack, IntegrityError, WeightsExpired
from mvc.history.context import Context
from mvc.history.gitobjects import FILE_MODE, ObjectWriter
from mvc.history.manifest import Manifest, is_manifest
from mvc.history.moments import day
from mvc.history.refs import BRANCHES
from mvc.history.revisions import shorten
from mvc.history.signature import Signature
from mvc.ids import CommitId, ObjectId
from mvc.values import dataclass

EXPIRED = "refs/mvc/expired"
GONE = "refs/mvc/gone"
#: The file in the tree of both.
_FILE = "expired"
_FIRST_LINE = "mvc-expired 1"
_LINE = re.compile(r"([0-9a-f]{40}) ([0-9]{1,12}) (asked|forced) ([^\x00-\x1f\x7f]+)")


@dataclass(frozen=True, slots=True)
class Tombstone:
    """``time``: when, in seconds since 1970; ``rule``: the words that chose the commit. ``forced``: though a
    branch or a tag names it, its weights may go."""

    commit: CommitId
    time: int
    rule: str
    forced: bool = False

    def says(self) -> str:
        """When and why, for people."""
        return f"expired {day(self.time)} by {self.rule}"


def encode(tombstones: Iterable[Tombstone]) -> bytes:
    """The canonical text: the inverse of ``decode``."""
    lines = [
        f"{one.commit} {one.time} {'forced' if one.forced else 'asked'} {one.rule}"
        for one in sorted(tombstones, key=lambda one: one.commit)
    ]
    return "\n".join([_FIRST_LINE, *lines, ""]).encode()


def decode(data: bytes) -> dict[CommitId, Tombstone]:
    """The tombstones that ``data`` spells.

    Raises:
        CorruptPack: it spells none.
    """
    try:
        first, *lines, last = data.decode().split("\n")
    except (UnicodeDecodeError, ValueError) as error:
        raise _damaged("is no text") from error
    if first != _FIRST_LINE or last:
        raise _damaged(f"begins with {first[:40]!r}: written by a newer mvc?")
    found = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise _damaged(f"has the line {line[:60]!r}")
        id_, time, how, rule = match.groups()
        found[CommitId(id_)] = Tombstone(CommitId(id_), int(time), rule, how == "forced")
    return found


def read(context: Context, ref: str) -> dict[CommitId, Tombstone]:
    """The tombstones that ``EXPIRED`` or ``GONE`` holds.

    Raises:
        MissingObject, CorruptPack: they can't be read.
    """
    id_ = context.refs.raw(ref)
    if id_ is None:
        return {}
    entry = context.git.entry(context.git.commit(id_).tree, _FILE)
    if entry is None:
        raise _damaged("is missing")
    return decode(context.git.blob(entry[1]))


def tombstones(context: Context) -> dict[CommitId, Tombstone]:
    """Every commit whose weights need not be kept, or are gone."""
    return {**read(context, EXPIRED), **read(context, GONE)}


def write(
    objects: ObjectWriter, found: Mapping[CommitId, Tombstone], who: Signature
) -> CommitId | None:
    """A commit for a ref to name; None for no tombstone at all."""
    if not found:
        return None
    blob = objects.blob(encode(found.values()))
    tree = objects.files({_FILE: (FILE_MODE, blob)})
    return objects.commit(tree, [], who, who, f"weights of {len(found)} commits expired\n")


def weights(context: Context, commit: str) -> Iterator[ObjectId]:
    """Every object of the store that a commit names; one that two files name comes twice."""
    for _, blob in context.git.files(context.git.commit(commit).tree).values():
        data = context.git.blob(blob)
        if is_manifest(data):
            yield from Manifest.decode(data).object_ids()


def why_missing(context: Context, object_id: ObjectId) -> WeightsExpired | None:
    """The error for an object that went with an expired commit; None when none names it, or the tip of a branch
    needs it, too: then it is lost."""
    try:
        gone = read(context, GONE)
        for tip in set(context.refs.list(BRANCHES).values()) - gone.keys() if gone else ():
            if object_id in weights(context, tip):
                return None
        for one in gone.values():
            if one.commit in context.git and object_id in weights(context, one.commit):
                subject = context.git.commit(one.commit).subject
                return WeightsExpired(
                    f"the weights of commit {shorten(one.commit)} ({subject}) were {one.says()}",
                    hint="its history is there: mvc log, mvc ls, mvc show --stat",
                )
    except IntegrityError:
        return None  # then nobody can say
    return None


def _damaged(what: str) -> CorruptPack:
    return CorruptPack(
        f"the list of expired commits {what}", hint="mvc op log shows how it came about"
    )
