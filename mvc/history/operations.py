"""The operation log and the one way in which refs change.

An operation is a Git commit on ``refs/mvc/ops``: its message holds the changes as JSON, its tree is the
stage after it, its first parent the operation before, its other parents every commit that a change names,
so that no Git tool can prune what ``undo`` may need.

What gc has forgotten lies behind the horizon (``horizon.py``): the log ends before the operation that stands
there, as what it replaced may be gone.

Moving ``refs/mvc/ops`` is the sole commit point. Before it nothing is visible; after it the refs follow,
and whoever opens the repository next rolls a half-done operation forward. ``applied`` (a cache) remembers
the last operation whose refs all moved; losing it costs a repeated, harmless roll-forward.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from mvc.errors import CorruptPack, IntegrityError, RefConflict, StorageError
from mvc.history import horizon
from mvc.history.gitobjects import EMPTY_TREE, ObjectWriter
from mvc.history.operation import Operation, is_operation
from mvc.history.ref_writer import RefWriter
from mvc.history.refs import KEPT, OPERATIONS, REPAIR, STAGE, STASH, STASHES, TAGS, Refs, is_id
from mvc.ids import CommitId, TreeId
from mvc.store.fs import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mvc.history.git import Git
    from mvc.history.reflog import Move

_APPLIED = "applied"


class OperationLog:
    """Reads, extends and rolls forward the operations of one repository."""

    def __init__(self, folder: str, disk: Disk, refs: Refs, git: Git | None = None) -> None:
        self._folder = folder
        self._disk = disk
        self._refs = refs
        self._writer = RefWriter(folder, disk, refs)
        self._opened = git

    @property
    def _git(self) -> Git:
        if self._opened is None:
            from mvc.history.git import Git

            self._opened = Git(self._folder)
        return self._opened

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the one lock under which refs change; what a crash left is finished first."""
        with self._disk.lock(os.path.join(self._folder, "locks", "refs")):
            self._roll_forward()
            yield

    def recover(self) -> None:
        """Finish the operation that a crash interrupted; costs two small reads when there is none."""
        if self._refs.raw(OPERATIONS) != self._applied():
            with self.locked():
                pass

    def append(self, writer: ObjectWriter, operation: Operation) -> CommitId:
        """Record and apply ``operation``; call inside ``locked``. Pending objects become durable first.

        Raises:
            RefConflict: a ref does not have its ``old`` value any more; nothing has changed.
        """
        for change in operation.changes:
            current = self._refs.raw(change.ref)
            if current != change.old:
                raise RefConflict(
                    f"{change.ref} moved to {_short(current)} while the command ran; "
                    f"expected {_short(change.old)}",
                    hint="run the same command again",
                )
        previous = self._refs.raw(OPERATIONS)
        stage = next((c.new for c in operation.changes if c.ref == STAGE), self._refs.raw(STAGE))
        parents = dict.fromkeys([CommitId(previous)] if previous else [])
        parents |= dict.fromkeys((*operation.commits, *(operation.files or ())))
        for change in operation.changes:
            # The stage is this commit's tree. A tag may name a tag object, which is no commit's parent.
            if change.ref != STAGE and not change.ref.startswith((TAGS, KEPT)):
                ids = (v for v in (change.old, change.new) if v and not v.startswith("ref: "))
                parents |= dict.fromkeys(CommitId(id_) for id_ in ids)
        if stage is None:
            writer.tree([])
        id_ = writer.commit(
            TreeId(stage) if stage else EMPTY_TREE,
            list(parents),
            operation.who,
            operation.who,
            operation.encode(),
        )
        writer.flush()
        if previous is None:
            self._disk.sync_folder(
                self._folder
            )  # HEAD's name: init may have been killed before that
        self._writer.write(OPERATIONS, id_)
        try:
            self._apply(operation)
        except StorageError as error:
            error.hint = "it is recorded: once the disk is well, the next command finishes it"
            raise
        self._remember(id_)
        return id_

    def restore(self, name: str, value: str) -> None:
        """Write a ref whose file was lost or damaged; no operation says so, and none is waited for."""
        if name == OPERATIONS:  # what it did is done or has been moved on from: never again
            self._remember(value)
        self._writer.write(name, value)

    def read(self, id_: CommitId) -> Operation:
        """The operation that the commit ``id_`` records.

        Raises:
            CorruptPack: it records none.
        """
        commit = self._git.commit(id_)
        return Operation.decode(
            commit.message, who=commit.committer, id_=id_, parent=self._previous(commit.parents)
        )

    def latest(self) -> Operation | None:
        """The newest operation; None when there is none, or all are forgotten."""
        id_ = self._refs.raw(OPERATIONS)
        if id_ is None or id_ in horizon.read(self._folder):
            return None
        return self.read(CommitId(id_))

    def walk(self) -> Iterator[Operation]:
        """All operations, newest first."""
        operation = self.latest()
        while operation is not None:
            yield operation
            operation = self.read(operation.parent) if operation.parent else None

    def _previous(self, parents: Sequence[CommitId]) -> CommitId | None:
        if not parents or parents[0] in horizon.read(self._folder):
            return None
        try:
            previous = self._git.commit(parents[0]).message
        except IntegrityError:
            return parents[0]  # this operation is whole; whoever wants the one before hears of it
        return parents[0] if is_operation(previous) else None

    def _roll_forward(self) -> None:
        id_ = self._refs.raw(OPERATIONS)
        applied = self._applied()
        if id_ is None and applied is not None and is_id(applied):
            # Going on would begin a second log, out of which nothing leads back to this one.
            raise CorruptPack(f"the ref {OPERATIONS} is lost", hint=REPAIR)
        if id_ is None or id_ == applied:
            return
        # Whoever wrote it may have been killed before it was durable; nothing may be built on it then.
        self._writer.settle(OPERATIONS)
        self._apply(self.read(CommitId(id_)))
        self._remember(id_)

    def _apply(self, operation: Operation) -> None:
        head_follows = None if operation.trail else self._refs.branch()
        self._writer.trace(operation.trail, operation.who)
        for change in operation.changes:
            current = self._refs.raw(change.ref)
            if current not in (change.old, change.new):
                continue  # moved by another tool since: its word is the later one
            if not (operation.trail and change.ref == "HEAD"):
                self._writer.note(change, operation.who, operation.message, head_follows)
            if change.ref == STASHES:
                self._writer.replace_reflog(STASH, self._stashes(change.new))
            if current != change.new:
                self._writer.write(change.ref, change.new)
            else:
                self._writer.settle(change.ref)

    def _stashes(self, list_: str | None) -> list[Move]:
        """What Git takes for the list of stashes: the reflog of ``refs/stash``."""
        if list_ is None:
            return []
        from mvc.history import stashes

        return stashes.as_moves(stashes.decode(self._git.commit(list_).message))

    def _applied(self) -> str | None:
        try:
            with open(os.path.join(self._folder, _APPLIED), encoding="ascii") as file:
                return file.read().strip() or None
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    def _remember(self, id_: str) -> None:
        path = os.path.join(self._folder, _APPLIED)
        with suppress(StorageError):  # a cache, when all that matters has happened
            self._disk.write_whole(path, f"{id_}\n".encode("ascii"), durable=False)


def _short(value: str | None) -> str:
    return "nothing" if value is None else value.removeprefix("ref: ")[:40]
