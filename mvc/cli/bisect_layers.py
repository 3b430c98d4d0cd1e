"""``mvc bisect run --layers``: which layer of one step broke the model. Writes nothing but the answer.

Halves the layers that the step changed: those before the middle as the step left them, the others as its parent
has them. The parent is good, and the step bad on the user's word, as commits are in a search over history.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from glob import escape
from typing import TYPE_CHECKING, Any

from mvc.cli.app import Session
from mvc.cli.evaluators import Layers, layer_evaluator
from mvc.cli.output import counted, quoted
from mvc.errors import MvcError, UsageError

if TYPE_CHECKING:
    from mvc.history.tolerance import Tolerance
    from mvc.ids import CommitId
    from mvc.repository import Repository

#: Tensors of the layer that are told of: the worst first.
_SHOWN = 8


def run(
    session: Session,
    revision: str,
    name: str,
    tolerance: Tolerance,
    *,
    data: Sequence[str],
    as_json: bool,
) -> int:
    """Find the layer, and say how to take back that one alone."""
    find = layer_evaluator(name)
    if find is None:
        raise UsageError(
            f"nothing here measures {name} layer by layer",
            hint='perplexity, kl and others come with pip install "mvc-weights[compress]"',
        )
    commit = session.repository.read_commit(revision)
    search = _Search(session, find(session.repository, commit.id, data), name, tolerance, as_json)
    number = search.first_bad(commit.id[:7])
    layer = search.layers.names[number]
    glob = f"{escape(layer)}.*"
    back = _taking_back(session, commit.id, layer, glob)
    told = search.layers.told(number)
    if as_json:
        session.output.document(
            "bisect-layers",
            {
                "commit": commit.id,
                "layer": layer,
                "glob": glob,
                "revert": back,
                "metric": name,
                "good": search.good,
                "limit": tolerance.limit(search.good),
                "without": search.values.get(number),
                "with": _number(search.values[number + 1]),
                "layers": len(search.layers.names),
                "measured": len(search.values),
                "tensors": {tensor: dict(said) for tensor, said in told.items()},
            },
        )
        return 0
    session.output.show(_lines(commit.id[:7], layer, search, number, told))
    if back is not None:
        session.output.show([f"take it back: {quoted(back)}"])
    session.output.note([f"{len(search.values)} measured, nothing written"])
    return 0


class _Search:
    """``values``: by how many layers are of the commit."""

    def __init__(
        self, session: Session, layers: Layers, name: str, tolerance: Tolerance, silent: bool
    ) -> None:
        self._session, self.layers = session, layers
        self.name, self._tolerance, self._silent = name, tolerance, silent
        self.values: dict[int, float] = {}
        self.good = math.nan

    def first_bad(self, short: str) -> int:
        """The number of the first layer that is bad.

        Raises:
            UsageError: the step changed no layer.
            MvcError: its parent is bad already, or all of its layers together are good.
        """
        names = self.layers.names
        if not names:
            raise UsageError(f"{short} changed no layer", hint=f"mvc show {short}")
        self.good = self._measure(0)
        if not math.isfinite(self.good) or self._tolerance.is_bad(self.good, self.good):
            raise MvcError(
                f"{self.name} of the parent of {short} is {self.good:g}, which is bad already",
                hint=f"mvc bisect start {short}~1 GOOD, to look for an earlier step",
            )
        limit = self._tolerance.limit(self.good)
        self._say(f"{self.name} {self.good:g} of the parent is good, the limit is {limit:g}")
        low, high = 0, len(names)
        while high - low > 1:
            left = (high - low - 1).bit_length()
            self._say(f"Bisecting: {high - low} layers left (roughly {counted(left, 'step')})")
            middle = (low + high) // 2
            if self._bad(middle):
                high = middle
            else:
                low = middle
        # What was never measured is bad on the user's word alone.
        if high not in self.values and not self._bad(high):
            raise MvcError(
                f"{self.name} of {short} is {self.values[high]:g}, which is good by this limit",
                hint="a narrower limit, or mvc bisect start over more commits",
            )
        return high - 1

    def _bad(self, count: int) -> bool:
        value = self._measure(count)
        bad = self._tolerance.is_bad(value, self.good)
        to = quoted(self.layers.names[count - 1])
        self._say(f"{self.name} {value:g} with layers up to {to}: {'bad' if bad else 'good'}")
        return bad

    def _measure(self, count: int) -> float:
        self.values[count] = self.layers.measure(count)
        return self.values[count]

    def _say(self, line: str) -> None:
        if not self._silent:
            self._session.output.show([line])


def _lines(
    short: str,
    layer: str,
    search: _Search,
    number: int,
    told: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    yield f"{quoted(layer)} is the first bad layer of {short}"
    with_it = search.values[number + 1]
    if number in search.values:
        yield f" {search.name} {search.values[number]:g} without it, {with_it:g} with it"
    for tensor, said in sorted(told.items(), key=_loss)[:_SHOWN]:
        words = [f"{key} {_word(value)}" for key, value in said.items() if value is not None]
        yield f" {quoted(tensor)}  {', '.join(words)}".rstrip()
    if len(told) > _SHOWN:
        yield f" and {counted(len(told) - _SHOWN, 'other tensor')}"


def _taking_back(session: Session, commit: CommitId, layer: str, glob: str) -> str | None:
    """The command that takes back this layer of ``commit`` alone; None where HEAD does not stand on it."""
    repository = session.repository
    if not repository.is_ancestor(commit, "HEAD"):
        return None
    gone_on = _tensors(repository, commit, layer) != _tensors(repository, "HEAD", layer)
    return f"mvc revert {'--additive ' if gone_on else ''}{commit[:7]} -- '{glob}'"


def _tensors(repository: Repository, revision: str, layer: str) -> dict[str, object]:
    snapshot = repository.snapshot(revision)
    manifests = (snapshot.manifest(path) for path in snapshot)
    entries = (entry for one in manifests if one for entry in one.tensors)
    return {one.name: one.value for one in entries if one.name.startswith(f"{layer}.")}


def _loss(item: tuple[str, Mapping[str, Any]]) -> float:
    found = item[1].get("loss")
    return -found if isinstance(found, float) else 0.0


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
