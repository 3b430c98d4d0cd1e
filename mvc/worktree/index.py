"""The stat cache: which blob each file was when it was last read, so that it need not be read again.

Owns ``.mvc/stat-cache``. It is a cache of facts: losing or damaging it costs time, never truth, and a write
that fails is no error. The facts of a path say "a file with this fingerprint is this blob"; they hold whatever
the stage says, so a cache that another command wrote meanwhile is merely less useful.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field

from mvc.errors import StorageError
from mvc.history.context import Context
from mvc.history.refs import STAGE
from mvc.history.transaction import head_snapshot, read_stage
from mvc.history.undecided import counted
from mvc.ids import BlobId
from mvc.values import dataclass
from mvc.worktree import index_text
from mvc.worktree.index_text import NAME, UNKNOWN, fingerprint, settled

_NONE = "-"


@dataclass(frozen=True, slots=True)
class Known:
    """At the time ``seen`` (ns) the file with this fingerprint had this mode and content."""

    mode: int
    blob: BlobId
    seen: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Index:
    """Facts by path; ``written``: mtime of the cache in ns. The header's ids are None for "none"."""

    stage: str | None = None
    head: str | None = None
    head_files: str | None = None
    written: int = 0
    entries: dict[str, Known] = field(default_factory=dict)

    def blob(self, path: str, status: os.stat_result) -> BlobId | None:
        """What a file with this ``lstat`` is, without reading it; None when that can't be told."""
        known = self.entries.get(path)
        if known is None or known.fingerprint != fingerprint(status):
            return None
        return known.blob if settled(status, known.seen, self.written) else None


def load(context: Context) -> Index:
    """The cache; an empty one when it is missing, damaged or of another version."""
    try:
        with open(os.path.join(context.folder, NAME), "rb") as file:
            written = os.fstat(file.fileno()).st_mtime_ns
            decoded = index_text.decode(file.read())
        if decoded is None:
            return Index()
        (stage, head, files), rows = decoded
        entries = {
            path: Known(int(mode, 8), BlobId(blob), seen, found)
            for mode, blob, seen, found, path in rows
        }
    except (OSError, ValueError):
        return Index()
    return Index(_id(stage), _id(head), _id(files), written, entries)


def save(context: Context, index: Index) -> None:
    """Write the cache, as well as it goes: on a read-only or full disk the old one stays."""
    header = (index.stage or _NONE, index.head or _NONE, index.head_files or _NONE)
    rows = [
        (f"{known.mode:o}", str(known.blob), str(known.seen), known.fingerprint, path)
        for path, known in sorted(index.entries.items())
    ]
    data = index_text.encode(header, rows)
    try:
        context.disk.write_whole(os.path.join(context.folder, NAME), data, durable=False)
    except StorageError:
        return


def is_current(context: Context, index: Index) -> bool:
    """Whether the cache was written for the stage and HEAD as they are."""
    return (index.stage, index.head) == (context.refs.raw(STAGE), context.refs.head())


def learn(context: Context, seen: Mapping[str, Known]) -> None:
    """Keep facts that a later ``refresh`` will need, should this command get that far.

    Until then the cache vouches for no stage: some of the facts are about files that are not on it yet.
    """
    if seen:
        save(context, Index(entries={**load(context).entries, **seen}))


def refresh(context: Context, seen: Mapping[str, Known] | None = None) -> None:
    """Bring the cache up to the refs as they are now, with the facts learned in this command.

    To be called after each operation that moved HEAD or the stage, or wrote files of the work tree. Every
    path of the stage gets a line; of one that nothing is known about, it says so.
    """
    facts = {**load(context).entries, **(seen or {})}
    entries: dict[str, Known] = {}
    for path, (mode, blob) in read_stage(context).items():
        fact = facts.get(path)
        fits = fact is not None and (fact.mode, fact.blob) == (mode, blob)
        entries[path] = fact if fact is not None and fits else Known(mode, blob, 0, UNKNOWN)
    head = context.refs.head()
    head_files = context.writer().files(head_snapshot(context)) if head else None
    if head_files is not None and counted(context):
        head_files = None  # there is something to say that the files alone don't tell
    save(context, Index(context.refs.raw(STAGE), head, head_files, entries=entries))


def _id(text: str) -> str | None:
    return None if text == _NONE else text
