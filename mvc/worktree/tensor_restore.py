"""Single tensors of a work tree's file put back as a snapshot has them; the rest stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from mvc.errors import UsageError
from mvc.history.context import Context
from mvc.history.gitobjects import ObjectWriter
from mvc.history.manifest import Entry, Manifest, is_manifest
from mvc.history.snapshot import Snapshot
from mvc.ids import BlobId
from mvc.worktree.ingest import stow
from mvc.worktree.reading import classify, open_file


def with_tensors(
    context: Context,
    objects: ObjectWriter,
    origin: Snapshot,
    paths: Sequence[str],
    globs: Sequence[str],
) -> dict[str, tuple[int, BlobId]]:
    """The files of ``paths`` as they are on disk, with the tensors that match a glob from ``origin``.

    What is on disk is taken into the store first, so nothing is lost; the blobs go into ``objects``, not
    flushed. Files in which nothing matches are left out.

    Raises:
        UsageError: no tensor matches, or one has another dtype, shape or storage on disk.
        FormatError: a file on disk is refused.
    """
    changed: dict[str, tuple[int, BlobId]] = {}
    with context.store.writer() as pack:
        for path in paths:
            source = origin.manifest(path) if path in origin else None
            wanted = _matching(source, globs) if source is not None else {}
            if not wanted:
                continue
            with open_file(context.root, path) as opened:
                blob = stow(pack, opened, classify(opened))
            if not is_manifest(blob):
                raise UsageError(f"{path} is text on disk and has no tensors")
            manifest = _replaced(Manifest.decode(blob), wanted, path)
            changed[path] = (opened.mode, objects.blob(manifest.encode()))
        if not changed:
            raise UsageError(
                f"no tensor matches {', '.join(globs)}", hint="mvc ls --tensors lists them"
            )
        pack.publish()
    return changed


def _matching(manifest: Manifest, globs: Sequence[str]) -> dict[str, Entry]:
    return {
        entry.name: entry
        for entry in manifest.tensors
        if any(fnmatchcase(entry.name, glob) for glob in globs)
    }


def _replaced(manifest: Manifest, wanted: dict[str, Entry], path: str) -> Manifest:
    current = {entry.name: entry for entry in manifest.tensors}
    for name, entry in wanted.items():
        here = current.get(name)
        if here is not None and here.id == entry.id:
            continue
        same_form = here is not None and (here.dtype, here.shape) == (entry.dtype, entry.shape)
        if here is None or not same_form or here.storage is not None or entry.storage is not None:
            raise UsageError(
                f"the tensor {name!r} of {path} has another form on disk, so it can't be put in alone",
                hint=f"mvc restore {path} puts the whole file back",
            )
        current[name] = entry
    return replace(manifest, tensors=tuple(current[entry.name] for entry in manifest.tensors))
