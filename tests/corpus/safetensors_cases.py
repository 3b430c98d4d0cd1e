"""safetensors files, end to end. The parser's own corpus of 500 files is in ``tests/formats``."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from corpus.case import Case, of_file
from formats.safetensors_files import EIGHT, SOUND, entry, file_of

FILE = "m.safetensors"


def _case(name: str, data: bytes, error: str | None = None, says: str = "") -> Case:
    return of_file(name, data, error, says, file=FILE)


def _lengths() -> Iterator[Case]:
    sound = file_of(SOUND)
    bad = "MalformedFile"
    yield _case("a sound file", sound)
    for length in (0, 1, 53, 55, 62, 99_999_999):
        data = struct.pack("<Q", length) + sound[8:]
        says = "the header's length at byte 0" if length in (0, 99_999_999) else "at byte"
        yield _case(f"the header's length is {length}", data, bad, says if length != 62 else "")
    for length in (100_000_001, 2**32, 2**63, 2**64 - 8, 2**64 - 1):
        data = struct.pack("<Q", length) + sound[8:]
        yield _case(
            f"the header's length is {length}", data, "LimitExceeded", f"is {length}, beyond"
        )
    for size in (1, 7, 8, 9, 40, len(sound) - 1):
        yield _case(f"cut off after {size} bytes", sound[:size], bad, "byte")
    yield _case("an empty file", b"", bad, "the file ends at byte 0")
    yield _case("bytes after the last tensor", sound + b"\0", bad, "the tensors end at byte")
    yield _case("an empty header", file_of("{}", b""))


def _places() -> Iterator[Case]:
    def two(first: list[int], second: list[int]) -> bytes:
        sizes = [max(end - start, 0) for start, end in (first, second)]
        tensors = {"a": entry("U8", [sizes[0]], first), "b": entry("U8", [sizes[1]], second)}
        return file_of(tensors)

    bad = "MalformedFile"
    yield _case("overlap by a byte", two([0, 5], [4, 8]), bad, "overlaps the tensor before it")
    yield _case("both in one place", two([0, 8], [0, 8]), bad, "overlaps the tensor before it")
    yield _case("a gap of a byte", two([0, 4], [5, 8]), bad, "leaves a gap")
    yield _case("an end before its start", two([0, 8], [8, 4]), bad, "'b'")
    yield _case("beyond the end", two([0, 4], [4, 9]), bad, "the tensors end at byte")
    for offsets in ([0, 2**64], [2**64 - 8, 2**64], [-8, 0], [0.0, 8.0], ["0", "8"], [0], None):
        yield _case(f"offsets {offsets}", file_of({"a": entry(offsets=offsets)}), bad, "'a'")
    for shape in ([2**63, 2, 0], [2**32, 2**32], [10**40], [-2], [2.0], [True], [2**61], {"0": 2}):
        yield _case(f"shape {shape}", file_of({"a": entry(shape=shape)}), bad, "'a'")
    yield _case("65 dimensions", file_of({"a": entry("U8", [1] * 65, [0, 1])}, b"x"))
    yield _case("5,000 dimensions", file_of({"a": entry("U8", [1] * 5000, [0, 1])}, b"x"))
    for dtype in ("F31", "", None, 3, "f32", ["F32"]):
        yield _case(f"dtype {dtype!r}", file_of({"a": entry(dtype)}), bad, "dtype")  # type: ignore[arg-type]
    yield _case("half a byte", file_of({"a": entry("F4", [3], [0, 1])}, b"x"), bad, "whole number")


def _texts() -> Iterator[Case]:
    bad = "MalformedFile"
    nest = "[" * 10_000 + "]" * 10_000
    yield _case("nested 10,000 deep", file_of(f'{{"a":{nest}}}'), bad, "")
    yield _case("nested 10 million deep", file_of("[" * 10**7), bad, "")
    deep = '{"a":' * 126 + "1" + "}" * 126
    yield _case("an unknown field 126 deep", file_of(SOUND.replace("}}", f',"x":{deep}}}}}')), bad)
    yield _case("a name given twice", file_of(f"{SOUND[:-1]},{SOUND[1:]}"), bad, "given twice")
    escaped = SOUND[1:].replace('"a"', '"\\u0061"')
    yield _case(
        "a name given twice, once escaped", file_of(f"{SOUND[:-1]},{escaped}"), bad, "twice"
    )
    twice = SOUND.replace('"dtype"', '"dtype":"F32","dtype"')
    yield _case("a field given twice", file_of(twice), bad, "2 fields dtype")
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "0x8", "08", "8e", "+8", "8."):
        yield _case(f"the number {number}", file_of(SOUND.replace("8]", f"{number}]")), bad, "byte")
    yield _case("a byte order mark", file_of(b"\xef\xbb\xbf" + SOUND.encode()), bad, "byte")
    yield _case("UTF-16", file_of(SOUND.encode("utf-16")), bad, "not UTF-8")
    yield _case("a byte that is not UTF-8", file_of(SOUND.encode().replace(b'"a"', b'"\xff"')), bad)
    yield _case("a lone surrogate", file_of(SOUND.replace('"a"', r'"\ud800"')), bad, "surrogate")
    yield _case("a raw NUL", file_of(SOUND.replace('"a"', '"\0"')), bad, "byte")
    yield _case(
        "a number of a million digits", file_of(SOUND.replace("8]", "8" * 10**6 + "]")), bad
    )
    yield _case("blanks for a header", file_of(" " * 1000), bad, "byte")
    yield _case("10 MB of blanks before it", file_of(" " * 10**7 + SOUND), None)
    for top in ("[]", "null", "1", '""', "{", "{}{}"):
        yield _case(f"the header {top}", file_of(top), bad)
    yield _case("metadata of numbers", file_of({"__metadata__": {"a": 1}, "a": entry()}), bad)
    yield _case("metadata that is a list", file_of({"__metadata__": [], "a": entry()}), bad)
    loud = {"__metadata__": {"\x1b[31m": "\x1b]0;title\x07\u202e"}, "a": entry()}
    yield _case("metadata that would steer a terminal", file_of(loud))


def _million(root: Path) -> None:
    entries = (
        f'"t{n}":{{"dtype":"U8","shape":[1],"data_offsets":[{n},{n + 1}]}}' for n in range(10**6)
    )
    (root / FILE).write_bytes(file_of("{" + ",".join(entries) + "}", bytes(10**6)))


def _many() -> Iterator[Case]:
    empty: dict[str, Any] = {f"t{n}": entry("U8", [0], [0, 0]) for n in range(20_000)}
    yield replace(_case("20,000 empty tensors", file_of(empty, b"")), weight=2)
    yield Case("1,000,000 tensors", _million, ("add", FILE), weight=5)
    wide = {"__metadata__": {str(n): "x" * 50 for n in range(20_000)}, "a": entry()}
    yield _case("20,000 metadata entries", file_of(wide))
    strange = json.dumps(entry()).replace(
        "}", "," + ",".join(f'"{n}":0' for n in range(50_000)) + "}"
    )
    yield _case("50,000 unknown fields", file_of(f'{{"a":{strange}}}'))
    yield _case("a manifest's first line as content", b"mvc-manifest 9\n" + EIGHT, "LimitExceeded")


CASES = [*_lengths(), *_places(), *_texts(), *_many()]
