"""Invariants in force: what earlier steps promised of a weight, and later ones must keep.

``mask``: its zeros stay zero (and, of a pattern N:M, stay in it); ``grid``: its values are few, of the grid
described; ``rank``: of its factors. They travel in the records of commits: each step says all that hold after
it, so that one record tells. A value; who checks them is ``compress/invariants.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from mvc.history.record import Json
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """By the name of the weight: kind → what is promised."""

    held: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)

    def of(self, name: str) -> Mapping[str, Json]:
        """What holds of the weight ``name``."""
        return self.held.get(name, {})

    def after(self, changed: Mapping[str, Mapping[str, Json]]) -> Standing:
        """These, with those of the weights that a step changed in their place."""
        merged = {**self.held, **changed}
        return Standing({name: kinds for name, kinds in sorted(merged.items()) if kinds})

    def written(self) -> dict[str, Json]:
        """As a record says it: names grouped by what holds of them, as whole blocks hold the same."""
        import json

        groups: dict[str, list[Json]] = {}
        for name, kinds in sorted(self.held.items()):
            groups.setdefault(json.dumps(dict(kinds), sort_keys=True), []).append(name)
        return {"invariants": [{**json.loads(text), "of": names} for text, names in groups.items()]}

    @staticmethod
    def read(parameters: Mapping[str, Json]) -> Standing:
        """The inverse of ``written``; of a record without any, none."""
        held: dict[str, dict[str, Json]] = {}
        groups = parameters.get("invariants")
        for group in groups if isinstance(groups, list) else ():
            if isinstance(group, dict):
                kinds = {kind: value for kind, value in group.items() if kind != "of"}
                names = group.get("of")
                for name in names if isinstance(names, list) else ():
                    held[str(name)] = kinds
        return Standing(dict(sorted(held.items())))
