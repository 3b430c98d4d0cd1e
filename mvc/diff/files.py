"""Which files differ between two sides, and how; exact renames as Git finds them, by equal content."""

from __future__ import annotations

from collections.abc import Iterable
from posixpath import basename

from mvc.diff.changes import FileChange, FileVersion
from mvc.diff.text import text_diff
from mvc.history.manifest import Manifest
from mvc.history.side import Side


def differing(old: Side, new: Side) -> list[str]:
    """Paths of which mode or content differs, or that one side does not have; sorted."""
    before, after = old.files, new.files
    return sorted(p for p in {*before, *after} if before.get(p) != after.get(p))


def file_changes(old: Side, new: Side, paths: Iterable[str]) -> list[FileChange]:
    """The changes of the differing files ``paths``, sorted by path."""
    before, after = ({p: _version(s, p) for p in paths if p in s.files} for s in (old, new))
    pairs: list[tuple[FileVersion | None, FileVersion | None]] = list(
        _renames(
            [version for path, version in before.items() if path not in after],
            [version for path, version in after.items() if path not in before],
        )
    )
    for source, target in pairs:
        if source and target:
            del before[source.path], after[target.path]
    pairs += ((before.get(path), after.get(path)) for path in {*before, *after})
    return sorted((_change(old, new, *pair) for pair in pairs), key=lambda change: change.path)


def is_model(manifest: Manifest | None) -> bool:
    """Whether a file with this manifest has tensors to speak of, rather than text or plain bytes."""
    return manifest is not None and manifest.content is None


def _version(side: Side, path: str) -> FileVersion:
    mode, blob = side.files[path]
    manifest = side.manifest(path)
    if manifest is None:
        return FileVersion(path, mode, blob, len(side.text(path)), "text")
    return FileVersion(path, mode, blob, manifest.size, "model" if is_model(manifest) else "bytes")


def _renames(
    gone: list[FileVersion], come: list[FileVersion]
) -> Iterable[tuple[FileVersion, FileVersion]]:
    """Files of equal content, those that kept their name in another folder first."""
    for same_name in (True, False):
        waiting: dict[tuple[str, str], list[FileVersion]] = {}
        for version in sorted(gone, key=lambda v: v.path, reverse=True):
            waiting.setdefault(_likeness(version, same_name), []).append(version)
        for version in sorted(come, key=lambda v: v.path):
            if sources := waiting.get(_likeness(version, same_name)):
                source = sources.pop()
                gone = [v for v in gone if v is not source]
                come = [v for v in come if v is not version]
                yield source, version


def _likeness(version: FileVersion, with_name: bool) -> tuple[str, str]:
    return version.blob, basename(version.path) if with_name else ""


def _change(
    old: Side, new: Side, before: FileVersion | None, after: FileVersion | None
) -> FileChange:
    if before is None or after is None:
        change = FileChange("deleted" if before else "added", before, after)
    elif before.path != after.path:
        return FileChange("renamed", before, after)
    elif before.blob == after.blob:
        return FileChange("mode", before, after)
    else:
        change = FileChange("modified", before, after)
    if change.kind != "text":
        return change
    text = text_diff(
        old.text(before.path) if before else None,
        new.text(after.path) if after else None,
        before.path if before else change.path,
        after.path if after else change.path,
    )
    return FileChange(change.status, before, after, text)
