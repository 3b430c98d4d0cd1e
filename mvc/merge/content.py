"""What a model file holds besides tensors, merged three ways: metadata key by key, anything else as a whole.

Owns the choice of the file that the result is modelled on. It knows no format: what is not a tensor is
what a format's ``compose`` writes when it is given no tensors at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mvc import formats
from mvc.errors import FormatError
from mvc.history.manifest import Manifest
from mvc.merge.strategies.strategy import Side, Strategy
from mvc.store.store import Store


@dataclass(frozen=True, slots=True)
class Content:
    """``template``: the file whose other content the result has; ``metadata`` replaces its own.

    ``clash``: both sides changed it differently, and nobody said which to take.
    """

    template: Manifest
    metadata: Mapping[str, str] | None = None
    clash: bool = False

    def is_of(self, manifest: Manifest) -> bool:
        """Whether the file of ``manifest`` has just this content."""
        return self.metadata is None and manifest.skeleton == self.template.skeleton


def merge_content(
    store: Store,
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    strategy: Strategy | None,
) -> Content:
    """The content that the merged file shall have; what one side alone changed is taken from it."""
    if ours.skeleton == theirs.skeleton:
        return Content(ours)
    if base is not None and base.skeleton in (ours.skeleton, theirs.skeleton):
        return Content(theirs if base.skeleton == ours.skeleton else ours)
    plain = {m.skeleton: _bare(store, m) for m in (base, ours, theirs) if m is not None}
    of_base = plain[base.skeleton] if base is not None else None
    of_ours, of_theirs = plain[ours.skeleton], plain[theirs.skeleton]
    if of_ours is not None and of_ours in (of_theirs, of_base):
        return Content(ours if of_ours == of_theirs else theirs)
    if of_theirs is not None and of_theirs == of_base:
        return Content(ours)
    return _merge_both(store, base, ours, theirs, strategy)


def _merge_both(
    store: Store,
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    strategy: Strategy | None,
) -> Content:
    # No mean exists of two texts: average keeps ours.
    side = None if strategy is None else strategy.file_side or "ours"
    sides = [_metadata(store, manifest) for manifest in (base, ours, theirs)]
    merged, clash = merge_keys(*sides, side=side)
    rest = [_bare(store, manifest, merged) for manifest in (ours, theirs)]
    if rest[0] is None or rest[0] != rest[1]:
        clash = side is None
        if side is not None:
            chosen = {"base": base or ours, "ours": ours, "theirs": theirs}[side]
            return Content(chosen)
    metadata = None if merged == sides[1] else merged
    return Content(ours, metadata, clash)


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


def _bare(
    store: Store, manifest: Manifest, metadata: Mapping[str, str] | None = None
) -> bytes | None:
    """The file without tensors, for comparing; None when its format can't write that."""
    composer = formats.composer(manifest.format)
    if composer is None or manifest.skeleton is None:
        return None
    try:
        return composer.compose(store.read(manifest.skeleton), (), metadata)[0]
    except FormatError:
        return None


def _metadata(store: Store, manifest: Manifest | None) -> Mapping[str, str]:
    composer = formats.composer(manifest.format) if manifest is not None else None
    if manifest is None or composer is None or manifest.skeleton is None:
        return {}
    try:
        return composer.compose(store.read(manifest.skeleton), (), None)[1].metadata
    except FormatError:
        return {}
