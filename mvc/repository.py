"""The composition root: a repository with one method a verb, and no algorithm of its own.

Everything that the command line does stands on this class; so can any script. Methods return values and
raise ``MvcError``; nothing is printed, and no environment or home configuration is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mvc.history import branches, commits, log, revisions
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.reflog import Move
from mvc.history.refs import BRANCHES
from mvc.history.signature import Signature, known
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import read_stage
from mvc.history.unfinished import Unfinished, read_unfinished
from mvc.ids import CommitId
from mvc.paths import inside

if TYPE_CHECKING:
    from mvc.arrays import LazyTensors
    from mvc.diff.changes import Difference
    from mvc.history.config import Settings
    from mvc.history.operations import Operation
    from mvc.history.record import Record
    from mvc.inspecting import Inspection
    from mvc.merge.merging import Outcome
    from mvc.naming import Branches, Tags
    from mvc.searching import Found
    from mvc.stashing import Stash
    from mvc.upkeep import Upkeep
    from mvc.worktree.cleaning import Which
    from mvc.worktree.staging import Added
    from mvc.worktree.status import Status
    from mvc.worktree.switching import Create

#: Who acts: name and e-mail, signing each thing at its own time; a signature with a fixed time; or a function
#: that gives one when somebody has to sign.
Who = Signature | tuple[str, str] | Callable[[], Signature | None]

#: Called with (what, done, total) in bytes or items while something long runs.
Progress = Callable[[str, int, int], None]


class Repository:
    """An open repository. Make one with ``mvc.init`` or ``mvc.open``.

    Paths given to methods are relative to ``cwd`` (the work tree's root unless told otherwise), as on a
    command line. ``who`` signs commits, reflogs and operations; methods that make a commit need it.
    ``progress``, when set, hears of everything that takes long.
    """

    def __init__(self, context: Context, *, who: Who | None = None, cwd: str | None = None) -> None:
        self._context = context
        #: The work tree, and its ``.mvc``, a bare Git repository.
        self.root, self.folder = context.root, context.folder
        self.who = who
        self.cwd = os.path.abspath(cwd or context.root)
        self.progress: Progress | None = None
        context.operations.recover()

    @property
    def head(self) -> CommitId | None:
        """The commit that HEAD names; None before the first one."""
        id_ = self._context.refs.head()
        return None if id_ is None else CommitId(id_)

    @property
    def branch(self) -> str | None:
        """The current branch; None when HEAD is detached."""
        ref = self._context.refs.branch()
        return None if ref is None else ref.removeprefix(BRANCHES)

    def resolve(self, revision: str) -> CommitId:
        """The commit that ``revision`` names (``gitrevisions(7)``); UsageError if none or several."""
        return revisions.resolve(self._context, revision)

    def read_commit(self, revision: str = "HEAD") -> Commit:
        """The commit that ``revision`` names."""
        return self._context.git.commit(self.resolve(revision))

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
    ) -> Commit:
        """Record the stage as a commit; concludes a merge or revert that waits for it.

        ``amend`` replaces HEAD's commit and keeps its message and author unless others are given.

        Raises:
            UsageError: nothing to commit (``NothingToCommit``), no message, or no author.
            MergeConflict: conflicts are not settled.
        """
        if all:
            self.add(update=True)
        from mvc.merge.concluding import conclude

        id_ = conclude(
            self._context,
            message,
            author=author,
            who=self._signer(),
            amend=amend,
            allow_empty=allow_empty,
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

    def record(self, revision: str = "HEAD") -> Record | None:
        """What made a commit; None for one that another tool made."""
        return commits.record_of(self._context, self.read_commit(revision))

    def log(
        self,
        revisions_: Sequence[str] | str = "HEAD",
        *,
        paths: Sequence[str] = (),
        limit: int | None = None,
        topological: bool = False,
        first_parent: bool = False,
        all: bool = False,
    ) -> Iterator[Commit]:
        """Commits, newest first; ``revisions_`` may hold ``A..B``, ``A...B`` and ``^A``."""
        texts = [revisions_] if isinstance(revisions_, str) else list(revisions_) or ["HEAD"]
        chosen = revisions.all_ends if all else revisions.parse_range
        return log.walk(
            self._context,
            chosen(self._context, texts),
            paths=self._inside(paths),
            limit=limit,
            topological=topological,
            first_parent=first_parent,
        )

    def reflog(self, ref: str = "HEAD") -> list[Move]:
        """Where ``ref`` has been, newest first."""
        return branches.moves_of(self._context, ref)

    def operations(self) -> Iterator[Operation]:
        """The operation log, newest first."""
        return self._context.operations.walk()

    def undo(self) -> Operation:
        """Take back the last operation: refs, stage, and the work tree where it had moved it.

        UsageError if there is nothing to undo, DirtyWorktree if unsaved work is in the way.
        """
        from mvc.worktree.returning import undo

        return undo(self._context, self._now)

    def restore_operation(self, id_: str) -> Operation:
        """Refs, stage and work tree as they were after an operation; ``@{n}`` counts back."""
        from mvc.worktree.returning import restore_operation

        return restore_operation(self._context, id_, self._now)

    def snapshot(self, revision: str = "HEAD") -> Snapshot:
        """The tracked files of a commit."""
        return log.snapshot(self._context, self.resolve(revision))

    def staged(self) -> Snapshot:
        """The files on the stage."""
        return read_stage(self._context)

    def unfinished(self) -> Unfinished | None:
        """The merge or revert that waits for a decision."""
        return read_unfinished(self._context)

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

        commit = revision if isinstance(revision, Commit) else self.read_commit(revision)
        names, hear = self._inside(paths), self.progress
        return compare_commit(self._context, commit, names, numeric=numeric, progress=hear)

    def inspect(self, path: str, revision: str | None = None) -> Inspection:
        """A look into a file or sharded model: of the work tree, the stage (``""``) or a commit."""
        from mvc.inspecting import Inspection

        return Inspection(self._context, self._inside([path])[0], revision, self.progress)

    def search(
        self,
        pattern: str,
        revision: str | None = None,
        *,
        paths: Sequence[str] = (),
        ignore_case: bool = False,
        invert: bool = False,
    ) -> Iterator[Found]:
        """Tensors whose name a regular expression matches: of the work tree, the stage or a commit."""
        from mvc.searching import search

        inside_ = self._inside(paths)
        return search(
            self._context, pattern, revision, paths=inside_, ignore_case=ignore_case, invert=invert
        )

    def load(
        self, revision: str = "HEAD", path: str | None = None, *, framework: str = "np"
    ) -> LazyTensors:
        """The tensors of a commit as a mapping; each is decoded when it is first used.

        ``framework`` is ``np`` or ``pt``, as in safetensors. Names are the tensors' own; with several
        models in the commit ``path`` must say which file or sharded model.

        Raises:
            UsageError: ``path`` is needed, or names no model.
        """
        from mvc.history.loading import load

        return load(self._context, self.snapshot(revision), path, framework)

    def read_file(self, path: str, revision: str = "HEAD") -> Iterator[memoryview]:
        """The bytes of a tracked file (``""``: on the stage), in pieces; valid until the next is asked for."""
        from mvc.history.files import chunks

        return chunks(self._context, self.snapshot(revision) if revision else self.staged(), path)

    @property
    def branches(self) -> Branches:
        """Every branch with its commit, as a mapping; also makes, renames and deletes them."""
        from mvc.naming import Branches

        return Branches(self._context, lambda: self._now)

    @property
    def tags(self) -> Tags:
        """Every tag with the object it names, as a mapping; also makes and deletes them."""
        from mvc.naming import Tags

        return Tags(self._context, lambda: self._now)

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

    def merge(
        self,
        other: str,
        *,
        message: str | None = None,
        fast_forward: str = "allow",
        strategy: str | None = None,
        author: Signature | None = None,
    ) -> Outcome:
        """Merge a revision into HEAD; ``fast_forward`` is ``allow``, ``never`` or ``only``.

        MergeConflict if both sides changed a tensor or text; ``status`` lists what waits.
        """
        from mvc.merge import merging

        return merging.merge(
            self._context,
            other,
            message=message,
            fast_forward=fast_forward,
            strategy=strategy,
            author=author,
            who=self._signer(),
            progress=self.progress,
        )

    def revert(
        self,
        revision: str,
        *,
        mainline: int | None = None,
        strategy: str | None = None,
        message: str | None = None,
        author: Signature | None = None,
    ) -> Outcome:
        """Commit what takes back ``revision``; MergeConflict if later commits changed the same."""
        from mvc.merge import reverting

        return reverting.revert(
            self._context,
            revision,
            mainline=mainline,
            strategy=strategy,
            message=message,
            author=author,
            who=self._signer(),
            progress=self.progress,
        )

    def resolve_conflicts(self, paths: Sequence[str], strategy: str) -> list[str]:
        """Settle conflicts of the unfinished merge with ``ours``, ``theirs``, ``base`` or ``average``."""
        from mvc.merge import merging

        return merging.resolve(self._context, self._inside(paths), strategy, who=self._now)

    def abort(self, kind: str = "merge") -> None:
        """Give up the unfinished merge or revert; everything is as it was before."""
        from mvc.merge import merging

        merging.abort(self._context, kind, who=self._now)

    @property
    def upkeep(self) -> Upkeep:
        """Checking, repairing and tidying the repository itself."""
        from mvc.upkeep import Upkeep

        return Upkeep(self._context, who=self._now, progress=self.progress)

    @property
    def stash(self) -> Stash:
        """Unfinished work put aside."""
        from mvc.stashing import Stash

        return Stash(self._context, cwd=self.cwd, who=self._now, progress=self.progress)

    @property
    def config(self) -> Settings:
        """The options of ``.mvc/config``."""
        from mvc.history.config import Settings

        return Settings(os.path.join(self.folder, "config"), self._context.disk)

    def _inside(self, paths: Sequence[str]) -> list[str]:
        # A string is a sequence of its letters.
        paths = [paths] if isinstance(paths, str) else paths
        return [inside(self.root, path, self.cwd) for path in paths]

    @property
    def _now(self) -> Signature | None:
        who = self.who() if callable(self.who) else self.who
        return Signature.now(*who) if isinstance(who, tuple) else who

    def _signer(self) -> Signature:
        return known(self._now)
