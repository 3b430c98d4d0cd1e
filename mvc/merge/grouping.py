"""Which files make one model, over three snapshots that may cut it into different shards.

Owns the groups: files that are one model on any side are merged together, so that a tensor which moved
to another shard on one side meets its change on the other. A model and the same one cut into shards go by
the same name (``model.safetensors`` and ``model.safetensors.index.json``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from functools import partial

from mvc.errors import MvcError
from mvc.formats import sharded
from mvc.formats.sharded import ShardIndex
from mvc.history.manifest import BYTES, Manifest
from mvc.history.snapshot import Snapshot
from mvc.merge.terms import Piece, pieces_of
from mvc.merge.texts import read_text
from mvc.store.store import Store
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class ModelSide:
    """One side's model: manifests by path, its index, and each tensor with the file it lies in."""

    files: dict[str, Manifest] = field(default_factory=dict)
    index_path: str | None = None
    index: ShardIndex | None = None
    pieces: dict[str, Piece] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)


def groups(store: Store, snapshots: Iterable[Snapshot]) -> dict[str, frozenset[str]]:
    """Each path that belongs to a model of several files, on any side, with all paths of that model."""
    found: dict[str, set[str]] = {}
    named: dict[str, set[str]] = {}
    for snapshot in snapshots:
        for model in sharded.models(snapshot, partial(read_text, store, snapshot)):
            members = {*model.files, *((model.index,) if model.index else ())}
            # By name, and by every file that models of different sides have in common.
            members.update(named.get(model.name, ()))
            joined = members.union(*(found.get(path, ()) for path in members))
            named[model.name] = joined
            for path in joined:
                found[path] = joined
    return {path: frozenset(members) for path, members in found.items() if len(members) > 1}


def read_side(store: Store, snapshot: Snapshot, group: frozenset[str]) -> ModelSide | None:
    """The model that ``group`` is on this side; None when its files can't be taken as one.

    That is when one is no model file, when two hold the same name, or when there are two indexes.
    """
    side = ModelSide()
    index_path = None
    for path in sorted(group.intersection(snapshot)):
        manifest = snapshot.manifest(path)
        if path.endswith(sharded.INDEX_SUFFIXES) and index_path is None:
            index_path = path
        elif manifest is None or manifest.format == BYTES:
            return None
        else:
            side.files[path] = manifest
            for piece in pieces_of(manifest):
                name = piece.entry.name
                if name in side.places:
                    return None
                side.places[name] = path
                side.pieces[name] = piece
    if index_path is None:
        return side if len(side.files) < 2 else None
    try:
        index = sharded.parse_index(read_text(store, snapshot, index_path))
    except MvcError:
        return None
    return ModelSide(side.files, index_path, index, side.pieces, side.places)
