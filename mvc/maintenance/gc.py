"""``gc``: what nothing can reach any more goes, and what stays is put together.

It removes nothing that a ref, HEAD, a reflog, an operation that is not forgotten, the stage, a stash or an
unfinished merge reaches, nor what is younger than the grace period; and nothing at all when there is a doubt:
whatever can't be read, or is missing, ends it before the first removal. Every writer is held off meanwhile;
readers are not, and find what they look for in its old place for as long as the grace period lasts.

Order: expired logs are cut; the Git side; the store; leftovers. A name goes before what it names, and every
step leaves a whole repository.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from mvc.errors import UsageError
from mvc.history import expired, packs
from mvc.history.config import Settings
from mvc.history.context import Context
from mvc.history.expired import Tombstone
from mvc.history.moments import moment
from mvc.history.refs import is_id
from mvc.history.signature import NOBODY, Signature
from mvc.history.unfinished import read_unfinished
from mvc.ids import CommitId
from mvc.maintenance import expiry, leftovers
from mvc.maintenance.expire import follow_refs
from mvc.maintenance.packing import Packing
from mvc.maintenance.reachability import Reach
from mvc.maintenance.repack import Repacked, repack
from mvc.values import dataclass

#: Git's own defaults: for what nothing reaches, and for what only the logs reach.
GRACE = "2.weeks.ago"
MEMORY = "90.days.ago"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did, or, with ``dry_run``, would do. Sizes are in bytes.

    ``operations`` and ``moves``: entries of the operation log and of reflogs that were forgotten. ``objects``
    and ``git_objects``: those of the store and of Git that are gone; ``kept`` and ``git_kept``: those that
    nothing reaches and that are too young to go, or named by such. ``freed``: what the packs of the store,
    loose garbage and leftovers took, less the new pack. ``packed``: loose Git objects that are now in a pack;
    ``git_before`` and ``git_after``: what they and the packs they replace took, and what the new pack takes
    (unknown, None, before it is written). ``gathered``: packs of the store that became one, ``indexes`` the
    indexes that did. ``waiting`` bytes are kept for the grace period, until the time ``until`` (seconds since
    1970; infinite when nothing is to go). ``repacked``: what an aggressive collection wrote over other bases.
    ``repacked``: what an aggressive one wrote over other bases.
    """

    dry_run: bool
    operations: int
    moves: int
    objects: int
    git_objects: int
    kept: int
    git_kept: int
    freed: int
    packed: int
    git_before: int
    git_after: int | None
    gathered: int
    indexes: int
    leftovers: int
    waiting: int
    until: float
    repacked: Repacked | None = None


