"""What a signature covers: commits and tags as bytes, told apart into what was signed and the signature.

The inverse of ``gitobjects.with_signature``, and as lenient as Git, whose tools may have made the object.
Judges nothing. Source: Git's ``commit.c`` (``parse_signed_commit``), ``gpg-interface.c`` (``parse_signature``).
"""

from __future__ import annotations

from mvc.history.signing import ARMOURS

_HEADER = b"gpgsig"
#: Of a repository with ids by SHA-256, whose commits have both; neither is part of what the other covers.
_HEADERS = (b"gpgsig ", b"gpgsig-sha256 ")
_BEGINNINGS = tuple(armour.encode() for armour in ARMOURS)


def parted_commit(body: bytes) -> tuple[bytes, str | None]:
    """The commit without its signatures, which is what was signed; and the signature, or None.

    ``parted_commit(with_signature(body, text)) == (body, text)``, for a ``text`` that ends in a line break.
    """
    head, blank, message = body.partition(b"\n\n")
    kept: list[bytes] = []
    signature: list[bytes] = []
    inside = b""
    for line in head.split(b"\n"):
        if inside and line.startswith(b" "):
            value = line[1:]
        else:
            inside = next((name for name in _HEADERS if line.startswith(name)), b"")
            value = line[len(inside) :]
        if not inside:
            kept.append(line)
        elif inside.strip() == _HEADER:
            signature.append(value)
    if not signature:
        return body, None
    text = b"".join(line + b"\n" for line in signature)
    return b"\n".join(kept) + blank + message, text.decode("utf-8", "replace")


def parted_tag(body: bytes) -> tuple[bytes, str | None]:
    """The tag up to its signature, which is what was signed; and the signature at its end, or None."""
    start, at = 0, None
    while start < len(body):
        if body.startswith(_BEGINNINGS, start):
            at = start  # the last one counts: whoever signs a text may cite another signature in it
        end = body.find(b"\n", start)
        start = len(body) if end < 0 else end + 1
    if at is None:
        return body, None
    return body[:at], body[at:].decode("utf-8", "replace")
