"""Inputs that once broke a property, kept for good: target → the bytes, and what went wrong."""

from __future__ import annotations

from fuzz import places, targets
from fuzz.targets import Target

FINDINGS: dict[Target, dict[str, bytes]] = {
    targets.json_is_refused_or_comes_back: {
        # The target asked too much: near the largest double, serde_json's arithmetic is not the nearest.
        "a number next to the largest": b"1.7976931348621158e308",
    },
    targets.a_manifest_is_refused_or_comes_back: {
        "half a surrogate pair as a name": b"mvc-manifest 1\nformat pytorch\nsize 1\nskeleton "
        + b"a" * 64
        + b'\n"\\ud800" U8 [1] '
        + b"a" * 64
        + b"\n",
    },
    targets.a_record_is_refused_or_comes_back: {
        "metrics that are text": b'{"inputs":[],"metrics":"{5}:","mvc-record":1,"operation":"",'
        b'"parameters":{},"result":"","seed":2,"versions":{}}',
        "NaN as a seed": b'{"inputs":[],"metrics":{},"mvc-record":1,"operation":"","parameters":{},'
        b'"result":"","seed":NaN,"versions":{}}',
    },
    targets.a_signature_is_refused_or_comes_back: {
        "a zone that five digits need": b" <> 1 -9999",
    },
    places.a_pack_gives_its_bytes_or_an_integrity_error: {
        "two deltas that stand on each other": (
            b"OBJ1\x01\x00\x08\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00"
            b"\x00\x00\x00\x00\x00\x0009\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
            b"\x0009\x00\x00\x00\x00\x00\x0009\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
            b"\x00\x00\x00\x0009?EIMe}\x00u\x7f[v\x00\x00\x10\x00\x00EN"
            b"OBJ1\x01\x00\x08\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00"
            b"\x0009\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0009?E"
            b"IMe}\x00u\x7f[\x00\x00\x00\x00\x00\x0009\x00\x10\x00\x00\x00\x00\x00\x00"
            b"\x00\x00\x00\x00\x00\x00\x00\x00\x0009\x00\x00\x00\x00\x00\x0009\x00\x10\x00\x00\x00"
            b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0009?EIMe}\x00u\x7f["
            b"v\x00\x00\x10\x00\x0086\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x10\x00"
            b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0009\x00\x10\x00\x00\x00\x00\x00\x00"
            b"\x00\x00\xfc\xff\x00\x0009?E\xb9\x07\xb4\xbc\x01\x00\x00\x00\x00\x00\x00\x0009"
            b"\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x000\xa0\x00\x00\x00\x00\x00"
            b"\x0009\x00\x10:e\x10\x00eimqu\x00\x00y}\x00\x00\x00\x00\x00\x00"
            b"\x00\x00\x10\x00DY]aeimqu\x00EnD1"
        ),
    },
    places.an_ignore_file_is_refused_or_judges: {
        "ninety stars": b"*" * 90 + b"z",
    },
    places.git_files_are_refused_or_read: {
        "a configuration that is not UTF-8": b"[\xff\xff\xff\xffcore]\n\tbare = true\n",
    },
}
