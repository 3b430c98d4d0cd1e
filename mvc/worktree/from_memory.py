"""Committing arrays straight from memory, as a safetensors file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from mvc import paths as tracked
from mvc.arrays import to_bytes
from mvc.errors import DirtyWorktree, RefConflict, UsageError
from mvc.formats.layout import ComposedTensor
from mvc.formats.safetensors import EMPTY, SAFETENSORS
from mvc.history.commits import Plan, commit_stage
from mvc.history.context import Context, writes_objects
from mvc.history.gitobjects import FILE_MODE
from mvc.history.kin import Kin
from mvc.history.manifest import Entry, Manifest
from mvc.history.refs import UNFINISHED
from mvc.history.signature import Signature
from mvc.history.transaction import read_stage, transaction
from mvc.ids import CommitId
from mvc.store.source import BytesSource, Incoming
from mvc.worktree import index
from mvc.worktree.checkout import prepared
from mvc.worktree.status import changed_paths


@writes_objects
def commit_tensors(
    context: Context,
    tensors: Mapping[str, Any],
    message: str,
    path: str,
    metadata: Mapping[str, str] | None,
    who: Signature,
) -> CommitId:
    """Commit ``tensors`` as the safetensors file ``path``, and write it to the work tree.

    After an error nothing has changed, but for one of the disk while the file was put in place.

    Raises:
        DirtyWorktree: ``path`` holds unsaved changes.
        RefConflict: ``path`` was staged, or a merge begun, meanwhile.
        UsageError: a merge is unfinished, ``path`` can't be tracked or is not a safetensors file's, or a
            name or the metadata is not text.
        UnsupportedDtype: an array that safetensors can't hold.
    """
    tracked.check(path)
    _check_words(tensors, path, metadata)
    if context.refs.raw(UNFINISHED) is not None:
        raise UsageError("a merge or revert is unfinished", hint="mvc status")
    stage = read_stage(context)
    absolute = os.path.join(context.root, *path.split("/"))
    changed = os.path.lexists(absolute) and changed_paths(context, stage, [path])
    objects = context.writer()
    blob = objects.blob(_pack(context, path, tensors, metadata).encode())
    objects.flush()
    change = {path: (FILE_MODE, blob)}
    # A call that was cut off may have left just the file that is to be written.
    if changed and changed_paths(context, stage.with_files(change), [path]):
        raise DirtyWorktree(f"{path} holds changes that no commit has", hint=f"mvc add {path}")
    with (
        prepared(context, stage, stage.with_files(change), paths=[path]) as files,
        transaction(context, "commit", who) as current,
    ):
        if current.stage.get(path) != stage.get(path) or context.refs.raw(UNFINISHED) is not None:
            raise RefConflict(
                f"{path} was staged, or a merge begun, while the tensors were stored; nothing has changed",
                hint="run the same again",
            )
        current.put_stage(current.stage.with_files(change))
        id_ = commit_stage(current, Plan(message, who, who, "commit-tensors"))
        current.worktree = True
        files.put_in_place()
    index.refresh(context)
    return id_


def _check_words(tensors: Mapping[str, Any], path: str, metadata: Mapping[str, str] | None) -> None:
    if not path.lower().endswith(".safetensors"):
        raise UsageError(
            f"{path!r} would not be read as what is written to it",
            hint="commit_tensors writes safetensors: give a path that ends in .safetensors",
        )
    odd = [word for pair in (metadata or {}).items() for word in pair if not isinstance(word, str)]
    odd += [name for name in tensors if not isinstance(name, str) or name == "__metadata__"]
    if odd:
        raise UsageError(
            f"{odd[0]!r} can't be a tensor's name, nor stand in the metadata",
            hint="names, and metadata's keys and values, are strings in safetensors",
        )


def _pack(
    context: Context, path: str, tensors: Mapping[str, Any], metadata: Mapping[str, str] | None
) -> Manifest:
    described: list[ComposedTensor] = []
    entries: list[Entry] = []
    kin = Kin(context)
    with context.store.writer() as writer:
        for name in sorted(tensors):
            dtype, shape, data = to_bytes(tensors[name])
            (id_,) = writer.add(
                [Incoming(BytesSource(data), dtype, partial(kin.of, path, name, dtype))]
            )
            described.append(ComposedTensor(name, dtype, shape, len(data)))
            entries.append(Entry(name, dtype, shape, id_))
        skeleton, layout = SAFETENSORS.compose(EMPTY, tuple(described), metadata or {})
        skeleton_id = writer.put(skeleton)
        writer.publish()
    return Manifest("safetensors", layout.size, skeleton_id, tuple(entries))
