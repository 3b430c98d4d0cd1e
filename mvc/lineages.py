"""Lineages of tensors with the numbers of each step.

Reached as ``repo.lineage``. The versions are found in ``history/``; each is compared with the first of those
that it was made from, in bounded memory, once it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mvc.errors import UsageError
from mvc.formats.sharded import models
from mvc.history import log
from mvc.history.context import Context
from mvc.history.files import chunks
from mvc.history.lineage import Lineage, Version, lineages
from mvc.history.snapshot import Snapshot
from mvc.ids import CommitId

if TYPE_CHECKING:
    from mvc.diff.stats import TensorStats


def find(
    context: Context, tensors: Sequence[str], commit: CommitId, paths: Sequence[str]
) -> Iterator[Lineage]:
    """Of each tensor that ``tensors`` (names, globs) name, in the models of ``commit`` that ``paths`` name.

    Raises:
        UsageError: there is no such model, or no such tensor.
    """
    files = log.snapshot(context, commit)
    found = models(files, lambda path: b"".join(map(bytes, chunks(context, files, path))))
    named = [
        model.name
        for model in found
        if (not paths or any(log.matches(path, paths) for path in (model.name, *model.files)))
        and any((m := files.manifest(path)) is not None and m.skeleton for path in model.files)
    ]
    if not named:
        raise UsageError(
            f"no such model in {commit[:7]}: {', '.join(paths) or 'there is none'}",
            hint=f"mvc ls -l {commit[:7]}",
        )
    return lineages(context, commit, named, tensors)


def step(context: Context, earlier: Version, later: Version) -> TensorStats | None:
    """How far ``later`` is from ``earlier``; None where the two can't be compared.

    Raises:
        IntegrityError: a tensor can't be read.
    """
    from mvc.diff.numeric import comparable, compare

    old, new = earlier.entry, later.entry
    if old is None or new is None or old.shape != new.shape:
        return None
    if not comparable(old.dtype, new.dtype):
        return None
    pieces = _bytes(context, earlier), _bytes(context, later)
    return compare(old.dtype, *pieces, new_dtype=new.dtype)


def _bytes(context: Context, version: Version) -> Iterator[memoryview]:
    from mvc.history.tensors import tensor_chunks

    files = Snapshot.of_tree(context.git, version.commit.tree)
    manifest = files.manifest(version.path)
    assert manifest is not None and version.entry is not None
    # The line of a lineage does not say how the tensor looks into a storage.
    entry = next(one for one in manifest.tensors if one.name == version.name)
    return tensor_chunks(context.store, manifest, entry)


def steps(context: Context, lineage: Lineage) -> Mapping[CommitId, TensorStats | None]:
    """``step`` of each version from the first of those that it was made from, where there is one."""
    known = {version.commit.id: version for version in lineage.versions}
    return {
        id_: step(context, known[version.before[0]], version)
        for id_, version in known.items()
        if version.before
    }
