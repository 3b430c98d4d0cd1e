"""What is recorded of the data that a model was trained on: a file of tensors beside it.

``model.fisher.safetensors`` or ``model.gram.safetensors`` stands next to ``model.safetensors`` (or its shards,
or ``model.pt``), with a tensor for each of the model's under the same name. When models are merged, their
statistics are added up: what each learned since the base, or, of a file that is new, all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mvc.errors import UsageError
from mvc.formats.sharded import INDEX_SUFFIXES
from mvc.history.snapshot import Snapshot
from mvc.merge.recipe import Choices, Recipe
from mvc.merge.strategies.combination import Statistic
from mvc.merge.terms import Piece

_KINDS: tuple[Statistic, ...] = ("fisher", "gram")


def is_statistic(path: str) -> bool:
    """Whether the file at ``path`` is one of statistics."""
    return path.endswith(tuple(f".{kind}.safetensors" for kind in _KINDS))


def adding_up(base: Snapshot, group: Iterable[str]) -> Choices:
    """How files of statistics are merged themselves."""
    if any(path in base for path in group):
        return Recipe("task_arithmetic").choices()
    return Recipe("linear", {"normalize": False}).choices()


def statistics_of(
    sides: Sequence[Snapshot], group: Iterable[str], choices: Choices
) -> list[Mapping[str, Piece]]:
    """Each side's statistics of the model that ``group`` is; none if no strategy asks for any.

    Raises:
        UsageError: a strategy asks, and a side has none.
    """
    wanted = {chosen.statistic: chosen.name for chosen in choices.combinations()}
    wanted.pop(None, None)
    if not wanted:
        return []
    if len(wanted) > 1:
        raise UsageError("fisher and regmean can't be used in one merge")
    ((kind, strategy),) = wanted.items()
    names = sorted({f"{_stem(path)}.{kind}.safetensors" for path in group})
    found: list[Mapping[str, Piece]] = []
    for number, side in enumerate(sides, 1):
        manifests = [side.manifest(name) for name in names if name in side]
        if not any(manifests):
            raise UsageError(
                f"{strategy} needs {names[-1]} in every model, and number {number} has none",
                hint="see docs/reference/merge-strategies.md",
            )
        found.append({e.name: Piece(e, m) for m in manifests if m is not None for e in m.tensors})
    return found


def _stem(path: str) -> str:
    for ending in INDEX_SUFFIXES:
        if path.endswith(ending):
            return path.removesuffix(ending).removesuffix(".safetensors")
    return path.rpartition(".")[0] or path