def gc(
    context: Context,
    *,
    prune: str | None = None,
    expire: str | None = None,
    aggressive: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Collected:
    """Collect garbage. ``prune``: how old it must be; ``expire``: how old what the logs may forget.

    Both are dates as Git takes them (``2.weeks.ago``, ``now``, ``never``); those left out come from the
    options ``mvc.pruneExpire`` and ``mvc.reflogExpire``, else they are two weeks and ninety days.
    ``aggressive`` collects, repacks, and collects what that left over.

    Raises:
        UsageError: a date is not understood, or Git's own tools keep things here that can't be counted.
        Locked: somebody is writing.
        IntegrityError: something is missing or damaged; nothing was removed.
    """
    if not aggressive:
        return collect(context, prune=prune, expire=expire, dry_run=dry_run, progress=progress)
    if dry_run:
        done = collect(context, prune=prune, expire=expire, dry_run=True)
        return replace(done, repacked=repack(context, dry_run=True, progress=progress))
    # First, so that garbage holds nothing where it is: what stands on an object keeps it from going deeper.
    first = collect(context, prune=prune, expire=expire, progress=progress)
    repacked = repack(context, progress=progress)
    done = collect(context, prune=prune, expire=expire, dense=True, progress=progress)
    before, after = first.git_before + done.git_before, (first.git_after, done.git_after)
    return replace(
        done,
        operations=first.operations + done.operations,
        moves=first.moves + done.moves,
        objects=first.objects + done.objects,
        git_objects=first.git_objects + done.git_objects,
        freed=first.freed + done.freed - repacked.after,
        packed=first.packed + done.packed,
        git_before=before,
        git_after=next((size for size in after if size is not None), None),
        gathered=first.gathered + done.gathered,
        indexes=first.indexes + done.indexes,
        leftovers=first.leftovers + done.leftovers,
        repacked=repacked,
    )


def collect(
    context: Context,
    *,
    prune: str | None = None,
    expire: str | None = None,
    dense: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Collected:
    """The same without a repack. ``dense``: copy packs of the store even for little garbage."""
    now = time.time()
    before, memory = _dates(context, prune, expire, now)
    with context.collecting():
        forgetting = expiry.plan(context, memory)
        tombstones = expired.tombstones(context)
        reach = Reach(context, forgetting.horizon, tombstones)
        follow_refs(reach, context, _roots(context, forgetting))
        reach.follow(forgetting.roots)
        reach.follow(forgetting.doubtful, strict=False)
        reached = len(reach.store), len(reach.git)
        grace = max(now - before, 0.0)
        git = Packing(context, reach, before=before, now=now, grace=grace)
        gone = expired.read(context, expired.GONE)
        reach.forgive(gone)
        kept, git_kept = len(reach.store) - reached[0], len(reach.git) - reached[1]
        store = context.store.compaction(
            reach.store, before=before, now=now, grace=grace, dense=dense
        )
        forsaken = list(leftovers.find(context.folder, now))
        after = None
        if not dry_run:
            context.note_collection()
            forgetting.carry_out(context)
            _settle(context)
            there = {i: one for i, one in tombstones.items() if bytes.fromhex(i) in reach.git}
            going = _going(context, there, gone, store.lost())
            after = git.carry_out()
            # Not sooner: what the list needs may have lain there as garbage, and have gone with it.
            _remember_gone(context, gone, going)
            store.carry_out(_copying(progress))
            packs.clear(os.path.join(context.folder, "tmp", "packing"), context.disk)
            for path, _ in forsaken:
                context.disk.remove(path)
    waiting = git.plan.waiting + store.plan.waiting
    return Collected(
        dry_run=dry_run,
        operations=forgetting.operations,
        moves=forgetting.moves,
        objects=store.plan.objects,
        git_objects=git.plan.objects,
        kept=kept,
        git_kept=git_kept,
        freed=store.plan.freed
        - store.plan.written
        + git.plan.freed
        + sum(size for _, size in forsaken),
        packed=len(git.plan.packed),
        git_before=git.plan.replaced,
        git_after=after,
        gathered=len(store.plan.gathered),
        indexes=store.plan.indexes,
        leftovers=len(forsaken),
        waiting=waiting,
        until=max(git.plan.until, store.plan.until) if waiting else 0.0,
    )


def _settle(context: Context) -> None:
    """Make names durable that others only made visible: a removal must not build on what a power cut undoes.

    A killed command leaves such packs, logs and horizons, and so may this one have.
    """
    logs = [place for place, _, _ in os.walk(os.path.join(context.folder, "logs"))]
    names = ("refs/mvc/kept", "objects/pack", "store/packs", "store/index")
    for place in (
        context.folder,
        *logs,
        *(os.path.join(context.folder, *name.split("/")) for name in names),
    ):
        if os.path.isdir(place):
            context.disk.sync_folder(place)


def _going(
    context: Context,
    tombstones: dict[CommitId, Tombstone],
    gone: dict[CommitId, Tombstone],
    lost: set[bytes],
) -> dict[CommitId, Tombstone]:
    """The tombstones of commits that will lose weights now."""
    return {
        id_: one
        for id_, one in tombstones.items()
        if lost
        and id_ not in gone
        and any(bytes.fromhex(object_id) in lost for object_id in expired.weights(context, id_))
    }


def _remember_gone(
    context: Context, gone: dict[CommitId, Tombstone], going: dict[CommitId, Tombstone]
) -> None:
    """Note, before any of it is removed, whose weights go: from then on no undo brings them back."""
    if going:
        writer = context.writer()
        commit = expired.write(writer, {**gone, **going}, Signature.now(*NOBODY))
        writer.flush()
        assert commit is not None
        context.operations.restore(expired.GONE, commit)


def _dates(
    context: Context, prune: str | None, expire: str | None, now: float
) -> tuple[float, float]:
    options = Settings(os.path.join(context.folder, "config"), context.disk)
    texts = (
        prune or options.get("mvc.pruneExpire") or GRACE,
        expire or options.get("mvc.reflogExpire") or MEMORY,
    )
    before, memory = (moment(text, now) for text in texts)
    return before, memory


def _roots(context: Context, forgetting: expiry.Expiry) -> Iterator[str]:
    _demand_countable(context)
    dropped = set(forgetting.refs)
    head = context.refs.head()
    if head is not None:
        yield head
    yield from (id_ for name, id_ in context.refs.list("refs/").items() if name not in dropped)
    yield from _pseudo_refs(context)
    waiting = read_unfinished(context)
    if waiting is not None:
        if waiting.stage_before is not None:
            yield waiting.stage_before
        for conflict in waiting.conflicts.values():
            sides = (conflict.base, conflict.ours, conflict.theirs)
            yield from (blob for _, blob in filter(None, sides))


def _pseudo_refs(context: Context) -> Iterator[str]:
    """What Git's own tools leave beside HEAD: ORIG_HEAD, MERGE_HEAD and the like."""
    for name in sorted(os.listdir(context.folder)):
        if name.endswith("_HEAD"):
            with open(os.path.join(context.folder, name), "rb") as file:
                first = file.read(40).decode("ascii", "replace")
            if is_id(first) and first in context.git:
                yield first


def _demand_countable(context: Context) -> None:
    """Work trees and an index of Git's own hold on to objects in ways that only Git can read."""
    for name in ("index", "worktrees"):
        path = os.path.join(context.folder, name)
        if os.path.exists(path):
            raise UsageError(
                f"{path} belongs to Git's own tools and may need objects that nothing else names",
                hint="remove it (git worktree remove), then run mvc gc again",
            )


def _copying(progress: Progress | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress("gc", done, total)
