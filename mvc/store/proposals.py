"""What an object may stand on: the versions next to it in each line that it is in, and what looks most like it.

A line is a tensor's versions in the order in which they came. What candidates connect is planned together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mvc.store.bases import Bases
from mvc.store.census import Census
from mvc.store.resemblance import nearest

#: Versions before and after an object in a line that are candidates.
_NEAR = 3


def candidates(
    bases: Bases,
    census: Census,
    known: Mapping[bytes, tuple[str | None, int]],
    lines: Iterable[Sequence[bytes]],
) -> dict[bytes, dict[bytes, None]]:
    """For each of the ``known`` (dtype and length) others of them, the likeliest first."""
    found: dict[bytes, dict[bytes, None]] = {digest: {} for digest in known}
    for line in lines:
        ours = [digest for digest in dict.fromkeys(line) if digest in known]
        for place, digest in enumerate(ours):
            near = ours[max(0, place - _NEAR) : place + _NEAR + 1]
            found[digest] |= dict.fromkeys(one for one in (*near, ours[0]) if one != digest)
    for digest, others in nearest(bases, known).items():
        found[digest] |= dict.fromkeys(others)
    for digest in known:  # what it stands on now is known to be good
        base = census.base(digest)
        if base is not None and base in known:
            found[digest][base] = None
    return found


def connected(links: Mapping[bytes, Iterable[bytes]]) -> Iterator[list[bytes]]:
    """Groups that links connect, whichever way these go; each in the order of ``links``."""
    both: dict[bytes, set[bytes]] = {one: set() for one in links}
    for one, others in links.items():
        for other in others:
            both[one].add(other)
            both[other].add(one)
    order = {one: number for number, one in enumerate(links)}
    seen: set[bytes] = set()
    for start in links:
        if start in seen:
            continue
        seen.add(start)
        group, waiting = [], [start]
        while waiting:
            one = waiting.pop()
            group.append(one)
            new = both[one] - seen
            seen |= new
            waiting += new
        yield sorted(group, key=order.__getitem__)
