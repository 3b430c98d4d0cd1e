"""safetensors: a JSON header, then the tensors back to back.

Owns the strict header parser and its inverse. Verdicts equal those of the library (0.8.0, a Rust parser
over serde_json), oddities included, so that a file which loads can be tracked and one which can't load
never looks sound; the one exception is that a duplicate name is refused (the library silently keeps one
of the two). No tensor is ever read here. Byte table and list of oddities: ``docs/reference/formats.md``.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Mapping
from typing import Any, BinaryIO, NoReturn

from mvc import limits
from mvc.dtypes import DTYPES, nbytes
from mvc.errors import LimitExceeded, MalformedFile, UnsupportedDtype
from mvc.formats.layout import ComposedTensor, Layout, Storage, Tensor
from mvc.formats.plain_header import METADATA, Entry, read_plain
from mvc.formats.skeleton import Skeleton
from mvc.formats.strict_json import NESTING, Repeated, depth, parse
from mvc.uncollected import uncollected

_LENGTH = struct.Struct("<Q")
_FIELDS = {"dtype", "shape", "data_offsets"}
_INTEGERS = {int}
_USIZE_END = 2**64
_HINT = "mvc add --opaque FILE keeps it as plain bytes"
#: The library lays tensors out by descending place in this list, then by name.
_RANK = {dtype: rank for rank, dtype in enumerate(DTYPES)}


class Safetensors:
    """The registry entry; stateless."""

    name = "safetensors"
    suffixes: tuple[str, ...] = (".safetensors",)

    def read_layout(self, file: BinaryIO, size: int) -> Layout:
        """Find the tensors of a file of ``size`` bytes; reads the header alone.

        Raises:
            MalformedFile: the library would refuse it, or a name is given twice.
            LimitExceeded: the header is longer than the library's 100 MB.
        """
        header = _read_header(file, size)
        with uncollected():  # 100,000 tensors: a third less time
            entries, metadata = _parse_header(header)
            data = _LENGTH.size + len(header)
            end = entries[-1].end if entries else 0
            if data + end != size:
                raise MalformedFile(
                    f"the tensors end at byte {data + end}, the file at byte {size}", hint=_HINT
                )
            return _layout(entries, metadata, data)

    def compose(
        self,
        template: bytes,
        tensors: tuple[ComposedTensor, ...],
        metadata: Mapping[str, str] | None = None,
    ) -> tuple[bytes, Layout]:
        """A new header, written as the library writes it, and its layout.

        A template that already describes these tensors and this metadata is given back as it is, so that
        undoing a change gives the file of before, bit for bit. Without tensors the header is always written
        anew: what is around the tensors can then be compared.

        Raises:
            MalformedFile: a name twice or not writable, or ``nbytes`` at odds with dtype and shape.
            UnsupportedDtype: a dtype that safetensors does not have.
            LimitExceeded: the header would be longer than 100 MB.
        """
        header = Skeleton.decode(template).literal[_LENGTH.size :]
        old, old_metadata = _parse_header(header)
        kept = old_metadata if metadata is None else dict(sorted(metadata.items()))
        wanted = _checked(tensors)
        if wanted and kept == old_metadata and wanted == {e.name: (e.dtype, e.shape) for e in old}:
            return template, _layout(old, old_metadata, _LENGTH.size + len(header))
        entries: list[Entry] = []
        position = 0
        for tensor in sorted(tensors, key=lambda t: (-_RANK[t.dtype], t.name)):
            end = position + tensor.nbytes
            entries.append(Entry(position, end, tensor.name, tensor.dtype, tensor.shape))
            position = end
        header = _render_header(entries, kept)
        layout = _layout(sorted(entries), kept, _LENGTH.size + len(header))
        literal = _LENGTH.pack(len(header)) + header
        return Skeleton(layout.size, layout.storages, literal).encode(), layout

    def rest(self, template: bytes) -> bytes:
        """The header: nothing in it depends on the tensors' bytes."""
        return Skeleton.decode(template).literal

    def metadata(self, rest: bytes) -> Mapping[str, str]:
        """``__metadata__``, from what ``rest`` gave."""
        return _parse_header(rest[_LENGTH.size :])[1]


SAFETENSORS = Safetensors()

