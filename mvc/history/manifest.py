"""The manifest: one tracked file as canonical text, a line a tensor, so that Git's own tools show changes.

Owns the text and its inverse; ``Manifest.decode(m.encode()) == m`` and equal values have equal bytes.
It knows ids and names only: never the store, a path or a commit. Grammar: ``docs/reference/format.md``.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring_ascii as _quote
from typing import NamedTuple

from mvc.errors import CorruptPack
from mvc.ids import ObjectId
from mvc.uncollected import uncollected
from mvc.values import dataclass

VERSION = 1
#: Of a manifest with a conflict of more than two sides, which version 1 has no line for.
VERSION_OF_MANY = 2
_MAGIC = b"mvc-manifest "

#: The format name of a file that is kept as plain bytes.
BYTES = "bytes"


class Entry(NamedTuple):  # a third of a dataclass's time to make: a file may have 100,000
    """A tensor: ``id`` is BLAKE3 of its row-major bytes.

    ``storage`` is None when a storage object of the same id holds exactly these bytes; else it is the
    key of the storage that the tensor looks into, with ``offset`` and ``strides`` in elements.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    id: ObjectId
    storage: str | None = None
    offset: int = 0
    strides: tuple[int, ...] | None = None

    @property
    def value(self) -> tuple[str, tuple[int, ...], ObjectId]:
        """What makes two tensors the same: dtype, shape and bytes; not where they lie in a file."""
        return (self.dtype, self.shape, self.id)


@dataclass(frozen=True, slots=True)
class StorageEntry:
    """Bytes that several tensors share, or that no tensor describes."""

    key: str
    length: int
    id: ObjectId


@dataclass(frozen=True, slots=True)
class Conflict:
    """A tensor that several sides changed: the term base + (ours - base) + (theirs - base) + …

    A side that does not have the tensor is None. ``more`` are the sides after ``theirs``, of an octopus.
    """

    name: str
    base: Entry | None
    ours: Entry | None
    theirs: Entry | None
    more: tuple[Entry | None, ...] = ()

    @property
    def models(self) -> tuple[Entry | None, ...]:
        """What each merged side has: ours, theirs and more."""
        return (self.ours, self.theirs, *self.more)

    @property
    def sides(self) -> tuple[Entry | None, ...]:
        """The base and the models."""
        return (self.base, *self.models)

    @property
    def line(self) -> str:
        """How a manifest has it."""
        return " ".join([_quote(self.name), "conflict", *map(_side, self.sides)])


