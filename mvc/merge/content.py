"""What a model file holds besides tensors, merged three ways: metadata key by key, anything else as a whole.

Owns the choice of the file that the result is modelled on. It knows no format: what is not a tensor is
what a format's ``compose`` writes when it is given no tensors at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mvc import formats
from mvc.errors import FormatError
from mvc.history.manifest import Manifest, StorageEntry
from mvc.ids import ObjectId
from mvc.merge.strategies.strategy import Side, Strategy
from mvc.store.store import Store
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Content:
    """``template``: the file whose other content the result has; ``metadata`` replaces its own.

    ``alike``: skeletons of other files with the same content. ``clash``: both sides changed it differently,
    and nobody said which to take.
    """

    template: Manifest
    metadata: Mapping[str, str] | None = None
    clash: bool = False
    alike: frozenset[ObjectId | None] = frozenset()

    def is_of(self, manifest: Manifest) -> bool:
        """Whether the file of ``manifest`` has just this content."""
        known = {self.template.skeleton, *self.alike}
        return self.metadata is None and manifest.skeleton in known


def merge_content(
    store: Store,
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    strategy: Strategy | None,
) -> Content:
    """The content that the merged file shall have; what one side alone changed is taken from it."""
    found = _three_way(base, ours, theirs, [_rest(store, m) for m in (base, ours, theirs)])
    if found is not None:
        return found
    bare = [_bare(store, manifest) for manifest in (base, ours, theirs)]
    found = _three_way(base, ours, theirs, [b and b.rest for b in bare])
    if found is not None:
        return found
    # No mean exists of two texts: average keeps ours.
    side = None if strategy is None else strategy.file_side or "ours"
    metadata = [{} if b is None else b.metadata for b in bare]
    merged, clash = merge_keys(*metadata, side=side)
    if _agree(store, (ours, theirs), bare[1:], merged):
        changed = None if merged == metadata[1] else merged
        return Content(ours, changed, clash)
    if side is None:
        return Content(ours, None if merged == metadata[1] else merged, clash=True)
    return Content({"base": base or ours, "ours": ours, "theirs": theirs}[side])


def _three_way(
    base: Manifest | None, ours: Manifest, theirs: Manifest, keys: Sequence[object]
) -> Content | None:
    """The side to take by what makes contents equal; None when both changed, or a key is unknown."""
    of_base, of_ours, of_theirs = keys
    if of_ours is None or of_theirs is None:
        return None
    if of_ours == of_theirs:
        return Content(ours, alike=frozenset({theirs.skeleton}))
    if of_base is None or of_base not in (of_ours, of_theirs):
        return None
    return Content(theirs if of_base == of_ours else ours)


def _agree(
    store: Store,
    manifests: tuple[Manifest, Manifest],
    bare: Sequence[_Bare | None],
    metadata: Mapping[str, str],
) -> bool:
    """Whether two files with this metadata hold the same besides tensors."""
    with_it = [
        found if found is None or found.metadata == metadata else _bare(store, manifest, metadata)
        for manifest, found in zip(manifests, bare, strict=True)
    ]
    one, other = with_it
    return one is not None and other is not None and one.rest == other.rest


def merge_keys(
    base: Mapping[str, str],
    ours: Mapping[str, str],
    theirs: Mapping[str, str],
    *,
    side: Side | None,
) -> tuple[dict[str, str], bool]:
    """Key-values merged key by key; ``side`` settles a key that both changed, else ours stays.

    The flag says that such a key was met without a ``side``.
    """
    merged: dict[str, str] = {}
    clash = False
    for key in sorted({*base, *ours, *theirs}):
        values = {"base": base.get(key), "ours": ours.get(key), "theirs": theirs.get(key)}
        chosen = values["ours"]
        if values["base"] == values["ours"]:
            chosen = values["theirs"]
        elif values["theirs"] not in (values["base"], values["ours"]):
            clash = clash or side is None
            chosen = values[side or "ours"]
        if chosen is not None:
            merged[key] = chosen
    return merged, clash


@dataclass(frozen=True, slots=True)
class _Bare:
    """A file without its tensors: what is left, and its metadata."""

    rest: object
    metadata: Mapping[str, str]


def _bare(
    store: Store, manifest: Manifest | None, metadata: Mapping[str, str] | None = None
) -> _Bare | None:
    """The file without tensors; None when its format can't write that."""
    composer = None if manifest is None else formats.composer(manifest.format)
    if manifest is None or composer is None or manifest.skeleton is None:
        return None
    try:
        skeleton, layout = composer.compose(store.read(manifest.skeleton), (), metadata)
        return _Bare((composer.rest(skeleton), _loose(manifest)), layout.metadata)
    except FormatError:
        return None


def _rest(store: Store, manifest: Manifest | None) -> object:
    """What is equal for files that differ in their tensors' bytes alone."""
    composer = None if manifest is None else formats.composer(manifest.format)
    if manifest is None or manifest.skeleton is None:
        return None
    if composer is None:
        return manifest.skeleton
    return (composer.rest(store.read(manifest.skeleton)), _loose(manifest))


def _loose(manifest: Manifest) -> frozenset[StorageEntry]:
    """Bytes that no tensor describes: they are content, too."""
    seen = {entry.storage for entry in manifest.tensors}
    return frozenset(storage for storage in manifest.storages if storage.key not in seen)
