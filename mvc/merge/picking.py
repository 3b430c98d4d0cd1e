"""Single tensors of a file as a snapshot has them; the rest of the file stays as it is on disk."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from mvc.errors import UsageError
from mvc.history.context import Context
from mvc.history.gitobjects import ObjectWriter
from mvc.history.kin import Kin
from mvc.history.manifest import Manifest, is_manifest
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import read_stage
from mvc.history.undecided import carried, undecided
from mvc.ids import BlobId
from mvc.merge.compose import build
from mvc.merge.content import Content
from mvc.merge.job import Job
from mvc.merge.terms import Decision, Kept, pieces_of
from mvc.worktree.ingest import stow
from mvc.worktree.reading import classify, open_file


def pick(
    context: Context,
    objects: ObjectWriter,
    origin: Snapshot,
    paths: Sequence[str],
    *,
    globs: Sequence[str],
) -> dict[str, tuple[int, BlobId]]:
    """The files of ``paths`` as they are on disk, with the tensors that match a glob from ``origin``.

    A matching tensor that ``origin`` lacks is left out. What is on disk is taken into the store first, so
    nothing is lost; the blobs go into ``objects``, not flushed. Files in which nothing matches are not among
    the result.

    Raises:
        UsageError: no tensor matches, or a file has none on disk.
        FormatError: a file on disk is refused, or its format can't hold these tensors.
    """
    on_disk = _taken_in(context, [p for p in paths if _sources(origin, p, globs)])
    if not on_disk:
        raise UsageError(
            f"no tensor matches {', '.join(globs)}", hint="mvc ls --tensors lists them"
        )
    picked: dict[str, tuple[int, BlobId]] = {}
    with context.store.writer() as pack:
        job = Job(context, objects, pack, None, ("HEAD", "origin"))
        for path, (mode, current) in on_disk.items():
            source = origin.manifest(path)
            assert source is not None
            made = build(job, Content(current), _decisions(current, source, globs))
            picked[path] = (mode, objects.blob(made.encode()))
        pack.publish()
    return picked


def _sources(origin: Snapshot, path: str, globs: Sequence[str]) -> bool:
    manifest = origin.manifest(path) if path in origin else None
    return manifest is not None and any(_matches(name, globs) for name in manifest.values)


def _taken_in(context: Context, paths: Sequence[str]) -> dict[str, tuple[int, Manifest]]:
    """Mode and manifest of each file on disk, its tensors in the store."""
    found: dict[str, tuple[int, Manifest]] = {}
    kin, conflicts = Kin(context), undecided(context, read_stage(context))
    with context.store.writer() as pack:
        for path in paths:
            with open_file(context.root, path) as opened:
                blob = stow(pack, opened, classify(opened), kin)
            manifest = Manifest.decode(blob) if is_manifest(blob) else None
            if manifest is not None and path in conflicts:
                manifest = carried(manifest, conflicts[path])
            if manifest is None or manifest.skeleton is None:
                raise UsageError(f"{path} has no tensors on disk", hint=f"mvc restore {path}")
            found[path] = (opened.mode, manifest)
        pack.publish()
    return found


def _decisions(current: Manifest, source: Manifest, globs: Sequence[str]) -> list[Decision]:
    kept = {p.entry.name: p for p in pieces_of(current) if not _matches(p.entry.name, globs)}
    taken = {p.entry.name: p for p in pieces_of(source) if _matches(p.entry.name, globs)}
    return [Kept(piece, "theirs") for _, piece in sorted({**kept, **taken}.items())]


def _matches(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
