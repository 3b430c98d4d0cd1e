"""``stash push``: unfinished work put aside, and the work tree as HEAD has it.

Owns the step from the user's files to a stash commit. The order is what makes it safe: the files are in the
store and the stash is recorded, durably, before the first of them goes from the work tree; so at no moment the
work is in neither place. A crash in between leaves it in both, and applying the stash then finds it done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mvc.errors import RefConflict, UsageError
from mvc.history import revisions
from mvc.history.context import Context, writes_objects
from mvc.history.gitobjects import ObjectWriter
from mvc.history.log import matches
from mvc.history.manifest import BYTES
from mvc.history.refs import BRANCHES, STAGE, STASHES, UNFINISHED
from mvc.history.signature import NOBODY, Signature
from mvc.history.snapshot import Snapshot
from mvc.history.stashes import Stashed
from mvc.history.transaction import head_snapshot, read_stage, transaction
from mvc.history.undecided import undecided
from mvc.history.unfinished import conflicted_paths
from mvc.ids import BlobId, CommitId
from mvc.values import dataclass
from mvc.worktree import index
from mvc.worktree.checkout import prepared
from mvc.worktree.compare import Comparison
from mvc.worktree.ingest import Progress, take_in
from mvc.worktree.loose import loose
from mvc.worktree.stash import entries, put_entries

#: Which files that nobody tracks are put aside: none, those that are not ignored, or ignored ones, too.
Untracked = Literal["no", "yes", "all"]
_Changes = dict[str, tuple[int, BlobId] | None]


@writes_objects
def push(
    context: Context,
    *,
    message: str | None,
    paths: Sequence[str],
    untracked: Untracked,
    keep_index: bool,
    who: Signature | None,
    progress: Progress | None,
) -> Stashed | None:
    """Put what differs from HEAD aside; None when nothing does.

    With ``paths`` only what they mean: unlike Git's, the stash then holds nothing else. ``keep_index`` leaves
    in the work tree what is on the stage.

    Raises:
        UsageError: there is no commit yet, a merge is unfinished, or a path means nothing.
        DirtyWorktree: an untracked file is where one of HEAD's must come back; nothing has changed.
        RefConflict: another command ran meanwhile; nothing has changed.
    """
    _refuse(context)
    start = _state(context)
    who = who or Signature.now(*NOBODY)
    objects = context.writer()
    work = _look_at(context, objects, list(paths) or [""], untracked, progress)
    if work.is_nothing:
        return None
    head = CommitId(context.refs.head() or "")
    entry = _commit(context, objects, work, head, message, who)
    objects.flush()
    there = _only(context, {**work.of(work.files), **work.untracked})
    left = _only(context, work.of(work.stage if keep_index else work.head))
    with (
        prepared(context, there, left, progress=progress) as files,
        transaction(context, "stash", who) as current,
    ):
        if _state(context) != start:
            raise RefConflict(
                "HEAD, the stage or the stash moved meanwhile; nothing has changed",
                hint="run the same command again",
            )
        files.check()
        put_entries(current, [entry, *entries(context)])
        if not keep_index:
            current.put_stage(work.stage.with_files(work.of(work.head)))
        current.move_files(there, left)
        current.message = f"stash: {entry.message}"
        current.finish()
        files.put_in_place()
    index.refresh(context)
    return entry


@dataclass(frozen=True, slots=True)
class _Work:
    """What is put aside: ``paths``, tracked ones as ``files`` has them, and all of ``untracked``."""

    paths: tuple[str, ...]
    head: Snapshot
    stage: Snapshot
    files: Snapshot
    untracked: Snapshot

    def of(self, side: Snapshot) -> _Changes:
        """``paths`` as they are on one side."""
        return {path: side.get(path) for path in self.paths}

    @property
    def is_nothing(self) -> bool:
        head = self.of(self.head)
        return self.of(self.stage) == head == self.of(self.files) and not self.untracked


def _only(context: Context, files: _Changes) -> Snapshot:
    return Snapshot(context.git, {path: entry for path, entry in files.items() if entry})


def _refuse(context: Context) -> None:
    if context.refs.head() is None:
        raise UsageError("you do not have the initial commit yet", hint="mvc commit")
    if context.refs.raw(UNFINISHED) is not None:
        waiting = [f"{path}: needs merge" for path in conflicted_paths(context)]
        raise UsageError(
            "\n".join([*waiting, "cannot stash while a merge is unfinished"]),
            hint="mvc status shows what waits; a stash can't hold both sides of a merge",
        )


def _state(context: Context) -> list[str | None]:
    refs = ("HEAD", STAGE, STASHES, UNFINISHED)
    return [context.refs.head(), *(context.refs.raw(ref) for ref in refs)]


def _look_at(
    context: Context,
    objects: ObjectWriter,
    patterns: Sequence[str],
    untracked: Untracked,
    progress: Progress | None,
) -> _Work:
    head, stage = head_snapshot(context), read_stage(context)
    # A file that is off the stage but still there would come back from HEAD: it is work, too.
    known = Snapshot(context.git, {**head, **stage})
    extra = [] if untracked == "no" else loose(context.root, known, ignored=untracked == "all")
    paths = tuple(path for path in known if matches(path, patterns))
    extra = [path for path in extra if matches(path, patterns)]
    for pattern in patterns:
        if pattern and not any(matches(path, [pattern]) for path in (*paths, *extra)):
            raise UsageError(
                f"pathspec '{pattern}' did not match any file(s) known to mvc",
                hint="did you forget to 'mvc add'? -u takes untracked files, too",
            )
    modified, gone = _differing(context, known, paths)
    opaque = [p for p in modified if (m := known.manifest(p)) is not None and m.format == BYTES]
    taken = take_in(
        context,
        objects,
        [*modified, *extra],
        opaque=frozenset(opaque),
        lenient=True,
        undecided=undecided(context, known),
        progress=progress,
    ).files
    files = dict.fromkeys(gone) | {path: taken[path] for path in modified}
    return _Work(
        paths,
        head,
        stage,
        known.with_files(files),
        Snapshot(context.git, {path: taken[path] for path in extra}),
    )


def _differing(
    context: Context, known: Snapshot, paths: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Those of ``paths`` with other content or mode on disk, and those that are gone.

    Raises:
        UsageError: something that can't be kept has taken a file's place.
    """
    comparison = Comparison(context)
    modified, gone = [], []
    for path in paths:
        state = comparison.state(known, path)
        if state == "typechange":
            raise UsageError(
                f"{path} is no regular file any more and can't be stashed",
                hint=f"move it away, or mvc restore {path}",
            )
        if state == "modified":
            modified.append(path)
        elif state == "deleted":
            gone.append(path)
    comparison.remember()
    return modified, gone


def _commit(
    context: Context,
    objects: ObjectWriter,
    work: _Work,
    head: CommitId,
    message: str | None,
    who: Signature,
) -> Stashed:
    """The stash commit, in Git's form and words."""
    branch = (context.refs.branch() or "(no branch)").removeprefix(BRANCHES)
    where = f"{branch}: {revisions.shorten(head)} {context.git.commit(head).subject}"
    text = f"On {branch}: {message}" if message else f"WIP on {where}"

    def commit(files: Snapshot, parents: list[CommitId], words: str) -> CommitId:
        return objects.commit(objects.files(dict(files)), parents, who, who, f"{words}\n")

    parents = [head]
    parents.append(commit(work.head.with_files(work.of(work.stage)), [head], f"index on {where}"))
    if work.untracked:
        parents.append(commit(work.untracked, [], f"untracked files on {where}"))
    id_ = commit(work.head.with_files(work.of(work.files)), parents, text)
    return Stashed(id_, who, " ".join(text.split()))