@dataclass(frozen=True, slots=True)
class Manifest:
    """A file that lives in the store. Tensors, storages and conflicts are sorted by name.

    ``content`` is set for ``bytes`` files, ``skeleton`` for all others; ``size`` is the file's, in bytes.
    """

    format: str
    size: int
    skeleton: ObjectId | None = None
    tensors: tuple[Entry, ...] = ()
    storages: tuple[StorageEntry, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    content: ObjectId | None = None

    def encode(self) -> bytes:
        """The canonical text, UTF-8 (names are escaped to ASCII)."""
        many = any(conflict.more for conflict in self.conflicts)
        lines = [_first_line(VERSION_OF_MANY if many else VERSION)]
        lines += [f"format {self.format}", f"size {self.size}"]
        if self.content is not None:
            lines.append(f"content {self.content}")
        if self.skeleton is not None:
            lines.append(f"skeleton {self.skeleton}")
        lines += [f"storage {_quote(s.key)} {s.length} {s.id}" for s in self.storages]
        named = [(e.name, _entry_line(e)) for e in self.tensors]
        named += [(c.name, c.line) for c in self.conflicts]
        named.sort()
        lines += [line for _, line in named]
        lines.append("")
        return "\n".join(lines).encode("ascii")

    @staticmethod
    def decode(data: bytes) -> Manifest:
        """The manifest that ``data`` spells.

        Raises:
            CorruptPack: the text breaks the grammar; the message names the line.
        """
        try:
            with uncollected():  # 100,000 tensors: 0.3 s instead of 0.4 s
                return _decode(data)
        except (ValueError, UnicodeDecodeError, RecursionError) as error:
            raise CorruptPack(
                f"damaged manifest: {error}", hint="mvc fsck --full names what is whole"
            ) from error

    def object_ids(self) -> Iterator[ObjectId]:
        """Every store object that the file needs, conflict terms included."""
        if self.content is not None:
            yield self.content
        if self.skeleton is not None:
            yield self.skeleton
        yield from self.span_ids().values()
        for conflict in self.conflicts:
            for side in conflict.sides:
                if side is not None and side.storage is None:
                    yield side.id

    @property
    def written(self) -> tuple[Entry, ...]:
        """The tensors as they lie in the file, by name: of an undecided one ours, where ours has it."""
        if not self.conflicts:
            return self.tensors
        ours = [conflict.ours for conflict in self.conflicts if conflict.ours is not None]
        return tuple(sorted([*self.tensors, *ours], key=lambda entry: entry.name))

    @property
    def values(self) -> dict[str, object]:
        """What each tensor is, by name, for telling whether two are the same; of an undecided one its term."""
        found: dict[str, object] = {entry.name: entry.value for entry in self.tensors}
        found.update((conflict.name, conflict) for conflict in self.conflicts)
        return found

    def span_ids(self) -> dict[str, ObjectId]:
        """The object of each span of the skeleton, by the span's key."""
        spans = {storage.key: storage.id for storage in self.storages}
        spans.update((e.name, e.id) for e in self.tensors if e.storage is None)
        # A file with undecided tensors is written with ours, as Git leaves ours in the work tree.
        spans.update((c.name, c.ours.id) for c in self.conflicts if c.ours and not c.ours.storage)
        return spans


def is_manifest(data: bytes) -> bool:
    """Whether a Git blob is a manifest rather than a file's own text."""
    return data.startswith(_MAGIC)


def _entry_line(entry: Entry) -> str:
    line = f"{_quote(entry.name)} {entry.dtype} {_shape(entry.shape)} {entry.id}"
    if entry.storage is not None:
        strides = _shape(entry.strides or ())
        line += f" @ {_quote(entry.storage)} {entry.offset} {strides}"
    return line


def _first_line(version: int) -> str:
    return f"mvc-manifest {version}"


def _side(entry: Entry | None) -> str:
    return "-" if entry is None else f"{entry.dtype}:{_shape(entry.shape)}:{entry.id}"


@functools.lru_cache(4096)
def _shape(shape: tuple[int, ...]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


_ID = r"[0-9a-f]{64}"
_NUMBER = r"(?:0|[1-9][0-9]*)"
_NUMBERS = rf"\[(?:{_NUMBER}(?:,{_NUMBER})*)?\]"
_STRING = r'"(?:[ !#-\[\]-~\x7f]++|\\(?:["\\bfnrt]|u[0-9a-f]{4}))*+"'
# Texts, compiled when the first line is read: to import them compiled takes 8 ms.
_TENSOR = (
    rf"({_STRING}) ([A-Z][A-Z0-9_]*) ({_NUMBERS}) ({_ID})"
    rf"(?: @ ({_STRING}) ({_NUMBER}) (\[(?:-?{_NUMBER}(?:,-?{_NUMBER})*)?\]))?"
)
_TERM = rf"-|[A-Z][A-Z0-9_]*:{_NUMBERS}:{_ID}"
_CONFLICT = rf"({_STRING}) conflict ((?:{_TERM})(?: (?:{_TERM})){{2,}})"
_STORAGE = rf"storage ({_STRING}) ({_NUMBER}) ({_ID})"
#: A whole tensor whose name needs no escape: such a line is canonical.
_PLAIN = rf'(?m)^"([ !#-\[\]-~]*)" ([A-Z][A-Z0-9_]*) ({_NUMBERS}) ({_ID})$'
_FIELD = rf"(?:format ([a-z][a-z0-9-]*)|size ({_NUMBER})|(content|skeleton) ({_ID}))"


def _decode(data: bytes) -> Manifest:
    text = data.decode("ascii")
    # Tensors come last, and nothing else begins with a quotation mark.
    cut = text.find('\n"') + 1 or len(text)
    head, tail = text[:cut], text[cut:]
    first, *lines = head.split("\n")
    if first not in map(_first_line, (VERSION, VERSION_OF_MANY)):
        expected = _first_line(VERSION)
        raise ValueError(f"line 1 is {first[:40]!r}, not {expected!r}: written by a newer mvc?")
    if text[-1:] != "\n":
        raise ValueError("the last line is cut off")
    fields, storages = _head_lines(lines[:-1])
    plain = _plain_lines(tail)
    if plain is not None:
        if _assemble(fields, storages).encode() != data[:cut]:
            raise ValueError("the text is not in its canonical form")
        return _assemble(fields, storages, plain)
    manifest = _assemble(fields, storages, *_tensor_lines(tail, len(lines) + 1))
    if manifest.encode() != data:
        raise ValueError("the text is not in its canonical form")
    return manifest


def _plain_lines(text: str) -> tuple[Entry, ...] | None:
    """The tensors when all are whole ones of plain names in their canonical form; else None.

    One expression over all lines: a third of the time of going line by line.
    """
    found = re.findall(_PLAIN, text)
    if len(found) != text.count("\n"):
        return None
    names = [name for name, _, _, _ in found]
    if not all(map(str.__lt__, names, names[1:])):
        return None
    return tuple(Entry(name, dtype, _numbers(s), ObjectId(id_)) for name, dtype, s, id_ in found)


def _head_lines(lines: list[str]) -> tuple[dict[str, str], list[StorageEntry]]:
    fields: dict[str, str] = {}
    storages: list[StorageEntry] = []
    for number, line in enumerate(lines, start=2):
        if match := re.fullmatch(_STORAGE, line):
            storages.append(_storage(match))
        elif re.fullmatch(_FIELD, line):
            key, _, value = line.partition(" ")
            if key in fields:
                raise ValueError(f"line {number} repeats {key!r}")
            fields[key] = value
        else:
            raise ValueError(f"line {number} is not understood: {line[:80]!r}")
    return fields, storages


def _tensor_lines(text: str, start: int) -> tuple[list[Entry], list[Conflict]]:
    tensors: list[Entry] = []
    conflicts: list[Conflict] = []
    last = None
    for number, line in enumerate(text.split("\n")[:-1], start=start):
        name = _tensor_line(line, tensors, conflicts)
        if name is None or (last is not None and name <= last):
            raise ValueError(f"line {number} is not a tensor in its sorted place: {line[:80]!r}")
        last = name
    return tensors, conflicts


def _assemble(
    fields: dict[str, str],
    storages: Sequence[StorageEntry],
    tensors: Sequence[Entry] = (),
    conflicts: Sequence[Conflict] = (),
) -> Manifest:
    skeleton, content = fields.get("skeleton"), fields.get("content")
    if "format" not in fields or "size" not in fields or (skeleton is None) == (content is None):
        raise ValueError("format, size and one of skeleton and content must be given")
    return Manifest(
        format=fields["format"],
        size=int(fields["size"]),
        skeleton=None if skeleton is None else ObjectId(skeleton),
        tensors=tuple(tensors),
        storages=tuple(storages),
        conflicts=tuple(conflicts),
        content=None if content is None else ObjectId(content),
    )


def _tensor_line(line: str, tensors: list[Entry], conflicts: list[Conflict]) -> str | None:
    match = re.fullmatch(_TENSOR, line)
    if match:
        name, dtype, shape, id_, storage, offset, strides = match.groups()
        entry = Entry(_string(name), dtype, _numbers(shape), ObjectId(id_))
        if storage is not None:
            entry = Entry(
                entry.name,
                dtype,
                entry.shape,
                entry.id,
                _string(storage),
                int(offset),
                _numbers(strides),
            )
        tensors.append(entry)
        return entry.name
    match = re.fullmatch(_CONFLICT, line)
    if match:
        name = _string(match[1])
        base, ours, theirs, *more = (_parse_side(name, side) for side in match[2].split(" "))
        conflicts.append(Conflict(name, base, ours, theirs, tuple(more)))
        return name
    return None


def _storage(match: re.Match[str]) -> StorageEntry:
    return StorageEntry(_string(match[1]), int(match[2]), ObjectId(match[3]))


def _parse_side(name: str, text: str) -> Entry | None:
    if text == "-":
        return None
    dtype, shape, id_ = text.split(":")
    return Entry(name, dtype, _numbers(shape), ObjectId(id_))


def _string(text: str) -> str:
    """What a JSON string that ``_STRING`` matched spells; most have no escape in them."""
    if "\\" not in text:
        return text[1:-1]
    name = str(json.loads(text))
    name.encode()  # half of a surrogate pair is an escape, and no text
    return name


@functools.lru_cache(4096)  # a model has a hundred thousand tensors, but few shapes
def _numbers(text: str) -> tuple[int, ...]:
    inner = text[1:-1]
    return tuple(map(int, inner.split(","))) if inner else ()
