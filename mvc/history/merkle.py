"""The Merkle root: one hash over every weight of a commit, so that a signature reaches the weights.

A file's root is BLAKE3 over its sorted lines ``"name" dtype shape id``; a commit's root is BLAKE3 over its
sorted lines ``"path" root``. An undecided tensor counts with all its sides, by its line of the manifest. How
tensors are laid out in the file does not enter, nor does text: metrics keyed by the root survive an edited
README, an amended message and a rebase.
"""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring_ascii as _quote

from mvc.history.manifest import Manifest
from mvc.ids import ObjectId, object_id


def file_root(manifest: Manifest) -> ObjectId:
    """The root of one file; a file of plain bytes counts as one tensor ``BYTES [size]``."""
    if manifest.content is not None:
        lines = [f'"" BYTES [{manifest.size}] {manifest.content}']
    else:
        lines = [
            f"{_quote(e.name)} {e.dtype} [{','.join(map(str, e.shape))}] {e.id}"
            for e in manifest.tensors
        ]
        lines += [conflict.line for conflict in manifest.conflicts]
        lines += [f"{_quote(s.key)} STORAGE [{s.length}] {s.id}" for s in manifest.storages]
    return _hash(lines)


def commit_root(files: Iterable[tuple[str, ObjectId]]) -> ObjectId:
    """The root of a commit, from ``(path, file_root)`` of each file that lives in the store."""
    return _hash(f"{_quote(path)} {root}" for path, root in files)


def _hash(lines: Iterable[str]) -> ObjectId:
    return object_id("".join(f"{line}\n" for line in sorted(lines)).encode("ascii"))
