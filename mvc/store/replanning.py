"""What objects had best stand on, over a whole history: candidates, a trial of each, the smallest forest of
all.

Candidates of an object are the versions next to it in each line that it is in (a tensor's versions, in the
order in which they came), the line's first, and those that look most like it. Objects connected by candidates
are planned together. What already is as planned stays; the rest is to be written anew, if that is less in
all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from mvc import limits
from mvc.errors import IntegrityError, StorageError
from mvc.limits import DELTA_DEPTH, DELTA_SMALLEST
from mvc.store import pack, workers
from mvc.store.bases import Bases
from mvc.store.catalog import Catalog
from mvc.store.census import Census, Delta, deltas, records
from mvc.store.choosing import WORTH
from mvc.store.codecs import plan, plan_over_base
from mvc.store.forest import Forest, Node, smallest
from mvc.store.proposals import candidates, connected
from mvc.store.sampling import Samples, length_of, sampled_size
from mvc.values import dataclass

#: A plan must save this share of what it writes anew: a trial on a sample is no more exact.
_GAIN = 0.02


class Rewrite(NamedTuple):
    """An object to write anew; ``depth`` is 0 without a base."""

    digest: bytes
    dtype: str | None
    base: bytes | None
    base_dtype: str | None
    depth: int


@dataclass(frozen=True, slots=True)
class Family:
    """Objects to be written together, bases first; ``now``: bytes that go, ``then``: an estimate of what
    comes."""

    rewrites: tuple[Rewrite, ...]
    raw: int
    now: int
    then: int


class Replanning:
    """One look at the store. ``lines``: ids of a tensor's versions; ``dtypes``: each object's."""

    def __init__(
        self,
        catalog: Catalog,
        dtypes: Mapping[bytes, str | None],
        lines: Iterable[Sequence[bytes]],
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Raises:
        MissingObject, CorruptPack: not every object has what it stands on, or an index is damaged.
        """
        self._catalog = catalog
        self._bases = Bases(catalog)
        self._samples = Samples(self._bases)
        self._dtypes = dtypes
        standing = deltas(catalog)
        everything = {record.digest for _, record in records(catalog)}
        self._census = Census(catalog, everything, standing)
        # What is no version of ours may stand on one: its bases must stay as deep as they are.
        self._pinned = {one.base for one in standing if one.digest not in dtypes}
        fixed = self._fixed(standing)
        self._pinned |= {one.base for one in standing if one.digest in fixed}
        self._lengths = {
            digest: copy.length
            for digest in dtypes
            if digest not in fixed
            and (copy := self._census.copy(digest))
            and copy.length >= DELTA_SMALLEST
        }
        known = {digest: (dtypes[digest], n) for digest, n in self._lengths.items()}
        proposed = candidates(self._bases, self._census, known, lines)
        groups = [
            group for group in connected(proposed) if len(group) > 1 or self._left_behind(group)
        ]
        self.families: list[Family] = []
        total = sum(map(len, groups))
        done = 0
        for group in groups:
            family = self._family(group, proposed)
            if family is not None:
                self.families.append(family)
            done += len(group)
            if progress:
                progress(done, total)

    def _fixed(self, standing: Sequence[Delta]) -> set[bytes]:
        """What stays as it is: what stands on a factor, or was made of a base that is no version of it, and
        what stands on that. A trial here knows neither shapes nor factors."""

        def made_of(one: Delta) -> bool:
            if one.base in self._dtypes:
                return not plan_over_base(self._dtypes.get(one.digest), self._dtypes[one.base])
            # An expired version, or, of another length, a factor.
            lengths = {copy.length for id_ in one[:2] if (copy := self._census.copy(id_))}
            return len(lengths) > 1

        found: set[bytes] = set()
        fixed = {one.digest for one in standing if one.digest in self._dtypes and made_of(one)}
        while fixed - found:
            found |= fixed
            fixed = {one.digest for one in standing if one.base in found}
        return found

    def _family(
        self, group: Sequence[bytes], proposed: Mapping[bytes, Mapping[bytes, None]]
    ) -> Family | None:
        numbers = {digest: number for number, digest in enumerate(group)}

        def work(digest: bytes) -> Node:
            return self._tried(digest, {one: numbers[one] for one in proposed[digest]})

        nodes = list(workers.run(work, group))
        forest = smallest(nodes)
        for keep in (True, False):
            rewrites = self._rewrites(group, forest, keep=keep)
            if rewrites is not None:
                break
        else:
            return None
        if not rewrites:
            return None
        chosen = {rewrite.digest for rewrite in rewrites}
        now = sum(self._stored(digest) for digest in chosen)
        now += sum(map(self._stored, self._left_behind(chosen)))
        then = sum(_size(nodes[n], forest.bases[n]) for n in map(numbers.__getitem__, chosen))
        if then > (1 - _GAIN) * now:
            return None
        raw = sum(self._lengths[digest] for digest in chosen)
        return Family(tuple(rewrites), raw, now, then)

    def _rewrites(
        self, group: Sequence[bytes], forest: Forest, *, keep: bool
    ) -> list[Rewrite] | None:
        """What is not as planned; None when what is kept makes chains too deep, or is pinned."""
        depths: dict[bytes, int] = {}
        found = []
        for number in forest.order:
            digest, under = group[number], forest.bases[number]
            base = None if under is None else group[under]
            least = 0 if base is None else depths[base] + 1
            copy = self._census.copy(digest)
            assert copy is not None
            as_planned = self._census.base(digest) == base and copy.depth >= least
            if as_planned and (keep or copy.depth == least):
                depths[digest] = copy.depth
                continue
            if digest in self._pinned and least > copy.depth:
                return None
            if least > DELTA_DEPTH:
                return None
            depths[digest] = least
            base_dtype = None if base is None else self._dtypes[base]
            found.append(Rewrite(digest, self._dtypes[digest], base, base_dtype, least))
        return found

    def _tried(self, digest: bytes, others: Mapping[bytes, int]) -> Node:
        """What the object takes, by itself and over each of ``others``: known, or tried on a sample."""
        length, dtype = self._lengths[digest], self._dtypes[digest]
        stands, stored = self._census.base(digest), self._stored(digest)
        try:
            sample = self._samples.of(digest, length).pieces
        except (IntegrityError, StorageError):
            return Node(length, stored, {})  # damaged: as it is
        taken = length_of(sample)
        headers = pack.OBJECT_SIZE + pack.FRAME_SIZE * pack.frame_count(length, limits.FRAME)

        def scaled(size: int) -> int:
            return headers + size * length // taken

        alone = stored if stands is None else scaled(sampled_size(sample, plan(dtype), None))
        over = {}
        for other, number in others.items():
            tries = plan_over_base(dtype, self._dtypes[other])
            if not tries:
                continue
            if other == stands:
                over[number] = stored
                continue
            try:
                ground = self._samples.of(other, self._lengths[other])
                size = scaled(sampled_size(sample, tries, ground))
            except (IntegrityError, StorageError):
                continue
            if size <= WORTH * alone:
                over[number] = size
        return Node(length, alone, over)

    def _left_behind(self, digests: Iterable[bytes]) -> set[bytes]:
        """What these stand on that is no version any more: once nothing does, it can go."""
        found: set[bytes] = set()
        for digest in digests:
            base = self._census.base(digest)
            while base is not None and base not in self._dtypes and base not in found:
                found.add(base)
                base = self._census.base(base)
        return found

    def _stored(self, digest: bytes) -> int:
        copy = self._census.copy(digest)
        return 0 if copy is None else copy.stored


def _size(node: Node, base: int | None) -> int:
    return node.alone if base is None else node.over[base]
