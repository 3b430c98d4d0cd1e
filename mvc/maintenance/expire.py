"""``expire``: let the weights of chosen commits go, and keep their history.

It writes tombstones, as one operation; the bytes go with the next ``gc`` that nothing else keeps them from: no
kept commit, no branch or tag, no stash, no stage, no entry of a log within its age.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mvc.history import expired, horizon, retention
from mvc.history.context import Context, writes_objects
from mvc.history.expired import EXPIRED, Tombstone
from mvc.history.refs import BRANCHES, STAGE, TAGS
from mvc.history.retention import Rules
from mvc.history.signature import Signature
from mvc.history.transaction import transaction
from mvc.ids import CommitId
from mvc.maintenance.reachability import Reach
from mvc.values import dataclass

__all__ = ["Expired", "Rules", "expire"]


@dataclass(frozen=True, slots=True)
class Expired:
    """``commits``: newest first. ``bytes`` are needed by them alone, and free once ``gc`` may take them."""

    commits: tuple[Tombstone, ...]
    bytes: int


@writes_objects
def expire(
    context: Context,
    asked: Sequence[str],
    rules: Rules,
    *,
    force: bool,
    who: Signature | None,
    dry_run: bool,
) -> Expired:
    """Write tombstones for what ``retention.choose`` gives.

    Raises:
        UsageError: nothing says which commits, or one that is in use was named without ``force``.
        IntegrityError: something is missing or damaged; nothing has changed.
    """
    with transaction(context, "expire", who) as current:
        chosen = retention.choose(context, asked, rules, force=force)
        rule = str(rules) or "name"
        found = {
            one.commit: Tombstone(one.commit, current.who.time, rule, one.forced) for one in chosen
        }
        old = expired.read(context, EXPIRED)
        size = _needed(context, old) - _needed(context, {**old, **found}) if found else 0
        if found and not dry_run:
            current.message = f"expire: weights of {len(found)} commit{'s' * (len(found) > 1)}"
            current.move(EXPIRED, expired.write(current.objects, {**old, **found}, current.who))
    return Expired(tuple(found.values()), size)


def follow_refs(reach: Reach, context: Context, roots: Iterable[str]) -> None:
    """Follow ``roots``, and what unfinished work needs; of commits expired by force, that branches and tags
    name, without the weights."""
    forced = {one.commit for one in expired.read(context, EXPIRED).values() if one.forced}
    plain = set(_plain(context))
    given = list(roots)
    reach.follow((id_ for id_ in given if id_ in plain), spared=forced)
    reach.follow(id_ for id_ in given if id_ not in plain)
    reach.follow(retention.unfinished(context))


def _plain(context: Context) -> Iterator[str]:
    refs = context.refs
    head = refs.head()
    yield from [head] if head else ()
    for prefix in (BRANCHES, TAGS):
        yield from refs.list(prefix).values()


def _needed(context: Context, tombstones: dict[CommitId, Tombstone]) -> int:
    """Stored bytes of what refs, the stage and unfinished work need if those are expired."""
    gone = expired.read(context, expired.GONE)
    reach = Reach(context, horizon.ends(context.folder), {*tombstones, *gone})
    forced = {one.commit for one in tombstones.values() if one.forced}
    stage = context.refs.raw(STAGE)
    reach.follow(_plain(context), spared=forced)
    reach.follow([*([stage] if stage else []), *retention.unfinished(context)])
    reach.forgive(gone)
    return context.store.needed(reach.store)
