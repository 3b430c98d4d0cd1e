"""Models that do not match, settled by the ways that were allowed, or refused.

Owns what becomes of the tensors and of the files beside them; ``comparing.py`` says what does not match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace

from mvc.errors import ModelMismatch
from mvc.history.snapshot import Snapshot
from mvc.merge.checks import ways
from mvc.merge.checks.beside import folder_of, read_beside
from mvc.merge.checks.comparing import TIED, Finding, Models, findings, leads, ties
from mvc.merge.checks.named import is_output
from mvc.merge.checks.rows import Rows, by_number, by_token
from mvc.merge.checks.ways import Way, Ways
from mvc.merge.many import Settled, Several, ToMake
from mvc.merge.strategies.combination import Combination
from mvc.merge.terms import Kept, Piece
from mvc.store.store import Store
from mvc.values import dataclass

#: Decides a tensor by the strategy that its name has.
Decide = Callable[[Several], Settled]


@dataclass(slots=True)
class Checked:
    """``settled``: decisions that take the place of the strategies'. ``alias``: tensors that become whatever
    another becomes. ``lead``: the model whose tokenizer goes with the result, None for Git's merge.
    ``config``: values of ``config.json``, by key. ``notes``: a line for each mismatch, for people.
    """

    settled: dict[str, Settled] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    lead: int | None = None
    config: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    folder: str = ""


def check(
    store: Store,
    sides: Sequence[Snapshot],
    group: Iterable[str],
    of: Mapping[str, tuple[Several, Combination]],
    decide: Decide,
    allowed: Ways,
) -> Checked:
    """Compare the models of ``sides``, the base first, in the tensors ``of`` that strategies make of all.

    Raises:
        ModelMismatch: something does not match, and no way that is allowed settles it.
    """
    path = min(group)
    found = Checked(folder=folder_of([path]))
    base, *besides = read_beside(store, sides, found.folder)
    names = {name: one for name, (one, _) in of.items()}
    models = Models(path, names, base, tuple(besides), allowed.labels)
    pending = []
    for finding in findings(models):
        way = allowed.first(finding.able)
        if way is None:
            pending.append(finding)
        else:
            _Settling(models, of, decide, found).settle(finding, way)
    if pending:
        raise _refused(models, pending)
    _tie_again(models, found)
    return found


@dataclass(frozen=True, slots=True)
class _Settling:
    models: Models
    of: Mapping[str, tuple[Several, Combination]]
    decide: Decide
    into: Checked

    def settle(self, finding: Finding, way: Way) -> None:
        how = {ways.PAD: "padded", ways.THREE_WAY: "by who changed it"}.get(way.word)
        how = how or f"as {self.models.labels[way.model]} has it"
        self.into.notes.append(f"{finding.says}: {how}")
        if way.word == ways.THREE_WAY:
            return
        if finding.kind == "config":
            self._configure(finding.names, way.model)
        elif finding.kind == "tied":
            self._settle_ties(finding, way)
        elif way.word == ways.PAD:
            self._pad(finding)
        else:
            self._take(finding.names, way.model)
            if finding.kind == "vocabulary":
                self._lead(way.model)

    def _pad(self, finding: Finding) -> None:
        lead = 0
        if finding.kind == "vocabulary" and any(b.tokens for b in self.models.besides):
            lead = leads(self.models)[0]
        for name in finding.names:
            one, chosen = self.of[name]
            pieces = tuple(piece for piece in one.models if piece is not None)
            fits = chosen.needs_base and one.base is not None and _alike_inside(one.base, pieces[0])
            base = one.base if fits else None
            rows = self._rows(finding.kind, lead, base, pieces)
            self.into.settled[name] = ToMake(name, base, pieces, (), chosen, rows)
        if finding.kind == "vocabulary":
            widest = max(
                range(len(pieces)), key=lambda number: (pieces[number].entry.shape[0], -number)
            )
            self._lead(lead if any(b.tokens for b in self.models.besides) else widest)

    def _rows(self, kind: str, lead: int, base: Piece | None, pieces: Sequence[Piece]) -> Rows:
        counts = [piece.entry.shape[0] for piece in pieces]
        if kind == "vocabulary" and any(beside.tokens for beside in self.models.besides):
            start = None if base is None else (self.models.base, base.entry.shape[0])
            return by_token(lead, self.models.besides, start, counts)
        return by_number(None if base is None else base.entry.shape[0], counts)

    def _take(self, names: Sequence[str], model: int) -> None:
        for name in names:
            self.into.settled[name] = Kept(self.of[name][0].models[model], "mismatch")

    def _lead(self, model: int) -> None:
        self.into.lead = model
        self._configure(("vocab_size",), model)

    def _configure(self, keys: Sequence[str], model: int) -> None:
        config = self.models.besides[model].config
        self.into.config |= {key: config[key] for key in keys if key in config}

    def _settle_ties(self, finding: Finding, way: Way) -> None:
        if way.word == ways.PAD:
            self.into.config[TIED] = False
            for name in finding.names:
                self.into.settled[name] = self._untied(name, finding.partner[name])
            return
        self._configure((TIED,), way.model)
        tied = ties(self.models, way.model)
        for name in finding.names:
            own = self.of[name][0].models[way.model]
            if own is not None and name in tied:
                self.into.alias[name] = tied[name]
            else:
                self.into.settled[name] = Kept(own, "mismatch")

    def _untied(self, name: str, partner: str) -> Settled:
        """The output on its own: a model that ties it stands in with its input."""
        one, other = self.of[name][0], self.models.names[partner]
        base = one.base if one.base is not None else other.base
        filled = [
            mine if mine is not None else theirs
            for mine, theirs in zip(one.models, other.models, strict=True)
        ]
        like = self.into.settled.get(partner)
        settled = self.decide(replace(one, base=base, models=tuple(filled)))
        if isinstance(like, ToMake) and like.rows is not None:  # its vocabulary was padded
            models = tuple(piece for piece in filled if piece is not None)
            start = base if like.rows.base is not None else None
            return replace(like, name=name, base=start, models=models)
        return settled


def _tie_again(models: Models, found: Checked) -> None:
    """What all models tie comes out tied, also where some store it twice and others once."""
    of_each = [ties(models, number) for number in range(len(models.labels))]
    for name, one in models.names.items():
        if not is_output(name):
            continue
        partners = {of.get(name) for of in of_each}
        partner = next(iter(partners))
        if len(partners) > 1 or partner is None:
            continue
        found.settled.pop(name, None)
        if one.models[0] is not None:
            found.alias[name] = partner
        elif any(one.models):
            found.settled[name] = Kept(None, "both")


def _alike_inside(base: Piece, model: Piece) -> bool:
    """Whether the tensors differ in the number of rows at most."""
    from mvc.merge.strategies.numbers import FLOATS

    one, other = base.entry, model.entry
    return bool(one.shape) and one.shape[1:] == other.shape[1:] and one.dtype in FLOATS


def _refused(models: Models, pending: Sequence[Finding]) -> ModelMismatch:
    able = {way for finding in pending for way in finding.able}
    first, last = models.labels[0], models.labels[-1]
    said = [
        "--mismatch pad (merge the rows that all have, keep the others)",
        f"skip (as {first} has it)",
        f"take={last} (as that has it)",
        "three-way (as whoever changed it has it)",
    ]
    return ModelMismatch(
        "\n".join(
            [
                f"{models.path}: the models do not match, and nothing has changed",
                *(f"  {finding.says}" for finding in pending),
            ]
        ),
        hint=f"mvc merge {', '.join(said)}"
        if ways.PAD in able
        else f"mvc merge --mismatch {', '.join(said[1:])}",
    )
