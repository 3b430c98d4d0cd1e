"""The strict zip reader, with the standard library's as its oracle."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest
from formats.pytorch.torch_zip import Archive
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import LimitExceeded, MalformedFile
from mvc.formats.pytorch.zip_directory import DEFLATED, Entry, read_content, read_directory
from mvc.formats.pytorch.zip_writer import Record, record, write_zip

_NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\\/", exclude_categories=["Cs"]),
    min_size=1,
    max_size=20,
)
_ENTRIES = st.dictionaries(_NAMES, st.binary(max_size=100), max_size=6)


def entries_of(data: bytes) -> tuple[Entry, ...]:
    return read_directory(io.BytesIO(data), len(data))


def two() -> bytearray:
    return bytearray(Archive({"a/one": b"first", "a/two": b"second"}).write())


def central(data: bytes, number: int = 0) -> int:
    """The offset of an entry's record in the directory."""
    at = data.index(b"PK\x01\x02")
    for _ in range(number):
        at = data.index(b"PK\x01\x02", at + 1)
    return at


@given(_ENTRIES, st.booleans())
def test_it_finds_what_the_standard_library_wrote(
    contents: dict[str, bytes], deflate: bool
) -> None:
    data = Archive(contents, set(contents) if deflate else set()).write()
    found = entries_of(data)
    assert [entry.name for entry in found] == list(contents)
    for entry, content in zip(found, contents.values(), strict=True):
        assert read_content(io.BytesIO(data), entry, 1_000) == content


@given(_ENTRIES, st.sampled_from([1, 64, 4096]))
def test_what_the_writer_writes_the_standard_library_reads(
    contents: dict[str, bytes], alignment: int
) -> None:
    written = write_zip([record(name, content) for name, content in contents.items()], alignment)
    with zipfile.ZipFile(io.BytesIO(written.literal)) as archive:
        assert archive.testzip() is None
        assert {info.filename: archive.read(info) for info in archive.infolist()} == contents
    assert all(entry.offset % alignment == 0 for entry in entries_of(written.literal))


def test_zip64_sizes_and_offsets_are_written_and_read() -> None:
    large = 2**32 + 5
    records = [Record("a/large", None, 0, 7, large, large), record("a/behind", b"small")]
    written = write_zip(records)
    offset, length = written.gaps["a/large"]
    assert length == large
    assert written.size == len(written.literal) + large
    file = _Sparse(written.literal, offset, large)
    first, second = read_directory(file, written.size)
    assert (first.offset, first.length, first.crc) == (offset, large, 7)
    assert second.offset > 2**32
    assert read_content(file, second, 100) == b"small"
    with zipfile.ZipFile(file) as oracle:  # type: ignore[call-overload]
        assert [info.file_size for info in oracle.infolist()] == [large, 5]
        assert oracle.read("a/behind") == b"small"


def test_more_entries_than_the_short_record_can_count_are_written_and_read() -> None:
    written = write_zip([record(str(i), b"") for i in range(65_600)], 1)
    assert len(entries_of(written.literal)) == 65_600
    with zipfile.ZipFile(io.BytesIO(written.literal)) as oracle:
        assert len(oracle.infolist()) == 65_600


class _Sparse(io.RawIOBase):
    """``literal`` with ``length`` zero bytes at ``offset``, which are not in memory."""

    def __init__(self, literal: bytes, offset: int, length: int) -> None:
        self.literal, self.offset, self.length = literal, offset, length
        self.position = 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        total = len(self.literal) + self.length
        self.position = (0, self.position, total)[whence] + offset
        return self.position

    def tell(self) -> int:
        return self.position

    def read(self, size: int = -1, /) -> bytes:
        at = self.position
        assert at + max(size, 0) <= self.offset or at >= self.offset + self.length
        at -= self.length if at >= self.offset + self.length else 0
        data = self.literal[at : at + size] if size >= 0 else self.literal[at:]
        self.position += len(data)
        return data


