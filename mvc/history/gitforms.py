"""Git objects as values: what the bytes of a commit, a tree or a tag say.

The inverse of ``gitobjects.py``, but as lenient as Git itself: objects may come from any Git tool. It reads no
file. Source: ``git-cat-file``, Git's ``commit.c`` and ``tree-walk.c``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mvc.errors import CorruptPack
from mvc.history.gitobjects import EXECUTABLE_MODE, FILE_MODE, TREE_MODE, TreeEntry
from mvc.history.signature import Signature
from mvc.history.signed import parted_tag
from mvc.ids import CommitId, TreeId
from mvc.values import dataclass

_PERSON = re.compile(
    rb"(.*?) ?<([^>\n]*)>(?: (-?\d{1,18})(?: ([+-])(\d{2})(\d{2}))?)?.*", re.DOTALL
)
_ID = re.compile(rb"[0-9a-f]{40}")
_KIND_BITS = 0o170000
_REGULAR = 0o100000


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as its object says it."""

    id: CommitId
    tree: TreeId
    parents: tuple[CommitId, ...]
    author: Signature
    committer: Signature
    message: str

    @property
    def subject(self) -> str:
        """The message's first paragraph on one line."""
        return " ".join(self.message.strip().split("\n\n", 1)[0].split("\n"))


@dataclass(frozen=True, slots=True)
class Tag:
    """An annotated tag; old ones have no ``tagger``. A ``signature`` is no part of the ``message``."""

    target: str
    tagger: Signature | None
    message: str
    signature: str | None = None


def parse_commit(id_: str, body: bytes) -> Commit:
    """The commit ``id_``.

    Raises:
        CorruptPack: the object lacks a tree, a parent's id or a person.
    """
    headers, message = _parted(body)
    return Commit(
        CommitId(id_),
        TreeId(_one_id(id_, headers, b"tree")),
        tuple(CommitId(_checked(id_, value)) for value in headers.get(b"parent", [])),
        _person(id_, headers, b"author"),
        _person(id_, headers, b"committer"),
        _text(message, headers),
    )


def parse_tag(id_: str, body: bytes) -> Tag:
    """The annotated tag ``id_``.

    Raises:
        CorruptPack: the object does not say what it names.
    """
    body, signature = parted_tag(body)
    headers, message = _parted(body)
    tagger = _person(id_, headers, b"tagger") if b"tagger" in headers else None
    return Tag(_one_id(id_, headers, b"object"), tagger, _text(message, headers), signature)


def parse_tree(id_: str, body: bytes) -> Iterator[TreeEntry]:
    """The names in a tree, in its order; odd modes of regular files become one of Git's two.

    Raises:
        CorruptPack: an entry is cut off or has no mode.
    """
    position = 0
    while position < len(body):
        end = body.find(b"\0", position)
        mode, space, name = body[position:end].partition(b" ")
        position = end + 21
        if end < 0 or not space or position > len(body) or not _is_octal(mode):
            raise _damaged(id_, "an entry of the tree can't be read")
        yield TreeEntry(
            name.decode("utf-8", "surrogateescape"),
            _mode(int(mode, 8)),
            body[end + 1 : position].hex(),
        )


def _is_octal(mode: bytes) -> bool:
    return 0 < len(mode) <= 7 and not mode.strip(b"01234567")


def _mode(mode: int) -> int:
    if mode & _KIND_BITS == _REGULAR:
        return EXECUTABLE_MODE if mode & 0o100 else FILE_MODE
    return TREE_MODE if mode & _KIND_BITS == TREE_MODE else mode


def _parted(body: bytes) -> tuple[dict[bytes, list[bytes]], bytes]:
    """The values of each header, those of one name in order; and what comes after the empty line."""
    head, _, message = body.partition(b"\n\n")
    headers: dict[bytes, list[bytes]] = {}
    for line in head.split(b"\n"):
        if not line.startswith(b" "):  # such a line goes on with a signature
            name, _, value = line.partition(b" ")
            headers.setdefault(name, []).append(value)
    return headers, message.lstrip(b"\n")


def _one_id(id_: str, headers: dict[bytes, list[bytes]], name: bytes) -> str:
    return _checked(id_, headers.get(name, [b""])[0])


def _checked(id_: str, value: bytes) -> str:
    if not _ID.fullmatch(value):
        raise _damaged(id_, f"{value[:60]!r} is no id")
    return value.decode("ascii")


def _person(id_: str, headers: dict[bytes, list[bytes]], role: bytes) -> Signature:
    match = _PERSON.fullmatch(headers.get(role, [b""])[0])
    if match is None:
        raise _damaged(id_, f"it has no {role.decode()}")
    name, email, seconds, sign, hours, minutes = match.groups()
    east = int(hours or 0) * 60 + int(minutes or 0)
    return Signature(
        name.decode("utf-8", "replace"),
        email.decode("utf-8", "replace"),
        int(seconds or 0),
        -east if sign == b"-" else east,
    )


def _text(message: bytes, headers: dict[bytes, list[bytes]]) -> str:
    encoding = headers.get(b"encoding", [b"utf-8"])[0].decode("ascii", "replace")
    try:
        return message.decode(encoding, "replace")
    except LookupError:
        return message.decode("utf-8", "replace")


def _damaged(id_: str, why: str) -> CorruptPack:
    return CorruptPack(
        f"the Git object {id_} is damaged: {why}", hint="mvc fsck names what is whole"
    )
