"""Sound inputs for each target, from which a fuzzer starts: made by code, so that none can rot."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from formats.pytorch.torch_zip import Store, archive, floats, parameter, pickled, tensor
from formats.safetensors_files import corpus
from fuzz import frames, places, targets
from fuzz.targets import Target

from mvc.formats.layout import Storage
from mvc.formats.skeleton import Skeleton
from mvc.history.manifest import Conflict, Entry, Manifest, StorageEntry
from mvc.history.record import Record
from mvc.history.signature import Signature
from mvc.ids import ObjectId
from mvc.store.codecs import (
    COPY,
    DELTA,
    LOWRANK,
    MASK,
    PLANES,
    REQUANT,
    ROTATED,
    SPARSE,
    ZSTD,
    Place,
    codec,
)
from mvc.store.fs import Disk
from mvc.store.source import BytesSource, Incoming
from mvc.store.store import Store as Objects
from mvc.worktree import index_text

ID = ObjectId("ab" * 32)
_MODEL = {"w": floats(2, 3), "v": tensor(Store(bytes(16)), (2,), (2,)), "n": [1, "a", None, 0.5]}


def seeds(target: Target) -> list[bytes]:
    """Small inputs of which the target accepts most."""
    return _SEEDS[target]()


def _safetensors() -> list[bytes]:
    small = [data for data in corpus().values() if 8 < len(data) < 400]
    return [bytes((len(d) - 8 - length,)) + d[8 : 8 + length] for d in small
            if 0 <= len(d) - 8 - (length := struct.unpack_from("<Q", d)[0]) < 256]  # fmt: skip


def _jsons() -> list[bytes]:
    return [seed[1:] for seed in _safetensors()] + [b'[-0,1e308,1.5,"\\ud83d\\ude00",true,null]']


def _zips() -> list[bytes]:
    made = archive(_MODEL)
    plain = made.write()
    made.deflated.add("archive/data.pkl")
    return [plain, made.write(), made.write(streamed=True), archive(floats(2)).write()]


def _pickles() -> list[bytes]:
    values = [_MODEL, {"p": parameter(floats(2)), 3: (1, {2}, frozenset("a"), b"x", bytearray(2))}]
    return [pickled(value, protocol)[0] for value in values for protocol in range(2, 6)] + [
        b"(lp0\nI1\naF1.5\naS'a'\naVb\naL5L\na.",
        b"(dp0\n(ia\nb\n(oR.",
    ]


def _skeletons() -> list[bytes]:
    return [
        Skeleton(20, (Storage("a", 4, 6), Storage("b", 12, 0)), bytes(14)).encode(),
        Skeleton(3, (), b"abc").encode(),
    ]


def _manifests() -> list[bytes]:
    a = Entry("a", "F32", (2, 3), ID)
    view = Entry('v"\u00e9', "BF16", (), ID, "data/0", 4, (1, -2))
    return [
        Manifest("bytes", 7, content=ID).encode(),
        Manifest(
            "pytorch", 99, ID, (a, view), (StorageEntry("data/0", 8, ID),), (Conflict("c", None, a, a),)
        ).encode(),
    ]  # fmt: skip


def _records() -> list[bytes]:
    return [Record("commit", ID, (ID,), {"a": [1, None]}, 3, {"mvc": "1"}, {"m": 0.5}).encode()]


def _signatures() -> list[bytes]:
    return [Signature("Ada", "a@b.c", 1_700_000_000, -90).encode().encode(), b"<> -1 +0000"]


def _caches() -> list[bytes]:
    rows = [
        ("100644", "a" * 40, "5", index_text.UNKNOWN, "a b"),
        ("100755", "b" * 40, "0", "1 2 3 4 5 6", "c"),
    ]
    return [index_text.encode(("-", "c" * 40, "-"), rows).rpartition(b"end ")[0]]  # fmt: skip


def _shards() -> list[bytes]:
    index = {"metadata": {"total_size": 8}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.bin"}}
    return [json.dumps(index).encode(), b'{"weight_map":{}}']


def _heads() -> list[bytes]:
    return [
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
        b"\xef\xbb\xbf <!DOCTYPE html>",
        b'<?xml version="1.0"?>',
        b"Entry not found",
        b"PK\x03\x04",
    ]


def _packs() -> list[bytes]:
    folder = str(places.scratch() / "seed-store")
    store = Objects.create(folder, Disk()) if not Path(folder).exists() else Objects(folder, Disk())
    with store.writer() as writer:
        contents = [
            (b"", None),
            (b"text " * 40, None),
            (bytes(range(256)) * 2, "BF16"),
            (b"ab", None),
        ]
        writer.add([Incoming(BytesSource(data), dtype) for data, dtype in contents])
        writer.publish()
    return [path.read_bytes()[16:] for path in Path(folder, "packs").iterdir()]


def _headers() -> list[bytes]:
    data = _packs()[0]
    return [data[:96], data[96:192], data[192:256], data[-64:]]


def _indexes() -> list[bytes]:
    _packs()
    folder = places.scratch() / "seed-store" / "index"
    return [path.read_bytes()[:-32] for path in folder.iterdir()]


def _frames() -> list[bytes]:
    found = []
    raw = memoryview(b"".join(struct.pack("<f", 1 / (n + 1)) for n in range(300)))
    for number, param in ((PLANES, 4 | ROTATED), (PLANES, 2), (ZSTD, 0)):
        out = memoryview(bytearray(len(raw)))
        size = codec(number).encode(raw, param, out)
        payload = bytes(out[: size or 0])
        found.append(bytes((number, param)) + len(raw).to_bytes(2, "little") + payload)
    return [*found, *_frames_over_bases()]


def _frames_over_bases() -> list[bytes]:
    """Over the base that ``places`` gives each."""
    found = []
    words = np.frombuffer(places.under(DELTA, 4, 2048), "<f4")
    integers = np.rint(words / np.float32(0.5 / 127))
    cases = [
        (DELTA, 4 | ROTATED, words[1:101].tobytes()),
        (SPARSE, 4 | ROTATED, words[:100].tobytes() + bytes(8)),
        (REQUANT, 0x11, integers[:200].astype("i1").tobytes()),
        (LOWRANK, 0x10, (words[:400] + np.float32(0.25)).tobytes()),
    ]
    for number, param, raw in cases:
        base, out = places.under(number, param, len(raw)), memoryview(bytearray(len(raw)))
        size = codec(number).encode(memoryview(raw), param, out, base, Place(0, (10,)))
        payload = bytes(out[: size or 0])
        found.append(bytes((number, param)) + len(raw).to_bytes(2, "little") + payload)
    return found


def _frames_over_any_base() -> list[bytes]:
    words = np.frombuffer(places.under(DELTA, 4, 2048), "<f4")
    material = words[:160].tobytes()
    base = np.tile(words[:160], 3)
    integers = np.rint(base / np.float32(0.5 / 127))
    ones = np.full(10, 2, "<u4").tobytes() + material[40:]  # zigzag of 1, and a weight
    weight = np.tile(words[10:160], 3)
    pruned = np.where(np.abs(base) < 0.2, np.float32(0), base)
    cases = [
        (DELTA, 4 | ROTATED, base[1:101].tobytes(), material),
        (COPY, 0, base[:100].tobytes(), material),
        (MASK, 4 | ROTATED, pruned[:200].tobytes(), material),
        (SPARSE, 4 | ROTATED, base[:100].tobytes() + bytes(8), material),
        (REQUANT, 0x11, integers[:200].astype("i1").tobytes(), material),
        (LOWRANK, 0x10, (weight[:400] + np.float32(0.25)).tobytes(), ones),
    ]
    return [seed for case in cases for seed in frames.over_any_base(*case)]


def _git_objects() -> list[bytes]:
    context = places.repository()
    git = context.git
    head = context.refs.head()
    assert head is not None
    tree = git.commit(head).tree
    commit = (
        f"tree {tree}\nparent {head}\nauthor A <a@b.c> 1 +0000\ncommitter A <a@b.c> 1 +0000\n\nm\n"
    )
    tag = f"object {head}\ntype commit\ntag v1\ntagger A <a@b.c> 1 +0000\n\nm\n"
    blob = hashlib.sha1(b"blob 0\0").digest()
    folder = b"100644 a\0" + blob + b"40000 b\0" + bytes.fromhex(tree) + b"120000 c\0" + blob
    bodies = {b"commit": commit.encode(), b"tag": tag.encode(), b"tree": folder, b"blob": b"text"}
    return [b"\1%s %d\0%s" % (kind, len(body), body) for kind, body in bodies.items()]


def _revisions() -> list[bytes]:
    places.repository()
    return [
        text.encode()
        for text in (
            *("HEAD", "@", "main~2^0", "v1^{}", "v1^{commit}", "HEAD^{tree}", "-", "@{-1}", "main@{1}"),
            *("HEAD..other", "main...other", "^HEAD main", "refs/heads/main", "HEAD^2", "abcd", ".."),
        )
    ]  # fmt: skip


def _ignores() -> list[bytes]:
    return [b"*.pt\n!keep.pt\n# no\n/a/**/b\n[a-z]?\\ \n", b"a*b*c\n**/x/**\n"]


def _git_files() -> list[bytes]:
    return [
        b"ref: refs/heads/main\n",
        b"a" * 40 + b"\n",
        b"# pack-refs with: peeled\n" + b"a" * 40 + b" refs/heads/main\n^" + b"b" * 40 + b"\n",
        b"0" * 40 + b" " + b"a" * 40 + b" A <a@b.c> 1 +0000\tcommit (initial): m\n",
        b'[core]\n\tbare = true\n[a "b"]\n\tc = "d#e" ; f\n[include]\n\tpath = x\n',
    ]


_SEEDS: dict[Target, Callable[[], list[bytes]]] = {
    targets.a_safetensors_file_is_refused_or_comes_back: _safetensors,
    targets.json_is_refused_or_comes_back: _jsons,
    targets.a_zip_file_is_refused_or_comes_back: _zips,
    targets.a_pickle_is_refused_or_comes_back: _pickles,
    targets.a_skeleton_is_refused_or_comes_back: _skeletons,
    targets.a_manifest_is_refused_or_comes_back: _manifests,
    targets.a_record_is_refused_or_comes_back: _records,
    targets.a_signature_is_refused_or_comes_back: _signatures,
    targets.a_stat_cache_is_ignored_or_comes_back: _caches,
    targets.a_shard_index_is_refused_or_comes_back: _shards,
    targets.a_placeholder_is_told_from_weights: _heads,
    places.a_pack_gives_its_bytes_or_an_integrity_error: _packs,
    places.a_header_of_a_pack_is_refused_or_comes_back: _headers,
    places.an_index_is_refused_or_answers: _indexes,
    places.a_frame_is_decoded_or_refused: _frames,
    frames.a_frame_over_any_base_comes_back_or_is_refused: _frames_over_any_base,
    places.a_git_object_is_refused_or_read: _git_objects,
    places.a_revision_names_a_commit_or_nothing: _revisions,
    places.an_ignore_file_is_refused_or_judges: _ignores,
    places.git_files_are_refused_or_read: _git_files,
}
