"""Under which other name a model was in the tree before: renames, as a question to history needs them.

A model that has gone and one that has come are the same if their tensors are, or at least half of them: Git's
rule for lines, with tensors in their place.
"""

from __future__ import annotations

from mvc.formats.sharded import INDEX_SUFFIXES
from mvc.history.context import Context
from mvc.history.inventory import Inventory, Model
from mvc.history.log import differing
from mvc.history.record import PATH

_ENDING = ".index.json"


def moved_from(
    context: Context, inventory: Inventory, old: str, new: str, model: Model
) -> Model | None:
    """The model of tree ``old`` that became ``model`` in tree ``new``, where it is one that ``old`` lacks."""
    gone: list[Model] = []
    come: list[Model] = []
    for path in differing(context.git, old, new):
        if path == PATH:
            continue
        name = path.removesuffix(_ENDING) if path.lower().endswith(INDEX_SUFFIXES) else path
        before, after = inventory.model(old, name), inventory.model(new, name)
        if before is not None and after is None:
            gone.append(before)
        elif after is not None and before is None:
            come.append(after)
    if not gone:
        return None
    if model.name not in {one.name for one in come}:
        come.append(model)
    pairs = sorted(
        (-score, target.name != model.name, source.name, target.name, number)
        for target in come
        for number, source in enumerate(gone)
        if (score := _alike(inventory, source, target))
    )
    taken: set[str] = set()
    for _, _, source, target, number in pairs:
        if source not in taken and target not in taken:
            if target == model.name:
                return gone[number]
            taken.update((source, target))
    return None


def _alike(inventory: Inventory, source: Model, target: Model) -> float:
    """The share of tensors that are the same; 0 when it is less than half."""
    if source.blobs == target.blobs:
        return 2.0
    before, after = inventory.tensors(source), inventory.tensors(target)
    same, most = len(before & after), max(len(before), len(after))
    return same / most if most and 2 * same >= most else 0.0
