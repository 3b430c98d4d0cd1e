"""What stands under a weight file's name when the weights never came.

Owns the recognition of placeholders by their first bytes: Git LFS pointers and what a web server sends
in place of a file. Committing one would look like success and lose the model; so it is called by its name.
It must not know how the real formats begin.
"""

from __future__ import annotations

import re

from mvc.errors import LfsPointer

#: Bytes of a file's head that ``placeholder`` and ``mvc.formats.detect`` need.
HEAD = 512

#: Names that promise weights, whether or not mvc reads the format.
WEIGHT_SUFFIXES = (
    ".safetensors",
    ".pt",
    ".pth",
    ".bin",
    ".ckpt",
    ".gguf",
    ".onnx",
    ".h5",
    ".keras",
)

#: The pointer's first line; the other two hosts are older spellings that Git LFS still reads
#: (git-lfs, docs/spec.md and lfs/pointer.go).
_LFS = re.compile(
    rb"version (https://git-lfs\.github\.com/spec|https://hawser\.github\.com/spec|http://git-media\.io)/v"
)
_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body|!--)", re.IGNORECASE)
_XML = re.compile(rb"(\xef\xbb\xbf)?\s*<\?xml\s", re.IGNORECASE)
#: The whole body of the Hugging Face hub's refusals.
_REFUSALS = (b"Entry not found", b"Repository not found", b"Invalid username or password.")


def placeholder(head: bytes) -> str | None:
    """What the file is instead of weights ("a Git LFS pointer" …), or None."""
    if _LFS.match(head):
        return "a Git LFS pointer"
    if _MARKUP.match(head):
        return "an HTML page"
    if _XML.match(head):
        return "an XML page (an object store's error?)"
    if head.strip() in _REFUSALS:
        return "a web server's refusal"
    return None


def check(path: str, head: bytes) -> None:
    """Refuse a placeholder under the name of a weight file; any other file passes.

    Raises:
        LfsPointer: the weights themselves are still to be fetched.
    """
    if not path.lower().endswith(WEIGHT_SUFFIXES):
        return
    kind = placeholder(head)
    if kind is None:
        return
    fetch = "git lfs pull" if "LFS" in kind else "download the file again"
    raise LfsPointer(
        f"{path} is {kind}, not weights",
        hint=f"{fetch}; or keep it as it is with mvc add --opaque",
    )
