"""Names of tensors. A name is data, any string: never a path, never a way to steer a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from corpus.case import Case, of_file
from formats.pytorch.torch_zip import floats, saved
from formats.safetensors_files import entry, file_of

NAMES = {
    "empty": "",
    "a blank": " ",
    "a dot": ".",
    "two dots": "..",
    "a way up": "../../../etc/passwd",
    "an absolute path": "/etc/passwd",
    "a Windows path": "C:\\Windows\\x",
    "a UNC path": "\\\\host\\share",
    "the repository": ".mvc/HEAD",
    "an escaping zip entry": "../data/0",
    "NUL": "a\0b",
    "a line feed": "a\nb",
    "a manifest's line": 'a" F32 [2] ' + "0" * 64 + '\n"b',
    "a carriage return": "safe\revil",
    "a tab": "a\tb",
    "a backspace": "a\b\b\bb",
    "a colour": "\x1b[31mred\x1b[0m",
    "a window title": "\x1b]0;owned\x07",
    "a C1 control": "\x9b31m",
    "right to left": "\u202egnp.exe",
    "an isolate": "\u2066a\u2069",
    "a zero-width joiner": "a\u200db",
    "a byte order mark": "\ufeffa",
    "a noncharacter": "\uffff",
    "beyond the first plane": "\U0001f600",
    "quotes": "'\"`$(id)",
    "a backslash": "\\",
    "printf": "%s%n{0}",
    "a flag": "--help",
    "a regular expression": "(a+)+$",
    "a glob": "[!*?",
    "the word conflict": "x conflict - - -",
    "64 KiB": "n" * 65_536,
}
TWINS = {
    "NFC and NFD": ("\u00e9", "e\u0301"),
    "two cases": ("Weight", "weight"),
    "a dotless i": ("i", "\u0131"),
    "a dot between": ("a.b", "a"),
    "one the other's escape": ("\n", "\\n"),
}


def _pair(first: str, second: str) -> bytes:
    return file_of({first: entry("U8", [4], [0, 4]), second: entry("U8", [4], [4, 8])})


def _cases() -> Iterator[Case]:
    for what, name in NAMES.items():
        yield of_file(f"safetensors: {what}", file_of({name: entry()}), file="m.safetensors")
        yield of_file(f"pickle: {what}", saved({name: floats(2)}), file="m.pt")
    for what, names in TWINS.items():
        yield of_file(f"safetensors: {what}", _pair(*names), file="m.safetensors")
        yield of_file(f"pickle: {what}", saved({n: floats(2) for n in names}), file="m.pt")
    too_long = saved({"n" * 65_537: floats(2)})
    yield of_file(
        "pickle: 64 KiB and one", too_long, "LimitExceeded", "name is longer", file="m.pt"
    )
    surrogate = saved({"\ud800": floats(2)}, protocol=4)
    yield of_file("pickle: a lone surrogate", surrogate, file="m.pt")
    nested = saved({"a": {"b": floats(2)}, "a.b": floats(3)})
    yield of_file("pickle: two ways to one name", nested, file="m.pt")


CASES = [*_cases()]
