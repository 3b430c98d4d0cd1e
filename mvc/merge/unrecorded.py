"""``revert -n`` and ``cherry-pick -n``: the change goes on the stage and into the files, into no commit."""

from __future__ import annotations

from collections.abc import Sequence

from mvc.errors import MergeConflict, RefConflict
from mvc.history import log
from mvc.history.context import Context, writes_objects
from mvc.history.refs import STAGE
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import read_stage, transaction
from mvc.ids import CommitId
from mvc.merge.bringing import label_of, parent_snapshot
from mvc.merge.conflicts import announce
from mvc.merge.merging import refuse_unfinished
from mvc.merge.sequence import Row, commits_of
from mvc.merge.three_way import merge_commits
from mvc.worktree import index
from mvc.worktree.checkout import prepared
from mvc.worktree.ingest import Progress


@writes_objects
def stage(
    context: Context,
    row: Row,
    texts: Sequence[str],
    *,
    who: Signature | None,
    progress: Progress | None,
) -> tuple[CommitId, ...]:
    """Do to the stage what ``row`` would commit of ``texts``, all or nothing; what is staged already stays.

    Raises:
        UsageError: as ``sequence.begin``.
        MergeConflict: a commit does not fit the stage; nothing has changed.
        DirtyWorktree: a file that must change holds unsaved work.
    """
    refuse_unfinished(context)
    commits = commits_of(context, row, texts)
    held, before = context.refs.raw(STAGE), read_stage(context)
    result = before
    for id_ in commits:
        result = _applied(context, row, id_, result, progress)
    with (
        prepared(context, before, result, progress=progress) as files,
        transaction(context, row.kind, who) as current,
    ):
        if context.refs.raw(STAGE) != held:
            raise RefConflict(
                f"something was staged while the {row.kind} ran; nothing has changed",
                hint="run the same command again",
            )
        current.put_stage(result)
        current.worktree = True
        current.message = f"{row.kind} -n {' '.join(texts)}"
        files.put_in_place()
    index.refresh(context)
    return commits


def _applied(
    context: Context, row: Row, id_: CommitId, ours: Snapshot, progress: Progress | None
) -> Snapshot:
    sides = parent_snapshot(context, id_, row.manner.mainline), log.snapshot(context, id_)
    base, theirs = sides if row.kind == "cherry-pick" else sides[::-1]
    label = label_of(context.git.commit(id_))
    labels = ("HEAD", label if row.kind == "cherry-pick" else f"parent of {label}")
    objects = context.writer()
    merged = merge_commits(
        context,
        objects,
        base,
        ours,
        theirs,
        strategy=row.strategy,
        labels=labels,
        progress=progress,
        only=row.manner.tensors,
    )
    objects.flush()
    if merged.conflicted:
        raise MergeConflict(
            "\n".join([*announce(merged, labels), f"could not apply {label}; nothing has changed"]),
            hint=f"mvc {row.kind} without -n leaves conflicts that can be settled",
        )
    return Snapshot(context.git, merged.files)
