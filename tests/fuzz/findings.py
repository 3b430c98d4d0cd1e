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
    places.an_ignore_file_is_refused_or_judges: {
        "ninety stars": b"*" * 90 + b"z",
    },
    places.git_files_are_refused_or_read: {
        "a configuration that is not UTF-8": b"[\xff\xff\xff\xffcore]\n\tbare = true\n",
    },
}
