"""Small safetensors files for the tests: sound ones, and a corpus of odd ones made by code."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import safetensors

from mvc.dtypes import DTYPES

EIGHT = bytes(range(8))
SOUND = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'


def file_of(header: Any, data: bytes = EIGHT) -> bytes:
    """A file; ``header`` is its bytes, its text or a value to be written as JSON."""
    if not isinstance(header, (bytes, str)):
        header = json.dumps(header)
    if isinstance(header, str):
        header = header.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(header)) + header + data


def entry(
    dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any
) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


def accepted_by_the_library(data: bytes) -> bool:
    try:
        safetensors.deserialize(data)
    except safetensors.SafetensorError:
        return False
    return True


def corpus() -> dict[str, bytes]:
    """All odd files by what is odd about them."""
    cases: dict[str, bytes] = {}
    for part in (
        _lengths,
        _names,
        _dtypes,
        _shapes,
        _places,
        _entries,
        _numbers,
        _metadata,
        _texts,
    ):
        for name, data in part():
            assert name not in cases, name
            cases[name] = data
    return cases


Cases = Iterator[tuple[str, bytes]]


def _lengths() -> Cases:
    sound = file_of(SOUND)
    for size in (0, 1, 7, 8, 9, 10, len(sound) - 9, len(sound) - 8, len(sound) - 1):
        yield f"truncated to {size} bytes", sound[:size]
    for more in (1, 7, 8):
        yield f"{more} bytes after the last tensor", sound + bytes(more)
    for length in (
        0,
        1,
        2,
        53,
        55,
        62,
        63,
        99_999_999,
        10**8,
        10**8 + 1,
        2**32,
        2**63,
        2**64 - 8,
        2**64 - 1,
    ):
        yield f"header length {length}", struct.pack("<Q", length) + sound[8:]
    yield "an empty header and nothing else", bytes(8)
    for text in ("{}", "{} ", "[]", "null", "1", '""', "{", "}", "", " ", "true", "{}{}"):
        yield f"the header {text!r} without data", file_of(text, b"")
        yield f"the header {text!r} with data", file_of(text)


def _names() -> Cases:
    names = [
        "",
        " ",
        "\0",
        "\n",
        "a\tb",
        "é",
        "e\u0301",
        "\u202e",
        "\ufeff",
        "\uffff",
        "😀",
        "\x7f",
        "\x1f",
    ]
    names += r"../etc/passwd / C:\x . __metadata_ dtype \\ \ud800 %s{} -0".split()
    names += ['"', "a" * 70_000]
    for name in names:
        yield f"the name {name[:20]!r}", file_of({name: entry()})
        raw = json.dumps({name: entry()}, ensure_ascii=False)
        yield f"the name {name[:20]!r}, unescaped", file_of(raw)
    yield (
        "names that differ in normal form alone",
        file_of({"é": entry("U8", [4], [0, 4]), "e\u0301": entry("U8", [4], [4, 8])}),
    )
    for spelled in (
        *r"\ud83d\ude00 \uD83D\uDE00 \ud83d\\ude00 \ud83d\ude0 \ud800 \udc00 \ud800\ud800".split(),
        *r"\udc00\ud800 \ud800A \ud800\u0041 \\ud800 \\\ud800 \u0041 \u00 \u+041 \u0_41 \u".split(),
        *r"\ \' \/ \x41".split(),
        r"\u 041",
    ):
        yield f"the name spelled {spelled}", file_of(f'{{"{spelled}":{json.dumps(entry())}}}')
    for code in (0, 9, 10, 31, 127):
        yield (
            f"a raw control character {code}",
            file_of(f'{{"a{chr(code)}":{json.dumps(entry())}}}'),
        )


def _dtypes() -> Cases:
    for dtype, facts in DTYPES.items():
        size = facts.bits  # eight elements
        yield f"eight of {dtype}", file_of({"a": entry(dtype, [2, 4], [0, size])}, bytes(size))
        yield (
            f"{dtype} without dimensions",
            file_of({"a": entry(dtype, [], [0, facts.bits // 8])}, bytes(facts.bits // 8)),
        )
        yield f"empty {dtype}", file_of({"a": entry(dtype, [3, 0], [0, 0])}, b"")
        yield (
            f"one byte short of {dtype}",
            file_of({"a": entry(dtype, [8], [0, size - 1])}, bytes(size - 1)),
        )
        yield f"{dtype} as a map", file_of({"a": entry({dtype: None}, [8], [0, size])}, bytes(size))  # type: ignore[arg-type]
    for dtype in ("F4", "F6_E2M3", "F6_E3M2"):
        for elements in range(1, 9):
            for size in range(1, 7):
                yield (
                    f"{elements} of {dtype} in {size} bytes",
                    file_of({"a": entry(dtype, [elements], [0, size])}, bytes(size)),
                )
    for spelled in (
        *'"f32" "" "F8_E4M3FN" "I4" null 11 0 1.0 true ["F32"] {} {"F32":{}} {"F32":[]} {"F32":1}'.split(),
        *'{"F32":""} {"F32":null,"F16":null} {"F32":null,"F32":null} {"X":null}'.split(),
        *r'"\u004632" {"\u004632":null}'.split(),
        '"F32 "',
    ):
        yield f"dtype {spelled}", file_of(SOUND.replace('"F32"', spelled))


def _shapes() -> Cases:
    for shape in (
        *'[] [2.0] [2e0] [-2] [true] [null] ["2"] [[2]] {} "2" 2 null [02] [+2] [2,] [,2] [2,1,1]'.split(),
        *'[1,2,1] [2,0] [-0] [2,-0] [0x2] {"0":2}'.split(),
        "[ 2 ]",
        "[2 1]",
    ):
        yield f"shape {shape}", file_of(SOUND.replace("[2]", shape))
        yield (
            f"empty tensor of shape {shape}",
            file_of(SOUND.replace("[2]", shape).replace("[0,8]", "[0,0]"), b""),
        )
    big = 2**63
    for shape in (
        *(
            [big, 2, 0],
            [0, big, 2],
            [big, 0, 2],
            [2**64 - 1, 0],
            [2**64, 0],
            [0, 2**64],
            [2**61, 0],
        ),
        *([2**59, 0], [2**32, 2**32, 0], [2**32, 2**31, 0], [0, 2**64 - 1, 2**64 - 1], [10**40, 0]),
        *([0, 10**400], [2**64 - 1], [2**58], [2**59], [2**61], [2**59, 16, 0], [2**59, 32, 0]),
        *([1] * 65 + [2], [1] * 5000 + [2]),
    ):
        text = json.dumps(shape)
        yield (
            f"shape {text[:60]} ({len(shape)}) of no bytes",
            file_of({"a": entry("F32", shape, [0, 0])}, b""),
        )
        yield f"shape {text[:60]} ({len(shape)}) of 8 bytes", file_of({"a": entry("F32", shape)})


def _places() -> Cases:
    def pair(first: list[int], second: list[int], size: int = 8) -> bytes:
        tensors = {
            "a": entry("U8", [max(first[1] - first[0], 0)], first),
            "b": entry("U8", [max(second[1] - second[0], 0)], second),
        }
        return file_of(tensors, bytes(size))

    yield "back to back", pair([0, 4], [4, 8])
    yield "back to back, second first", pair([4, 8], [0, 4])
    yield "a gap of one byte", pair([0, 4], [5, 8])
    yield "a gap before the first", pair([1, 4], [4, 8])
    yield "an overlap of one byte", pair([0, 5], [4, 8])
    yield "both in one place", pair([0, 8], [0, 8])
    yield "one inside the other", pair([0, 8], [2, 4])
    yield "bytes after the second", pair([0, 4], [4, 7])
    yield "the second beyond the end", pair([0, 4], [4, 9])
    yield "an empty one at the front", pair([0, 0], [0, 8])
    yield "an empty one at the end", pair([0, 8], [8, 8])
    yield "an empty one inside", pair([0, 8], [4, 4])
    yield "an empty one beyond the end", pair([0, 8], [9, 9])
    yield "two empty ones", pair([0, 0], [0, 0], 0)
    yield "two empty ones and data", pair([0, 0], [0, 0], 8)
    yield "an end before its start", pair([0, 8], [8, 4])
    yield "an empty one between two", file_of(
        {name: entry("U8", [end - start], [start, end]) for name, start, end in
         (("z", 0, 4), ("m", 4, 4), ("k", 4, 4), ("a", 4, 8))}
    )  # fmt: skip
    for offsets in (
        *'[0] [] [0,8,8] [8,0] [0.0,8] [0,8.0] [0,8e0] [-0,8] [-1,7] [null,8] ["0","8"] [false,8]'.split(),
        *'{} {"0":0,"1":8} null 8 [[0,8]] [1,9] [0,08] [0,18446744073709551615]'.split(),
        *"[0,18446744073709551616] [18446744073709551608,0]".split(),
        "[0 8]",
    ):
        yield f"data_offsets {offsets}", file_of(SOUND.replace("[0,8]", offsets))


def _entries() -> Cases:
    for text in (
        *'null [] {} 1 "F32" ["F32",[2],[0,8]] ["F32",[2]] ["F32",[2],[0,8],null]'.split(),
        *'[[2],"F32",[0,8]] [{"F32":null},[2],[0,8]] {"0":"F32","1":[2],"2":[0,8]}'.split(),
    ):
        yield f"the entry {text}", file_of(f'{{"a":{text}}}')
    for field in ("dtype", "shape", "data_offsets"):
        lacking = entry()
        del lacking[field]
        yield f"no {field}", file_of({"a": lacking})
        value = json.dumps(entry()[field])
        yield f"{field} twice", file_of(SOUND.replace("}}", f',"{field}":{value}}}}}'))
        yield f"{field} in capitals", file_of(SOUND.replace(field, field.upper()))
        yield f"{field} as null", file_of({"a": {**entry(), field: None}})
    yield (
        "fields in another order",
        file_of('{"a":{"data_offsets":[0,8],"shape":[2],"dtype":"F32"}}'),
    )
    for extra in (
        *r'1 null [] {} "x" NaN -Infinity [1,2 {"y":{"y":1,"y":2}} "\ud800" [1,] undefined True -'.split(),
        *"[1,'2'] [NaN]".split(),
        '"a" "b"',
    ):
        yield f"an unknown field {extra}", file_of(SOUND.replace("}}", f',"x":{extra}}}}}'))
    yield "an unknown field twice", file_of(SOUND.replace("}}", ',"x":1,"x":2}}'))
    yield "an empty field name", file_of(SOUND.replace("}}", ',"":1}}'))
    for depth in (1, 100, 124, 125, 126, 127, 128, 129, 1000, 100_000):
        deep = "[" * depth + "]" * depth
        yield f"lists {depth} deep", file_of(SOUND.replace("}}", f',"x":{deep}}}}}'))
        yield (
            f"lists {depth} deep under a key given twice",
            file_of(SOUND.replace("}}", f',"x":{deep},"x":1}}}}')),
        )
        yield f"lists {depth} deep as the header", file_of(deep, b"")
        yield (
            f"objects {depth} deep",
            file_of(SOUND.replace("}}", ',"x":' + '{"x":' * depth + "1" + "}" * depth + "}}")),
        )


def _numbers() -> Cases:
    for number in (
        *"1e400 -1e400 1e308 1.7976931348623157e308 1.7976931348623158e308 1.79769313486231596e308".split(),
        *("9" * 308, "9" * 309, "9" * 5000, "1" * 5000 + "e-4990", "0." + "0" * 400 + "1e700"),
        *"1e-400 0e99999999999 1e99999999999 1e-99999999999 -0 -0.0 1. 1.e5 .5 01 -01 +1 1e 1e+".split(),
        *"1E+5 0x10 1_0 １ ٣ -9-9 - --1 18446744073709551615 18446744073709551616".split(),
        *"-9223372036854775809 1e+00000000000000000308 1e+00000000000000000309 1e2147483648".split(),
    ):
        yield (
            f"an unknown field {number[:30]} ({len(number)} digits)",
            file_of(SOUND.replace("}}", f',"x":{number}}}}}')),
        )


def _metadata() -> Cases:
    tensor = json.dumps(entry())
    for text in (
        *'{} null {"a":"b"} {"a":1} {"a":null} {"a":{}} [] 1 "" {"":""} true {"a":"b","a":"c"}'.split(),
        *'{"a":1,"a":"c"} [["a","b"]] {"format":"pt"} {"a":["b"]} {"a":"b",}'.split(),
        *r'{"a":"\ud800"} {"a":"\u0000"}'.split(),
        '{"a":"\t"}',
        tensor,
    ):
        yield f"__metadata__ {text}", file_of(f'{{"__metadata__":{text},"a":{tensor}}}')
        yield f"__metadata__ {text} alone", file_of(f'{{"__metadata__":{text}}}', b"")
    yield "__metadata__ last", file_of(f'{{"a":{tensor},"__metadata__":{{"a":"b"}}}}')
    yield "__metadata__ twice", file_of(f'{{"__metadata__":{{}},"__metadata__":{{}},"a":{tensor}}}')
    yield (
        "__metadata__ null twice",
        file_of(f'{{"__metadata__":null,"__metadata__":null,"a":{tensor}}}'),
    )
    yield "__metadata__ escaped", file_of(f'{{"__metadata_\\u005f":{{"a":"b"}},"a":{tensor}}}')


def _texts() -> Cases:
    for before in (" ", "\n", "\t\r", "\ufeff", "\0", "\v", "\u00a0", "//\n", "{}"):
        yield f"{before!r} before the header", file_of(before + SOUND)
    for after in (" ", "\n \t\r", "\0", "\v", "\x1a", "x", "{}", ",", "\u00a0", "\ufeff", "//"):
        yield f"{after!r} after the header", file_of(SOUND + after)
    for wrong in (
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
        b"\x80",
        b"\xf0\x9f\x98\x80",
    ):
        yield (
            f"the bytes {wrong.hex()} in a name",
            file_of(SOUND.encode().replace(b'"a"', b'"' + wrong + b'"')),
        )
        yield f"the bytes {wrong.hex()} after the header", file_of(SOUND.encode() + wrong)
    yield "UTF-16", file_of(SOUND.encode("utf-16"))
    for text in (
        *(SOUND.replace('"', "'"), SOUND[:-1], SOUND + "}", SOUND.replace("}}", "},}")),
        *(SOUND.replace(":", "="), SOUND.replace(",", ";"), SOUND.replace("}}", "}\n}")),
        *(SOUND.replace(":", " : "), SOUND.replace("{", "{/**/"), SOUND.upper()),
        *'{a:1} {"a"} {"a":} {1:2}'.split(),
        '{"a":1 "b":2}',
    ):
        yield f"the header {text[:60]!r}", file_of(text)
