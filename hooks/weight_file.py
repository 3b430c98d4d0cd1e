"""What one weight file of the work tree holds.

Owns the step from a path to a ``Weight``: the file's own bytes where they are here, the pointer of Git LFS
where they are not. Nothing in a file is executed, and none is held in memory as a whole.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from shlex import quote

from hooks.digests import digests
from hooks.weight_hashes import Tensor, Weight
from mvc import formats
from mvc.errors import FormatError
from mvc.formats import sniff
from mvc.history.merkle import file_root
from mvc.ids import object_id
from mvc.worktree.described import manifest_of
from mvc.worktree.reading import Model, OpenFile, classify, open_file

_ZIP = b"PK\x03\x04"
_LFS = re.compile(rb"^oid sha256:([0-9a-f]{64})$\n^size ([0-9]{1,19})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Seen:
    """``partial``: only a pointer of Git LFS is here, so ``weight`` lacks what tensors would say.

    ``status`` and ``seen`` (clock in ns) are of when the file was opened.
    """

    weight: Weight
    partial: bool
    status: os.stat_result
    seen: int


def look(root: str, path: str, *, opaque: bool) -> Seen:
    """Read the file ``path`` of the repository at ``root``; with ``opaque`` its tensors don't matter.

    Raises:
        FormatError: it is not what its name says: corrupt, truncated, or asking for code to run.
        UsageError: it is no regular file, or lies beyond a symbolic link.
        MvcError: it changed while it was read.
        StorageError: it can't be read.
    """
    with open_file(root, path) as opened:
        pointer = _pointer(opened)
        try:
            weight = pointer or _weight(opened, opaque)
        except FormatError as error:
            raise _explained(error, path) from error
    # The head of a zip stands for any content: whether a file of this name can have tensors at all.
    partial = pointer is not None and not opaque and formats.detect(path, _ZIP) is not None
    return Seen(weight, partial, opened.status, opened.seen)


def _pointer(opened: OpenFile) -> Weight | None:
    head = opened.file.read(sniff.HEAD)
    if sniff.placeholder(head) != "a Git LFS pointer":
        return None
    match = _LFS.search(head.replace(b"\r\n", b"\n"))
    return Weight(match[1].decode(), int(match[2])) if match else None


def _weight(opened: OpenFile, opaque: bool) -> Weight:
    content = classify(opened, opaque=opaque)
    if not isinstance(content, Model):
        return Weight(digests(opened.whole(), ())[0], opened.size)
    skeleton = content.skeleton.encode()
    sha256, ids = digests(opened.whole(), content.layout.storages)
    manifest = manifest_of(opened, content, ids, None)
    composer = formats.composer(content.layout.format)
    rest = composer.rest(skeleton) if composer else content.skeleton.literal
    return Weight(
        sha256,
        opened.size,
        content.layout.format,
        object_id(rest),
        file_root(manifest),
        {entry.name: Tensor(entry.dtype, entry.shape, entry.id) for entry in manifest.tensors},
    )


def _explained(error: FormatError, path: str) -> FormatError:
    """The error with what helps here in place of ``mvc add --opaque``."""
    message = error.message if error.message.startswith(path) else f"{path}: {error.message}"
    hint = f"mend it; or take it as plain bytes: --opaque {quote(path)}"
    return type(error)(message, hint=f"{hint}; or leave it out: --exclude {quote(path)}")
