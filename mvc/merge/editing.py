"""New tensors in a model that is tracked: what a step makes of HEAD's files, without reading those that stay.

Owns laying the tensors out in the model's own files, sharded or not, and its index. Tensors are asked for one
after the other and stored as they come, so that a step holds one at a time. Changes nothing that can be seen,
and must not know refs.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import partial
from typing import Any

from mvc import paths as tracked
from mvc.arrays import to_bytes
from mvc.errors import MergeConflict, UsageError
from mvc.formats import sharded
from mvc.history.context import Context
from mvc.history.git import Files
from mvc.history.gitobjects import FILE_MODE, ObjectWriter
from mvc.history.kin import Kin
from mvc.history.manifest import Entry
from mvc.history.snapshot import Snapshot
from mvc.history.step import Step
from mvc.merge.compose import CHECKSUMMED, build
from mvc.merge.content import Content
from mvc.merge.grouping import ModelSide, read_side
from mvc.merge.job import Job, Progress
from mvc.merge.models import place, reindexed
from mvc.merge.terms import Decision, Kept, Made
from mvc.merge.texts import read_text, write_text
from mvc.store.source import BytesSource, Incoming


def edited(
    context: Context,
    objects: ObjectWriter,
    before: Snapshot,
    step: Step,
    progress: Progress | None = None,
) -> Snapshot:
    """``before`` with what ``step`` changes; ``objects`` is flushed.

    Raises:
        UsageError: there is no such model, or a path can't be tracked.
        UnsupportedDtype: an array that the model's format can't hold.
        MergeConflict: the model has undecided tensors.
    """
    changes: dict[str, tuple[int, Any] | None] = {}
    with context.store.writer() as pack:
        job = Job(context, objects, pack, None, ("HEAD", "step"), progress)
        if step.model is not None:
            changes.update(_model(job, before, step.model, step.tensors))
        for path, data in step.files.items():
            tracked.check(path)
            mode = before[path][0] if path in before else FILE_MODE
            changes[path] = None if data is None else (mode, write_text(job, data))
        pack.publish()
    objects.flush()
    return before.with_files(changes)


def _model(job: Job, before: Snapshot, path: str, tensors: Mapping[str, Any]) -> Files:
    side = _side(job, before, path)
    decisions: dict[str, Decision] = {
        name: Kept(piece, "unchanged") for name, piece in side.pieces.items() if name not in tensors
    }
    kin, total = Kin(job.context), len(tensors)
    checksums = any(manifest.format in CHECKSUMMED for manifest in side.files.values())
    for number, name in enumerate(sorted(tensors)):
        if (array := tensors[name]) is not None:
            home = side.places.get(name, min(side.files))
            decisions[name] = _stored(job, kin, home, name, array, checksums=checksums)
        if job.progress is not None:
            job.progress("storing tensors", number + 1, total)
    found: Files = {}
    manifests = {}
    for file, names in place(decisions, side, ModelSide()).items():
        known = side.files[file]
        manifest = build(job, Content(known), [decisions[name] for name in names])
        manifests[file] = manifest
        found[file] = (before[file][0], job.objects.blob(manifest.encode()))
    if side.index_path is not None and side.index is not None:
        index = reindexed(manifests, side.index.metadata, side.files, side.index)
        text = sharded.render_index(index.weight_map, index.metadata)
        if sharded.parse_index(read_text(job.context.store, before, side.index_path)) != index:
            mode = before[side.index_path][0]
            found[side.index_path] = (mode, write_text(job, text))
    return found


def _side(job: Job, before: Snapshot, path: str) -> ModelSide:
    for model in sharded.models(before, partial(read_text, job.context.store, before)):
        members = {*model.files, *((model.index,) if model.index else ())}
        if path not in (model.name, *members):
            continue
        side = read_side(job.context.store, before, frozenset(members))
        if side is None or not side.files:
            break
        for file, manifest in side.files.items():
            if manifest.conflicts:
                raise MergeConflict(
                    f"{file}: the tensor {manifest.conflicts[0].name!r} is still undecided",
                    hint="mvc checkout --ours|--theirs PATH settles it",
                )
        return side
    raise UsageError(f"'{path}' is no model whose tensors could be changed", hint="mvc ls")


def _stored(job: Job, kin: Kin, path: str, name: str, array: Any, *, checksums: bool) -> Made:
    dtype, shape, data = to_bytes(array)
    incoming = Incoming(BytesSource(data), dtype, partial(kin.of, path, name, dtype))
    (id_,) = job.pack.add([incoming])
    checksum = zlib.crc32(data) if checksums else None
    return Made(Entry(name, dtype, shape, id_), checksum)