#: The skeleton of a file with no tensors and no metadata: what a new file is composed from.
EMPTY = Skeleton(10, (), b"\x02\0\0\0\0\0\0\0{}").encode()


def _read_header(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    head = file.read(_LENGTH.size)
    if size < _LENGTH.size or len(head) < _LENGTH.size:
        raise MalformedFile(
            f"the file ends at byte {min(size, len(head))}, inside the header's length", hint=_HINT
        )
    (length,) = _LENGTH.unpack(head)
    if length > limits.SAFETENSORS_HEADER:
        raise LimitExceeded(
            f"the header's length at byte 0 is {length}, beyond {limits.SAFETENSORS_HEADER}",
            hint=_HINT,
        )
    header = file.read(length) if length <= size - _LENGTH.size else b""
    if len(header) != length or length == 0:
        raise MalformedFile(
            f"the header's length at byte 0 is {length}, but the file has {size} bytes", hint=_HINT
        )
    return header


def _parse_header(header: bytes) -> tuple[list[Entry], dict[str, str]]:
    """The entries, sorted by place and checked to lie back to back from 0, and the metadata."""
    if (plain := read_plain(header)) is not None:
        return plain[0], _parse_metadata(header, plain[1])
    return _parse_strictly(header)


def _parse_strictly(header: bytes) -> tuple[list[Entry], dict[str, str]]:
    try:
        top = parse(header, _LENGTH.size)
    except MalformedFile as error:
        error.hint = _HINT
        raise
    if not isinstance(top, dict):
        raise MalformedFile("the header at byte 8 is not a JSON object", hint=_HINT)
    if isinstance(top, Repeated):
        counts = Counter(name for name, _ in top.pairs)
        _refuse(header, counts.most_common(1)[0][0], "is given twice")
    metadata = _parse_metadata(header, top.pop(METADATA, None))
    entries = [_parse_entry(header, name, value) for name, value in top.items()]
    entries.sort()
    position = 0
    for start, end, name, dtype, shape in entries:
        if start != position:
            reason = (
                "overlaps the tensor before it" if start < position else "leaves a gap before it"
            )
            _refuse(header, name, f"begins at {start} of the data, not at {position}: it {reason}")
        if end - start != _size(header, name, dtype, shape):
            _refuse(header, name, f"has {end - start} bytes, which is not {dtype} {list(shape)}")
        position = end
    return entries, metadata


def _parse_metadata(header: bytes, value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        _refuse(header, METADATA, "is not an object of strings")
    texts = [text for _, text in value.pairs] if isinstance(value, Repeated) else value.values()
    if not all(isinstance(text, str) for text in texts):
        _refuse(header, METADATA, "is not an object of strings")
    return dict(value)  # of a repeated key the last one counts, as in the library


def _parse_entry(header: bytes, name: str, value: Any) -> Entry:
    if type(value) is dict and value.keys() == _FIELDS:
        dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    else:
        dtype, shape, offsets = _unusual(header, name, value)
    if isinstance(dtype, dict) and len(dtype) == 1 and not isinstance(dtype, Repeated):
        [(dtype, nothing)] = dtype.items()  # {"F32": null}: serde's other spelling of a member
        dtype = dtype if nothing is None else {}
    if not isinstance(dtype, str) or dtype not in DTYPES:
        _refuse(header, name, f"has the dtype {dtype!r:.80}, which safetensors does not know")
    if type(shape) is not list or not _naturals(shape):
        _refuse(header, name, "has a shape that is not a list of unsigned 64-bit integers")
    if type(offsets) is not list or len(offsets) != 2 or not _naturals(offsets):
        _refuse(header, name, "has data_offsets that are not two unsigned 64-bit integers")
    return Entry(offsets[0], offsets[1], name, dtype, tuple(shape))


def _naturals(numbers: list[Any]) -> bool:
    """Whether all are unsigned integers; the parser gives no integer beyond 64 bits."""
    return _INTEGERS.issuperset(map(type, numbers)) and min(numbers, default=0) >= 0


def _unusual(header: bytes, name: str, value: Any) -> list[Any]:
    """dtype, shape and data_offsets where they don't stand as the library writes them.

    serde reads a struct from a sequence as well, and passes over fields that it does not know.
    """
    if isinstance(value, list) and len(value) == len(_FIELDS):
        return value
    if not isinstance(value, dict):
        _refuse(header, name, "is not described by an object of dtype, shape and data_offsets")
    pairs = value.pairs if isinstance(value, Repeated) else value.items()
    if any(depth(field) > NESTING - 2 for key, field in pairs if key not in _FIELDS):
        _refuse(header, name, "is nested too deeply")
    counts = Counter(key for key, _ in pairs)
    for field in ("dtype", "shape", "data_offsets"):
        if counts[field] != 1:
            many = f"{counts[field]} fields" if counts[field] else "no"
            _refuse(header, name, f"has {many} {field}")
    return [value["dtype"], value["shape"], value["data_offsets"]]


def _size(header: bytes, name: str, dtype: str, shape: tuple[int, ...]) -> int:
    """Bytes of the tensor, by the library's arithmetic: left to right, no step beyond 64 bits."""
    elements = 1
    for extent in shape:
        elements *= extent
        if elements >= _USIZE_END:
            break
    bits = elements * DTYPES[dtype].bits
    if bits >= _USIZE_END:
        _refuse(header, name, f"has the shape {list(shape)}, which overflows 64 bits")
    if bits % 8:
        _refuse(header, name, f"is {bits} bits long, not a whole number of bytes")
    return bits // 8


def _refuse(header: bytes, name: str, reason: str) -> NoReturn:
    """Say why ``name`` is refused, and where the header first spells it."""
    spellings = (json.dumps(name, ensure_ascii=ascii).encode() for ascii in (False, True))
    found = max(0, *(header.find(spelling) for spelling in spellings))
    raise MalformedFile(
        f"the tensor {name!r:.200} {reason} (header, byte {_LENGTH.size + found})", hint=_HINT
    )


def _layout(entries: list[Entry], metadata: Mapping[str, str], data: int) -> Layout:
    """``entries`` sorted; ``data``: where the header ends."""
    return Layout(
        format=Safetensors.name,
        size=data + (entries[-1].end if entries else 0),
        storages=tuple(
            Storage(name, data + start, end - start) for start, end, name, _, _ in entries
        ),
        # No two have one name, so that sorting looks no further.
        tensors=tuple(
            sorted(Tensor(name, dtype, shape, name) for _, _, name, dtype, shape in entries)
        ),
        metadata=metadata,
    )


def _checked(tensors: tuple[ComposedTensor, ...]) -> dict[str, tuple[str, tuple[int, ...]]]:
    wanted: dict[str, tuple[str, tuple[int, ...]]] = {}
    for tensor in tensors:
        if tensor.dtype not in DTYPES:
            raise UnsupportedDtype(
                f"the tensor {tensor.name!r} is {tensor.dtype}, which safetensors does not have"
            )
        if tensor.name == METADATA or tensor.name in wanted:
            raise MalformedFile(f"the name {tensor.name!r} is taken; rename one of the two tensors")
        try:
            length = nbytes(tensor.dtype, tensor.shape)
        except ValueError as error:
            raise MalformedFile(f"the tensor {tensor.name!r} can't be written: {error}") from error
        if length != tensor.nbytes:
            raise MalformedFile(
                f"the tensor {tensor.name!r} has {tensor.nbytes} bytes, "
                f"{tensor.dtype} {list(tensor.shape)} has {length}"
            )
        wanted[tensor.name] = (tensor.dtype, tensor.shape)
    return wanted


def _render_header(entries: list[Entry], metadata: Mapping[str, str]) -> bytes:
    """The library's spelling: no spaces, no escapes beyond JSON's own, padded to 8 bytes."""
    top: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    for start, end, name, dtype, shape in entries:
        top[name] = {"dtype": dtype, "shape": shape, "data_offsets": (start, end)}
    text = json.dumps(top, ensure_ascii=False, separators=(",", ":"))
    try:
        header = text.encode()
    except UnicodeEncodeError as error:
        raise MalformedFile(f"a name or the metadata is not valid Unicode: {error}") from error
    header += b" " * (-len(header) % 8)
    if len(header) > limits.SAFETENSORS_HEADER:
        raise LimitExceeded(f"the header would have {len(header)} bytes")
    return header
