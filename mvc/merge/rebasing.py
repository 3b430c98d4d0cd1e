"""``rebase``: the commits that a branch has and its upstream lacks, made again on top of another place.

All of it is reckoned before anything moves: stage, files, HEAD and the branch follow in one operation, at the
end or at the commit that stops. While one waits HEAD is detached, as in Git, and the branch is where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, replace

from mvc.errors import MergeConflict, RefConflict, UsageError
from mvc.history import log, revisions
from mvc.history.commits import first_line, write_commit
from mvc.history.context import Context, writes_objects
from mvc.history.git import Commit
from mvc.history.record import without_trailer
from mvc.history.refs import BRANCHES, STAGE, UNFINISHED
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import Transaction, head_snapshot, read_stage, transaction
from mvc.history.unfinished import (
    Sequel,
    Unfinished,
    conflicted_paths,
    read_unfinished,
    write_unfinished,
)
from mvc.ids import CommitId
from mvc.merge import strategies
from mvc.merge.abandoning import give_up
from mvc.merge.accounting import accounted
from mvc.merge.bringing import label_of
from mvc.merge.concluding import plan_of
from mvc.merge.conflicts import announce
from mvc.merge.equivalents import repeated
from mvc.merge.merging import failed, refuse_unfinished
from mvc.merge.saved import require_made, require_saved, unsaved
from mvc.merge.three_way import Merged, merge_commits
from mvc.values import dataclass
from mvc.worktree import index
from mvc.worktree.checkout import prepared
from mvc.worktree.ingest import Progress

#: Called with a sentence about a commit that is left out.
Said = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rebased:
    """``home`` is the branch that was rebased, or ``HEAD``; ``moved``: whether there was anything to do."""

    home: str
    moved: bool
    commit: CommitId


@writes_objects
def rebase(
    context: Context,
    upstream: str,
    branch: str | None,
    *,
    onto: str | None,
    strategy: str | None,
    who: Signature,
    progress: Progress | None,
    said: Said,
) -> Rebased:
    """Make the commits of ``branch`` (HEAD's) that ``upstream`` lacks again on top of ``onto`` (``upstream``).

    Merges are left out, and commits of which ``upstream`` has the change.

    Raises:
        UsageError: a revision is not there, something is unfinished, or work is not committed.
        MergeConflict: a commit does not fit; it waits for ``go_on``, ``skip`` or ``abort``.
    """
    refuse_unfinished(context)
    if strategy is not None:
        strategies.named(strategy)
    base = _resolved(context, upstream, f"invalid upstream '{upstream}'")
    home, tip = _branch(context, branch)
    name = onto if onto is not None else upstream
    target = _resolved(context, name, f"Does not point to a valid commit '{name}'")
    left = require_saved(context)
    if _is_up_to_date(context, base, target, tip):
        if left:
            raise unsaved("You have unstaged changes.")
        _go_home(context, home, tip, branch, who, progress)
        return Rebased(home, False, tip)
    picks = _to_do(context, base, tip, said)
    start = target
    while picks and context.git.commit(picks[0]).parents == (start,):
        start, picks = picks[0], picks[1:]
    sequel = Sequel(tip, picks, onto=target, home=home)
    origin = context.refs.head()
    files = log.snapshot(context, start)
    draft = _Draft(context, start, files, strategy, who, progress, said, left)
    draft.trail.append((str(origin), start, f"rebase (start): checkout {name}"))
    return draft.replay(sequel)


@writes_objects
def go_on(context: Context, *, who: Signature, progress: Progress | None, said: Said) -> Rebased:
    """Conclude the commit that waits, then do the rest; settled into nothing, it is left out as in Git.

    Raises:
        UsageError: no rebase waits, or work is not on the stage.
        MergeConflict: conflicts are not settled, or the next commit met one.
    """
    waiting, sequel = _waiting(context)
    if conflicted_paths(context):
        raise MergeConflict(
            "You must edit all merge conflicts and then mark them as resolved using mvc add",
            hint="mvc checkout --ours|--theirs PATH, or mvc add PATH once it is as you want it",
        )
    left = require_saved(context, staged=not waiting.between)
    head = revisions.resolve(context, "HEAD")
    stage, before = read_stage(context), head_snapshot(context)
    draft = _Draft(context, head, before, waiting.strategy, who, progress, said, left)
    if dict(stage) != dict(before):
        draft.commit(waiting, stage, f"rebase (continue): {first_line(waiting.message)}")
    return draft.replay(sequel)


@writes_objects
def skip(context: Context, *, who: Signature, progress: Progress | None, said: Said) -> Rebased:
    """Leave out the commit that waits, then do the rest.

    Raises:
        UsageError: no rebase waits.
        DirtyWorktree: a file without a conflict holds unsaved work.
        MergeConflict: the next commit met a conflict.
    """
    waiting, sequel = _waiting(context)
    give_up(context, waiting, sequel, who=who)
    head = revisions.resolve(context, "HEAD")
    files = log.snapshot(context, head)
    draft = _Draft(context, head, files, waiting.strategy, who, progress, said)
    return draft.replay(sequel)


@dataclass(slots=True)
class _Draft:
    """Commits made on top of ``head``, of which no ref says anything yet."""

    context: Context
    head: CommitId
    files: Snapshot
    strategy: str | None
    who: Signature
    progress: Progress | None
    said: Said
    #: Files that may be left of a rebase that was cut off.
    left: tuple[str, ...] = ()
    trail: list[tuple[str, str, str]] = field(default_factory=list)

    def replay(self, sequel: Sequel) -> Rebased:
        """Make all that is to do, then move there; or to the last one before a conflict, which waits."""
        held = self.context.refs.raw("HEAD"), self.context.refs.raw(STAGE)
        for position, id_ in enumerate(sequel.rest):
            commit = self.context.git.commit(id_)
            plan = Unfinished(
                kind="rebase",
                onto=self.head,
                theirs=id_,
                message=without_trailer(commit.message),
                operation="rebase",
                strategy=self.strategy,
                sequel=replace(sequel, rest=sequel.rest[position + 1 :]),
            )
            merged = self._merged(commit)
            if merged.conflicted:
                self._move(held, plan, merged)
                raise MergeConflict(
                    "\n".join(
                        [
                            *announce(merged, ("HEAD", label_of(commit))),
                            failed(self.context, plan),
                        ]
                    ),
                    hint="mvc status lists them; mvc checkout --ours|--theirs PATH, then mvc rebase "
                    "--continue; or mvc rebase --skip, or mvc rebase --abort",
                )
            self._take(plan, commit, Snapshot(self.context.git, merged.files))
        return self._finish(held, sequel)

    def commit(self, plan: Unfinished, files: Snapshot, message: str) -> None:
        """One more commit, of ``files``."""
        commit = self.context.git.commit(plan.theirs)
        taken = None
        if not message.startswith("rebase (continue)"):
            taken = accounted(self.files, files, log.snapshot(self.context, plan.theirs))
        writer = Transaction(self.context, "rebase", self.who)
        told = plan_of(plan, commit.author, self.who, taken)
        made = write_commit(writer, files, [self.head], told)
        writer.objects.flush()
        self.trail.append((self.head, made, message))
        self.head, self.files = made, files

    def _take(self, plan: Unfinished, commit: Commit, files: Snapshot) -> None:
        """Commit what became of ``commit``, unless nothing did though it had changed something."""
        own = log.parent_snapshot(self.context, commit)
        empty = dict(own) == dict(log.snapshot(self.context, commit.id))
        if dict(files) == dict(self.files) and not empty:
            self.said(f"dropping {commit.id} {commit.subject} -- patch contents already upstream")
            return
        self.commit(plan, files, f"rebase (pick): {commit.subject}")

    def _merged(self, commit: Commit) -> Merged:
        objects = self.context.writer()
        merged = merge_commits(
            self.context,
            objects,
            log.parent_snapshot(self.context, commit),
            self.files,
            log.snapshot(self.context, commit.id),
            strategy=self.strategy,
            labels=("HEAD", label_of(commit)),
            progress=self.progress,
        )
        objects.flush()
        return merged

    def _move(self, held: tuple[str | None, ...], plan: Unfinished, merged: Merged | None) -> None:
        """HEAD, stage and files to what was made; ``plan`` waits there, or goes home when nothing is left."""
        result = self.files if merged is None else Snapshot(self.context.git, merged.files)
        sequel = plan.sequel
        assert sequel is not None and sequel.home is not None and sequel.onto is not None
        before = read_stage(self.context)
        require_made(self.context, result, self.left)
        with (
            prepared(self.context, before, result, progress=self.progress) as files,
            transaction(self.context, "rebase", self.who) as current,
        ):
            if (self.context.refs.raw("HEAD"), self.context.refs.raw(STAGE)) != held:
                raise RefConflict(
                    "HEAD or the stage moved while the rebase ran; nothing has changed",
                    hint="run the same command again",
                )
            if merged is not None:
                current.move("HEAD", self.head)
                write_unfinished(current, replace(plan, conflicts=merged.conflicts))
                current.message = f"rebase: stopped at {revisions.shorten(plan.theirs)}"
            else:
                self._arrive(current, sequel.home, sequel.onto, sequel.start)
            current.trail = self.trail
            current.put_stage(result)
            current.worktree = True
            files.put_in_place()
        index.refresh(self.context)

    def _arrive(self, current: Transaction, home: str, onto: CommitId, start: CommitId) -> None:
        if home == "HEAD":
            current.move("HEAD", self.head)
        else:
            if self.context.refs.raw(home) != start:
                raise RefConflict(
                    f"{home} moved while it was rebased; nothing has changed",
                    hint="mvc rebase --abort goes back to where it was",
                )
            # In this order, so that an undo takes the branch back before HEAD leaves it.
            current.move("HEAD", f"ref: {home}")
            current.move(home, self.head, f"rebase (finish): {home} onto {onto}")
            self.trail.append((self.head, self.head, f"rebase (finish): returning to {home}"))
        current.move(UNFINISHED, None)
        current.message = f"rebase (finish): {home} onto {onto}"

    def _finish(self, held: tuple[str | None, ...], sequel: Sequel) -> Rebased:
        done = Unfinished("rebase", self.head, self.head, "", "rebase", sequel=sequel)
        self._move(held, done, None)
        assert sequel.home is not None
        return Rebased(sequel.home, True, self.head)


def _waiting(context: Context) -> tuple[Unfinished, Sequel]:
    waiting = read_unfinished(context)
    if waiting is None or waiting.kind != "rebase" or waiting.sequel is None:
        raise UsageError("No rebase in progress?", hint="mvc rebase UPSTREAM")
    return waiting, waiting.sequel


def _resolved(context: Context, text: str, complaint: str) -> CommitId:
    found = revisions.try_resolve(context, text)
    if found is None:
        raise UsageError(complaint, hint="mvc branch lists the branches")
    return found


def _branch(context: Context, branch: str | None) -> tuple[str, CommitId]:
    """Where the rebase ends, a branch or ``HEAD``, and the commit that is there."""
    if branch is None:
        return context.refs.branch() or "HEAD", revisions.resolve(context, "HEAD")
    tip = _resolved(context, branch, f"no such branch/commit '{branch}'")
    there = context.refs.raw(BRANCHES + branch) is not None
    return BRANCHES + branch if there else "HEAD", tip


def _is_up_to_date(context: Context, base: CommitId, target: CommitId, tip: CommitId) -> bool:
    """Whether the branch already is a line on top of where it shall go."""
    git = context.git
    if git.merge_bases(target, tip) != [target] or git.merge_bases(base, tip) != [target]:
        return False
    between = git.walk([tip], [target])
    return all(len(git.commit(id_).parents) < 2 for id_ in between)


def _go_home(
    context: Context,
    home: str,
    tip: CommitId,
    branch: str | None,
    who: Signature,
    progress: Progress | None,
) -> None:
    """Switch to the branch that was named and has nothing to be rebased."""
    head = tip if home == "HEAD" else f"ref: {home}"
    if branch is None or context.refs.raw("HEAD") == head:
        return
    new = log.snapshot(context, tip)
    with (
        prepared(context, read_stage(context), new, progress=progress) as files,
        transaction(context, "rebase", who) as current,
    ):
        current.move("HEAD", head, f"rebase: checkout {branch}")
        current.put_stage(new)
        current.worktree = True
        current.message = f"rebase: checkout {branch}"
        files.put_in_place()
    index.refresh(context)


def _to_do(context: Context, base: CommitId, tip: CommitId, said: Said) -> tuple[CommitId, ...]:
    """What ``tip`` has and ``base`` lacks, the oldest first, without merges and repetitions."""
    git = context.git
    mine = [*git.walk([tip], [base], topological=True)]
    mine = [id_ for id_ in reversed(mine) if len(git.commit(id_).parents) < 2]
    again = repeated(context, mine, [*git.walk([base], [tip])])
    for id_ in mine:
        if id_ in again:
            said(f"warning: skipped previously applied commit {revisions.shorten(id_)}")
    return tuple(id_ for id_ in mine if id_ not in again)
