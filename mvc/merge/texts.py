"""Text files: Git's own three-way merge, and what a strategy makes of its conflicts."""

from __future__ import annotations

import hashlib

from mvc.history.git import Git
from mvc.history.manifest import BYTES, Manifest, is_manifest
from mvc.history.snapshot import Snapshot
from mvc.ids import BlobId
from mvc.limits import TEXT_BLOB
from mvc.merge.job import Job
from mvc.merge.strategies.strategy import Side
from mvc.store.store import Store


def read_text(store: Store, snapshot: Snapshot, path: str) -> bytes:
    """A file's content, wherever it lives: the index of a very large model is no Git blob.

    Raises:
        LimitExceeded: larger than ``limits.WHOLE_OBJECT``.
    """
    manifest = snapshot.manifest(path)
    if manifest is None:
        return snapshot.blob(path)
    return b"" if manifest.content is None else store.read(manifest.content)


def write_text(job: Job, data: bytes) -> BlobId:
    """Keep a text as ``add`` would: a Git blob, or an object when it is large."""
    if len(data) <= TEXT_BLOB and not is_manifest(data):
        return job.objects.blob(data)
    content = job.pack.put(data)
    return job.objects.blob(Manifest(BYTES, len(data), content=content).encode())


def merge_texts(
    git: Git, base: BlobId | None, ours: BlobId, theirs: BlobId, labels: tuple[str, str]
) -> tuple[bytes, bool] | None:
    """The merged text and whether it is clean; None when a side is no text to Git (it has a NUL)."""
    if any(b"\0" in git.blob(id_) for id_ in (base, ours, theirs) if id_ is not None):
        return None
    return git.merge_text(base, ours, theirs, labels)


def favour(git: Git, base: BlobId | None, ours: BlobId, theirs: BlobId, side: Side) -> bytes | None:
    """The merged text with ``side``'s lines where both changed the same ones (Git's ``-X ours``).

    For ``base`` it is the ancestor's whole file, None when there is none.
    """
    if side == "base":
        return None if base is None else git.blob(base)
    # Labels that no file can contain by accident make the markers recognisable.
    token = hashlib.sha256(f"{base} {ours} {theirs}".encode()).hexdigest()
    merged, _ = git.merge_text(base, ours, theirs, (token, token))
    chosen = git.blob(ours if side == "ours" else theirs)
    settled = _choose(merged.split(b"\n"), token.encode(), side)
    if settled is None:
        return chosen
    text = b"\n".join(settled)
    # A conflict at the end of the file got a line feed in front of its marker.
    at_the_end = merged.rstrip(b"\r\n").endswith(b">>>>>>> " + token.encode())
    return text[:-1] if at_the_end and text and not chosen.endswith(b"\n") else text


def _choose(lines: list[bytes], token: bytes, side: Side) -> list[bytes] | None:
    """Drop the markers and the other side's lines; None when a conflict holds a line of seven ``=``."""
    kept: list[bytes] = []
    at = "both"
    for line in lines:
        bare = line.rstrip(b"\r")
        if at == "both" and bare == b"<<<<<<< " + token:
            at = "ours"
        elif at != "both" and bare == b"=======":
            if at == "theirs":
                return None
            at = "theirs"
        elif at == "theirs" and bare == b">>>>>>> " + token:
            at = "both"
        elif at in ("both", side):
            kept.append(line)
    return kept
