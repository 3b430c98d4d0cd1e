"""The composition root: a repository with one method a verb, and no algorithm of its own.

Everything that the command line does stands on this class; so can any script. Methods return values and
raise ``MvcError``; nothing is printed, and no environment or home configuration is read.

What people do every day is written out here. A new verb is a function in the module of its kind (``joining``,
``reading``, ``retracing``), bound by a line below; a noun with verbs of its own is a face, as ``stash`` is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mvc import asking, joining, reading, replaying, retracing, settling
from mvc.opened import Opened, Progress, Who

if TYPE_CHECKING:
    from mvc.bisecting import Bisect
    from mvc.diff.changes import Difference
    from mvc.history.context import Context
    from mvc.history.git import Commit
    from mvc.history.signature import Signature
    from mvc.history.sought import Sought
    from mvc.ids import CommitId
    from mvc.metrics import Metrics
    from mvc.naming import Branches, Tags
    from mvc.stashing import Stash
    from mvc.steps import Steps
    from mvc.upkeep import Upkeep
    from mvc.worktree.cleaning import Which
    from mvc.worktree.staging import Added
    from mvc.worktree.status import Status
    from mvc.worktree.switching import Create


class Repository(Opened):
    """An open repository. Make one with ``mvc.init`` or ``mvc.open``.

    Paths given to methods are relative to ``cwd`` (the work tree's root unless told otherwise), as on a
    command line. ``who`` signs commits, reflogs and operations; methods that make a commit need it.
    ``progress``, when set, hears of everything that takes long.
    """

    def __init__(
        self,
        context: Context,
        *,
        who: Who | None = None,
        cwd: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(context, who=who, cwd=cwd, progress=progress)
        context.operations.recover()

    merge = joining.merge
    merge_adapter = joining.merge_adapter
    rerun = joining.rerun
    revert = joining.revert
    revert_each = joining.revert_each
    resolve_conflicts = joining.resolve_conflicts
    conflicts = settling.conflicts
    undecided = settling.undecided
    settle = settling.settle
    abort = joining.abort
    unfinished = joining.unfinished

    cherry_pick = replaying.cherry_pick
    stage_row = replaying.stage_row
    continue_row = replaying.continue_row
    skip_row = replaying.skip_row
    quit_row = replaying.quit_row
    rebase = replaying.rebase
    continue_rebase = replaying.continue_rebase
    skip_rebase = replaying.skip_rebase

    snapshot = reading.snapshot
    staged = reading.staged
    inspect = reading.inspect
    search = reading.search
    load = reading.load
    read_file = reading.read_file
    report = reading.report

    blame = asking.blame
    lineage = asking.lineage
    lineage_steps = asking.lineage_steps
    describe = asking.describe
    follow = asking.follow
    is_ancestor = asking.is_ancestor
    shortlog = asking.shortlog
    archive = asking.archive
    export = asking.export
    verify = asking.verify
    verify_commit = asking.verify_commit

    record = retracing.record
    reflog = retracing.reflog
    unstage = retracing.unstage
    operations = retracing.operations
    undo = retracing.undo
    restore_operation = retracing.restore_operation

    @property
    def branches(self) -> Branches:
        """Every branch with its commit, as a mapping; also makes, renames and deletes them."""
        from mvc.naming import Branches

        return Branches(self)

    @property
    def tags(self) -> Tags:
        """Every tag with the object it names, as a mapping; also makes and deletes them."""
        from mvc.naming import Tags

        return Tags(self)

    @property
    def stash(self) -> Stash:
        """Unfinished work put aside."""
        from mvc.stashing import Stash

        return Stash(self)

    @property
    def bisect(self) -> Bisect:
        """The search for the commit that broke something."""
        from mvc.bisecting import Bisect

        return Bisect(self)

    @property
    def metrics(self) -> Metrics:
        """Numbers measured of weights."""
        from mvc.metrics import Metrics

        return Metrics(self)

    @property
    def steps(self) -> Steps:
        """Recorded changes of HEAD's tensors by a program, and tries that were refused."""
        from mvc.steps import Steps

        return Steps(self)

    @property
    def upkeep(self) -> Upkeep:
        """Checking, repairing and tidying the repository itself."""
        from mvc.upkeep import Upkeep

        return Upkeep(self)

    def add(
        self,
        paths: Sequence[str] = (),
        *,
        everything: bool = False,
        update: bool = False,
        opaque: bool = False,
        force: bool = False,
    ) -> Added:
        """Put files in the store and on the stage; your files are only read.

        ``update`` takes tracked files alone (``git add -u``), ``everything`` all that is not ignored
        (``-A``). ``opaque`` keeps the named files as plain bytes, whatever their name says.
        """
        from mvc.worktree import staging

        return staging.add(
            self._context,
            self._inside(paths),
            everything=everything,
            update=update,
            opaque=opaque,
            force=force,
            who=self._now,
            progress=self.progress,
        )

    def remove(
        self,
        paths: Sequence[str],
        *,
        cached: bool = False,
        force: bool = False,
        recursive: bool = False,
    ) -> list[str]:
        """``rm``: take files off the stage and, unless ``cached``, out of the work tree."""
        from mvc.worktree import staging

        names = self._inside(paths)
        return staging.remove(
            self._context, names, cached=cached, force=force, recursive=recursive, who=self._now
        )

    def move(
        self, sources: Sequence[str], target: str, *, force: bool = False
    ) -> list[tuple[str, str]]:
        """``mv``: rename tracked files in the work tree and on the stage."""
        from mvc.worktree import staging

        source, end = self._inside(sources), self._inside([target])[0]
        return staging.move(self._context, source, end, force=force, who=self._now)

    def clean(
        self, paths: Sequence[str] = (), *, folders: bool, which: Which, dry_run: bool
    ) -> list[str]:
        """Remove untracked files below ``cwd`` or at ``paths``, or say which: there is no way back."""
        from mvc.worktree.cleaning import clean

        names, below = self._inside(paths), "" if paths else self._inside([self.cwd])[0]
        return clean(self._context, names, below, folders=folders, which=which, dry_run=dry_run)

    def status(self) -> Status:
        """What differs between HEAD, the stage and the work tree."""
        from mvc.worktree.status import status

        return status(self._context, self.progress)

    def commit(
        self,
        message: str | None = None,
        *,
        author: Signature | None = None,
        all: bool = False,
        amend: bool = False,
        allow_empty: bool = False,
        keep_conflicts: bool = False,
    ) -> Commit:
        """Record the stage as a commit; concludes a merge or revert that waits for it.

        ``amend`` replaces HEAD's commit and keeps its message and author unless others are given.
        ``keep_conflicts`` commits the tensors that a merge waits for as they are, with both sides.

        Raises:
            UsageError: nothing to commit (``NothingToCommit``), no message, or no author.
            MergeConflict: conflicts are not settled.
            SigningError: it shall be signed, and can't be. Nothing has changed then.
        """
        if all:
            from mvc.worktree.staging import unless_in_vain

            with unless_in_vain(self._context, self._now):
                self.add(update=True)
                return self.commit(message, author=author, amend=amend, allow_empty=allow_empty)
        from mvc.merge.concluding import conclude

        id_ = conclude(
            self._context,
            message,
            author=author,
            who=self._signer(),
            amend=amend,
            allow_empty=allow_empty,
            keep_conflicts=keep_conflicts,
        )
        return self._context.git.commit(id_)

    def commit_tensors(
        self,
        tensors: Mapping[str, Any],
        message: str,
        *,
        path: str = "model.safetensors",
        metadata: Mapping[str, str] | None = None,
    ) -> Commit:
        """Commit arrays (NumPy or torch) as the safetensors file ``path``; it is also checked out."""
        from mvc.worktree.from_memory import commit_tensors

        id_ = commit_tensors(self._context, tensors, message, path, metadata, self._signer())
        return self._context.git.commit(id_)

    def log(
        self,
        revisions_: Sequence[str] | str = "HEAD",
        *,
        paths: Sequence[str] = (),
        limit: int | None = None,
        topological: bool = False,
        first_parent: bool = False,
        all: bool = False,
        tensors: Sequence[str] = (),
        occurring: str | None = None,
        sought: Sought | None = None,
    ) -> Iterator[Commit]:
        """Commits, newest first; ``revisions_`` may hold ``A..B``, ``A...B`` and ``^A``.

        With ``tensors`` those that changed a tensor of a matching name; with ``occurring``, the first digits
        of a tensor's id, those that changed how often it occurs; ``sought``: by author, time, message.
        """
        from mvc.history import log, revisions

        texts = [revisions_] if isinstance(revisions_, str) else list(revisions_) or ["HEAD"]
        chosen = revisions.all_ends if all else revisions.parse_range
        return log.walk(
            self._context,
            chosen(self._context, texts),
            paths=self._inside(paths),
            limit=limit,
            topological=topological,
            first_parent=first_parent,
            tensors=tensors,
            occurring=occurring,
            sought=sought,
        )

    def diff(
        self,
        old: str | None = None,
        new: str | None = None,
        *,
        staged: bool = False,
        paths: Sequence[str] = (),
        tensors: Sequence[str] = (),
        numeric: bool | int = True,
    ) -> Difference:
        """What changed, per tensor, with numbers; which sides are meant is as in Git (``mvc.sides``)."""
        from mvc.sides import compare

        return compare(
            self._context,
            old,
            new,
            staged=staged,
            paths=self._inside(paths),
            tensors=tensors,
            numeric=numeric,
            progress=self.progress,
        )

    def changes_of(
        self, revision: str | Commit, *, paths: Sequence[str] = (), numeric: bool | int = False
    ) -> Difference:
        """What a commit changed against its first parent."""
        from mvc.sides import compare_commit

        commit = self.read_commit(revision) if isinstance(revision, str) else revision
        names, hear = self._inside(paths), self.progress
        return compare_commit(self._context, commit, names, numeric=numeric, progress=hear)

    def switch(
        self,
        target: str,
        *,
        create: Create = "no",
        detach: bool = False,
        discard: bool = False,
        start: str | None = None,
    ) -> None:
        """Move HEAD and the work tree to a branch (or, ``detach``, to a commit)."""
        from mvc.worktree import switching

        switching.switch(
            self._context,
            target,
            create=create,
            detach=detach,
            discard=discard,
            start=start,
            who=self._now,
            progress=self.progress,
        )

    def restore(
        self,
        paths: Sequence[str],
        *,
        source: str | None = None,
        staged: bool = False,
        worktree: bool = True,
        tensors: Sequence[str] = (),
    ) -> list[str]:
        """Put files (or only tensors matching a glob) back as the stage or ``source`` has them."""
        from mvc.merge.picking import pick
        from mvc.worktree import restoring

        return restoring.restore(
            self._context,
            self._inside(paths),
            source=source,
            staged=staged,
            worktree=worktree,
            pick=partial(pick, globs=tensors) if tensors else None,
            who=self._now,
            progress=self.progress,
        )

    def reset(self, target: str = "HEAD", *, mode: str = "mixed") -> CommitId | None:
        """Move the branch, if born: ``soft`` keeps stage and files, ``mixed`` files, ``hard`` nothing."""
        from mvc.worktree import switching

        return switching.reset(self._context, target, mode, self._now, self.progress)