def test_two_entries_of_one_name_are_refused() -> None:
    data = two()
    for at in (data.index(b"a/two"), data.rindex(b"a/two")):
        data[at : at + 5] = b"a/one"
    with pytest.raises(MalformedFile, match="two zip entries are named 'a/one'"):
        entries_of(data)


def test_entries_over_the_same_bytes_are_refused() -> None:
    data = bytearray(Archive({"a/same": b"first", "a/more": b"other"}).write())
    inner = data.index(b"PK\x03\x04", 4)
    # The first entry now claims to reach into the second.
    for at in (18, central(data) + 20):
        struct.pack_into("<2I", data, at, inner, inner)
    with pytest.raises(MalformedFile, match="overlaps"):
        entries_of(data)


@pytest.mark.parametrize("flag", [0x0001, 0x0040, 0x2000])
def test_encrypted_files_are_refused(flag: int) -> None:
    data = two()
    data[central(data) + 8] |= flag & 0xFF
    data[central(data) + 9] |= flag >> 8
    with pytest.raises(MalformedFile, match="encrypted"):
        entries_of(data)


def test_a_directory_that_disagrees_with_a_header_is_refused() -> None:
    for at, value in ((30, b"X"), (8, b"\x08")):
        data = two()
        data[at : at + 1] = value
        with pytest.raises(MalformedFile, match="disagree"):
            entries_of(data)


def test_a_wrong_crc_is_refused_and_none_at_all_is_not() -> None:
    data = two()
    at = central(data) + 16
    struct.pack_into("<I", data, at, zlib.crc32(b"other"))
    with pytest.raises(MalformedFile, match="CRC of 'a/one' is wrong"):
        read_content(io.BytesIO(data), entries_of(data)[0], 100)
    struct.pack_into("<I", data, at, 0)
    assert read_content(io.BytesIO(data), entries_of(data)[0], 100) == b"first"


def test_damaged_deflate_data_is_refused() -> None:
    data = bytearray(Archive({"a": b"abc" * 50}, {"a"}).write())
    (entry,) = entries_of(data)
    data[entry.offset : entry.offset + 4] = b"\xff" * 4
    with pytest.raises(MalformedFile, match="inflate"):
        read_content(io.BytesIO(data), entry, 1_000)


def test_other_compression_methods_are_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a", b"abc" * 50)
    (entry,) = entries_of(file.getvalue())
    assert entry.method not in (0, DEFLATED)
    with pytest.raises(MalformedFile, match="compression method 12"):
        read_content(file, entry, 1_000)


def test_content_beyond_the_cap_is_not_read() -> None:
    data = two()
    with pytest.raises(LimitExceeded, match="more than 4"):
        read_content(io.BytesIO(data), entries_of(data)[0], 4)


def test_bytes_before_or_behind_the_zip_are_refused() -> None:
    for data in (b"#!/bin/sh\n" + two(), two() + b"\0"):
        with pytest.raises(MalformedFile):
            entries_of(bytes(data))


def test_an_archive_comment_is_refused() -> None:
    file = io.BytesIO(bytes(two()))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"hello"
    with pytest.raises(MalformedFile, match="end record"):
        entries_of(file.getvalue())


def test_more_entries_than_the_cap_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mvc.formats.pytorch.zip_directory.ZIP_ENTRIES", 1)
    with pytest.raises(LimitExceeded, match="2 entries"):
        entries_of(two())


def test_a_false_count_of_entries_is_refused() -> None:
    for count in (1, 3, 60_000):
        data = two()
        struct.pack_into("<2H", data, len(data) - 14, count, count)
        with pytest.raises(MalformedFile):
            entries_of(data)


def test_end_records_that_disagree_are_refused() -> None:
    written = write_zip([record(str(i), b"") for i in range(65_600)], 1)
    data = bytearray(written.literal)
    struct.pack_into("<2H", data, len(data) - 14, 5, 5)
    with pytest.raises(MalformedFile, match="disagree"):
        entries_of(data)
