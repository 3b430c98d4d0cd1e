"""One operation being made: the lock is held, what it starts from is read under it, and it ends as one.

Everything slow (hashing, packing, checking out) happens before or after; inside is metadata only, so that
writers queue instead of failing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mvc.history.context import Context
from mvc.history.gitobjects import ObjectWriter
from mvc.history.operation import Change, Operation
from mvc.history.refs import STAGE
from mvc.history.signature import NOBODY, Signature
from mvc.history.snapshot import Snapshot
from mvc.ids import CommitId, TreeId


class Transaction:
    """Collects the moves of refs; they happen together when the block ends without an error."""

    def __init__(self, context: Context, verb: str, who: Signature | None) -> None:
        self.context = context
        self.verb = verb
        self.who = who or Signature.now(*NOBODY)
        self.message = verb
        self.worktree = False
        self.undoes: str | None = None
        self._files: tuple[CommitId, CommitId] | None = None
        #: Commits to keep reachable besides those that the moves name.
        self.commits: list[CommitId] = []
        #: What HEAD's reflog says instead of one line a move: ``(old, new, message)`` each.
        self.trail: list[tuple[str, str, str]] = []
        self.objects: ObjectWriter = context.writer()
        self._moves: dict[str, Change] = {}
        self._staged: Snapshot | None = None

    @property
    def head(self) -> CommitId | None:
        """The commit that HEAD names."""
        id_ = self.context.refs.head()
        return None if id_ is None else CommitId(id_)

    @property
    def head_ref(self) -> str:
        """What moves when HEAD's commit does: the current branch, or HEAD itself when detached."""
        return self.context.refs.branch() or "HEAD"

    @property
    def stage(self) -> Snapshot:
        """The stage, with what this transaction has put in it."""
        return self._staged if self._staged is not None else read_stage(self.context)

    def move(self, ref: str, new: str | None, message: str | None = None) -> None:
        """``ref`` shall have the value ``new``; None removes it. ``message`` is for its own reflog alone."""
        old = self.context.refs.raw(ref)
        if old == new:
            self._moves.pop(ref, None)
        else:
            self._moves[ref] = Change(ref, old, new, message)

    def put_stage(self, files: Snapshot) -> TreeId:
        """The stage shall hold ``files``."""
        tree = self.objects.files(dict(files))
        self._staged = files
        self.move(STAGE, tree)
        return tree

    def move_files(self, before: Snapshot, after: Snapshot) -> None:
        """Files of the work tree move from ``before`` to ``after``, which the stage does not tell."""
        self.worktree = True
        self._files = self._keep(before), self._keep(after)

    def _keep(self, files: Snapshot) -> CommitId:
        tree = self.objects.files(dict(files))
        return self.objects.commit(tree, [], self.who, self.who, "files of the work tree\n")

    def finish(self) -> None:
        """Record and apply, once; nothing at all happens when nothing moved."""
        if not self._moves and self._files is None:
            return
        operation = Operation(
            verb=self.verb,
            message=self.message,
            changes=tuple(self._moves.values()),
            who=self.who,
            worktree=self.worktree,
            undoes=self.undoes,
            commits=tuple(self.commits),
            files=self._files,
            trail=tuple(self.trail),
        )
        self._moves, self._files, self.trail = {}, None, []
        self.context.operations.append(self.objects, operation)


def read_stage(context: Context) -> Snapshot:
    """The files of the stage."""
    return Snapshot.of_tree(context.git, context.refs.raw(STAGE))


def head_snapshot(context: Context) -> Snapshot:
    """The files of the commit that HEAD names; none before the first commit."""
    head = context.refs.head()
    return Snapshot.of_tree(context.git, context.git.commit(head).tree if head else None)


@contextmanager
def transaction(context: Context, verb: str, who: Signature | None) -> Iterator[Transaction]:
    """Hold the ref lock for the block, then record what it asked for as one operation."""
    with context.operations.locked():
        current = Transaction(context, verb, who)
        yield current
        current.finish()
