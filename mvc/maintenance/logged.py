"""What the logs say about refs: the operation log, and the reflogs, read past any damage.

The operation log names every ref that mvc ever moved, with the value that it should have now; a reflog also
has what Git's own tools did. ``fsck`` compares refs with both, ``repair`` takes lost ones from them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import field

from mvc.errors import MvcError
from mvc.history import horizon, reflog
from mvc.history.context import Context
from mvc.history.operation import Operation
from mvc.history.reflog import Move
from mvc.history.refs import OPERATIONS
from mvc.ids import CommitId
from mvc.store.fs import storage_error
from mvc.values import dataclass


@dataclass(slots=True)
class Chain:
    """The operation log from ``start`` back to where it can be read.

    ``values``: for each ref all that the log says it was, newest first; None for "did not exist".
    ``length``: operations read. ``broken``: why reading ended before the first operation, and where.
    """

    values: dict[str, list[str | None]] = field(default_factory=dict)
    length: int = 0
    broken: tuple[str, str] | None = None

    def expected(self, ref: str) -> str | None:
        """What ``ref`` should be, if no other tool moved it."""
        return next(iter(self.values.get(ref, ())), None)


def read_chain(context: Context, start: str | None) -> Chain:
    """The operations from ``start`` backwards."""
    chain = Chain()
    for found in operations(context, start):
        if not isinstance(found, Operation):
            chain.broken = found
            continue
        chain.length += 1
        for change in found.changes:
            known = chain.values.setdefault(change.ref, [change.new])
            if known[-1] != change.old:
                known.append(change.old)
    return chain


def operations(context: Context, start: str | None) -> Iterator[Operation | tuple[str, str]]:
    """Operations, newest first; last the id and the reason where one can't be read."""
    id_ = start
    with suppress(MvcError):
        if id_ in horizon.read(context.folder):
            return
    while id_ is not None:
        try:
            operation = context.operations.read(CommitId(id_))
        except MvcError as error:
            yield id_, error.message
            return
        yield operation
        id_ = operation.parent


def current_chain(context: Context) -> Chain:
    """The operations from ``refs/mvc/ops`` backwards; an empty chain when that ref is unreadable."""
    try:
        return read_chain(context, context.refs.raw(OPERATIONS))
    except MvcError:
        return Chain()


def reflogs(folder: str, *, strict: bool = False) -> Iterator[str]:
    """The refs that have a reflog, HEAD among them.

    Raises:
        StorageError: ``strict``, and a folder can't be listed.
    """
    top = os.path.join(folder, "logs")
    for place, _, names in sorted(os.walk(top, onerror=_refuse if strict else None)):
        for name in sorted(names):
            yield os.path.relpath(os.path.join(place, name), top).replace(os.sep, "/")


def _refuse(error: OSError) -> None:
    """Take what can't be read for unknown, not for empty; what has gone meanwhile is gone."""
    if not isinstance(error, FileNotFoundError):
        raise storage_error("read", str(error.filename), error) from error


def lines(folder: str, ref: str, *, strict: bool = False) -> list[tuple[bytes, Move | None]]:
    """Each line of a reflog, its newline included, with the step that it spells; oldest first.

    Raises:
        StorageError: ``strict``, and there is a reflog that can't be read.
    """
    try:
        with open(reflog.path(folder, ref), "rb") as file:
            data = file.read()
    except OSError as error:
        if strict:
            _refuse(error)
        return []
    whole = data.split(b"\n")
    torn = whole.pop()
    found = [(line + b"\n", Move.decode(line)) for line in whole]
    return [*found, (torn, None)] if torn else found
