"""Which tensors a commit that takes a change back, or over, restored to the bit, and which it computed.

Told from the files alone: what is as the other side has it was restored, anything else is a strategy's.
"""

from __future__ import annotations

from dataclasses import field

from mvc.history.manifest import Manifest
from mvc.history.record import Json
from mvc.history.snapshot import Snapshot
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """``exact`` counts the tensors that are as the other side has them; ``computed`` are others, by path."""

    exact: int = 0
    computed: dict[str, list[str]] = field(default_factory=dict)

    def parameters(self, strategy: str | None) -> dict[str, Json]:
        """As the record says it: every changed tensor that is not among the computed ones is exact."""
        told: dict[str, Json] = {"exact": self.exact}
        if self.computed:
            told[strategy or "computed"] = {path: [*names] for path, names in self.computed.items()}
        return {"taken": told}


def accounted(before: Snapshot, result: Snapshot, theirs: Snapshot) -> Taken:
    """Of each tensor that changed from ``before`` to ``result``, whether it is as ``theirs`` has it."""
    paths = sorted(p for p in {*before, *result} if before.get(p) != result.get(p))
    wanted = [_values(theirs, path) for path in paths]
    # A tensor may lie in another shard there.
    elsewhere = {name: value for values in wanted for name, value in values.items()}
    exact, computed = 0, dict[str, list[str]]()
    for path, there in zip(paths, wanted, strict=True):
        was, became = _values(before, path), _values(result, path)
        for name in sorted({*was, *became}):
            value = became.get(name)
            if was.get(name) == value:
                continue
            if value in (None, there.get(name), elsewhere.get(name)):
                exact += 1
            else:
                computed.setdefault(path, []).append(name)
    return Taken(exact, computed)


def touches(before: Snapshot, after: Snapshot, globs: tuple[str, ...]) -> bool:
    """Whether a tensor that a glob names differs between two snapshots."""
    from fnmatch import fnmatchcase

    for path in {*before, *after}:
        if before.get(path) == after.get(path):
            continue
        one, other = _values(before, path), _values(after, path)
        for name in {*one, *other}:
            if one.get(name) != other.get(name) and any(fnmatchcase(name, g) for g in globs):
                return True
    return False


def _values(files: Snapshot, path: str) -> dict[str, object]:
    manifest: Manifest | None = files.manifest(path) if path in files else None
    return {} if manifest is None else manifest.values
