"""The base of a merge; of a criss-cross history, a virtual one, as Git's recursive merge has it.

Several best common ancestors are merged with each other, their conflicts going back to *their* base.
"""

from __future__ import annotations

from mvc.history import log
from mvc.history.context import Context
from mvc.history.gitobjects import ObjectWriter
from mvc.history.snapshot import Snapshot
from mvc.ids import CommitId
from mvc.merge.three_way import merge_commits

#: Criss-crosses inside criss-crosses that are followed; below, the first base stands for all.
_DEPTH = 8


def merge_base(
    context: Context, objects: ObjectWriter, ours: CommitId, theirs: CommitId
) -> Snapshot | None:
    """What both sides began from; None for unrelated histories.

    A virtual base is written (into ``objects``, flushed, and the store), though nothing names it afterwards.
    """
    return _merge_base(context, objects, ours, theirs, _DEPTH)


def _merge_base(
    context: Context, objects: ObjectWriter, ours: CommitId, theirs: CommitId, depth: int
) -> Snapshot | None:
    # By age, then id: the same base whatever the order of the sides.
    bases = sorted(
        context.git.merge_bases(ours, theirs),
        key=lambda id_: (context.git.commit(id_).committer.time, id_),
    )
    if not bases:
        return None
    virtual = log.snapshot(context, bases[0])
    if depth:
        for other in bases[1:]:
            below = _merge_base(context, objects, bases[0], other, depth - 1)
            side = log.snapshot(context, other)
            merged = merge_commits(context, objects, below, virtual, side, strategy="base")
            objects.flush()  # the next merge reads its blobs
            virtual = Snapshot(context.git, merged.files)
    return virtual
