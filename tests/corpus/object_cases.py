"""Manifests, skeletons and packs that lie."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import zstandard
from blake3 import blake3
from corpus.case import Case
from corpus.forge import Forge, lines, seal, skeleton, sound_skeleton
from corpus.history_cases import CORRUPT, LOOKS, MISSING, SWITCH
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from mvc.store.pack import FrameHeader, Record, encode_frame, encode_record

ABSENT = "ab" * 32
DATA = bytes(range(64))


def _case(
    name: str,
    forge: Callable[[Forge], object],
    error: str | None = CORRUPT,
    says: str = "",
    verb: tuple[str, ...] = SWITCH,
) -> Case:
    return Case(name, lambda root: forge(Forge(root)), verb, error, says, after=LOOKS)


def _manifest(*rows: str, skeleton: bytes | None = None) -> Callable[[Forge], object]:
    """A branch with one manifest; ``{o}`` in a row is a sound object of 64 bytes, ``{s}`` the skeleton."""

    def forge(f: Forge) -> object:
        o, s = f.objects(DATA, skeleton if skeleton is not None else sound_skeleton(("a", 0, 64)))
        return f.files(m_safetensors=lines(*(row.format(o=o, s=s) for row in rows)))

    return forge


SOUND = ("format safetensors", "size 64", "skeleton {s}", '"a" U8 [64] {o}')
HEAD = SOUND[:3]


def _manifests() -> Iterator[Case]:
    yield _case("a sound one", _manifest(*SOUND), None)
    yield _case("content", _manifest("format bytes", "size 64", "content {o}"), None)
    rows = {
        "no size": ("format bytes", "content {o}"),
        "two sizes": ("format bytes", "size 64", "size 64", "content {o}"),
        "a size of 5,000 digits": ("format bytes", "size " + "9" * 5000, "content {o}"),
        "a size below nothing": ("format bytes", "size -64", "content {o}"),
        "a size in another spelling": ("format bytes", "size 064", "content {o}"),
        "skeleton and content": ("format bytes", "size 64", "content {o}", "skeleton {s}"),
        "neither skeleton nor content": ("format bytes", "size 64"),
        "an unknown line": (*SOUND, "run touch canary"),
        "a blank line": (*SOUND, ""),
        "unsorted tensors": (*HEAD, '"b" U8 [64] {o}', '"a" U8 [64] {o}'),
        "a tensor twice": (*HEAD, '"a" U8 [64] {o}', '"a" U8 [64] {o}'),
        "an escape in another spelling": (*HEAD, '"\\u0061" U8 [64] {o}'),
        "half a surrogate pair": (*HEAD, '"\\ud800" U8 [64] {o}'),
        "half a surrogate pair as a key": (*SOUND, 'storage "\\udfff" 64 {o}'),
        "an id of 63 digits": (*HEAD, '"a" U8 [64] ' + "a" * 63),
        "an id in capitals": (*HEAD, '"a" U8 [64] ' + "A" * 64),
        "a path for an id": (*HEAD, '"a" U8 [64] ../../../../etc/passwd'),
        "a negative shape": (*HEAD, '"a" U8 [-64] {o}'),
        "a shape of 5,000 digits": (*HEAD, '"a" U8 [' + "9" * 5000 + "] {o}"),
        "lines out of order": ("size 64", "format safetensors", "skeleton {s}", SOUND[3]),
        "a storage after a tensor": (*SOUND, 'storage "x" 64 {o}'),
        "another version": ("format bytes",),
    }
    for what, text in rows.items():
        yield _case(f"a manifest with {what}", _manifest(*text), CORRUPT, "damaged manifest")
    future = b"mvc-manifest 3\nformat bytes\nsize 1\n"
    yield _case("a manifest from the future", lambda f: f.files(m_pt=future), CORRUPT, "newer mvc")
    cut = lines(*SOUND)[:-1]
    yield _case("a manifest cut off", lambda f: f.files(m_pt=cut), CORRUPT, "cut off")
    yield _case("a manifest of bytes", lambda f: f.files(m_pt=b"mvc-manifest 1\n\xff\n"), CORRUPT)
    many = "".join(f'"t{n:06}" U8 [0] {ABSENT}\n' for n in range(50_000)).splitlines()
    yield Case(
        "50,000 missing tensors",
        lambda root: _manifest(*HEAD, *many)(Forge(root)),
        ("ls", "-l", "evil"),
    )


def _lies() -> Iterator[Case]:
    """Manifests that are well formed and untrue."""
    yield _case("a missing object", _manifest(*HEAD, f'"a" U8 [64] {ABSENT}'), MISSING, ABSENT)
    yield _case(
        "a missing skeleton", _manifest(*SOUND[:2], f"skeleton {ABSENT}", SOUND[3]), MISSING, ABSENT
    )
    yield _case(
        "missing content", _manifest("format bytes", "size 9", f"content {ABSENT}"), MISSING
    )
    for size in (0, 63, 65, 10**18, 2**64):
        yield _case(
            f"content of {size} bytes", _manifest("format bytes", f"size {size}", "content {o}")
        )
        yield _case(f"a model of {size} bytes", _manifest(SOUND[0], f"size {size}", *SOUND[2:]))
    yield _case("a tensor for a skeleton", _manifest(*SOUND[:2], "skeleton {o}", SOUND[3]))
    yield _case("a skeleton for a tensor", _manifest(*HEAD, '"a" U8 [64] {s}'))
    yield _case("a span without an object", _manifest(*HEAD))
    yield _case("an object without a span", _manifest(*SOUND, '"b" U8 [64] {o}'), None)
    yield _case("a tensor of another size", _manifest(*HEAD, '"a" F64 [1000000000000] {o}'), None)
    yield _case("a view into nothing", _manifest(*SOUND, '"v" U8 [4] {o} @ "nowhere" 0 [1]'), None)
    yield _case("a view past its storage", _manifest(*SOUND, '"v" U8 [4] {o} @ "a" 999 [1]'), None)
    yield _case("an unknown dtype", _manifest(*HEAD, '"a" EVIL [64] {o}'), None)
    yield _case("an unknown format", _manifest("format evil", *SOUND[1:]), None)
    conflict = '"c" conflict - U8:[64]:{o} -'
    yield _case("a conflict in a commit", _manifest(*SOUND, conflict), None)
    yield _case("a conflict of nothing", _manifest(*SOUND, '"c" conflict - - -'), None)
    sides = '"c" conflict - U8:[64]:{o} - -'
    many = _manifest(*SOUND, sides)  # which only version 2 has a line for
    yield _case("a conflict of many in a commit", many, CORRUPT, "canonical form")
    yield _case("its own manifest as content", _own, None)


def _own(f: Forge) -> object:
    text = lines("format bytes", "size 1", f"content {ABSENT}")
    (o,) = f.objects(text)
    return f.files(m_pt=lines("format bytes", f"size {len(text)}", f"content {o}"))


def _skeletons() -> Iterator[Case]:
    for what, data in {
        "nothing": b"",
        "its magic alone": b"MVCSKEL1",
        "another magic": b"MVCSKEL9" + bytes(20),
        "overlapping spans": skeleton(64, [("a", 0, 40), ("b", 30, 34)], b""),
        "spans out of order": skeleton(64, [("b", 32, 32), ("a", 0, 32)], b""),
        "a span past the end": skeleton(64, [("a", 60, 64)], b""),
        "a span at 2**64 - 1": skeleton(64, [("a", 2**64 - 1, 2**64 - 1)], b""),
        "one key twice": skeleton(64, [("a", 0, 32), ("a", 32, 32)], b""),
        "four billion spans": b"MVCSKEL1" + struct.pack("<QI", 64, 2**32 - 1) + bytes(200),
        "a key of 4 GB": b"MVCSKEL1" + struct.pack("<QIQQI", 64, 1, 0, 64, 2**32 - 1),
        "a key that is not UTF-8": b"MVCSKEL1" + struct.pack("<QIQQI", 64, 1, 0, 64, 1) + b"\xff",
        "too little literal": skeleton(64, [("a", 0, 60)], b""),
        "too much literal": skeleton(64, [("a", 0, 64)], b"more"),
        "a size of 2**64 - 1": skeleton(2**64 - 1, [("a", 0, 64)], b""),
    }.items():
        yield _case(f"a skeleton of {what}", _manifest(*SOUND, skeleton=data), CORRUPT, "skeleton")


def _object(
    payloads: list[tuple[int, int, int, bytes]],
    *,
    digest: bytes | None = None,
    length: int | None = None,
    frames: int | None = None,
    frame_size: int = 2**20,
    kind: int = 0,
    depth: int = 0,
    base: bytes = bytes(32),
    raw: bytes = DATA,
) -> bytes:
    """An object of (codec, parameter, raw length, payload) frames, sealed whatever it says."""
    head = struct.pack(
        "<4sBBHIIQ32s32s",
        *(b"OBJ1", kind, 0, depth, len(payloads) if frames is None else frames, frame_size),
        *(len(raw) if length is None else length, digest or blake3(raw).digest(), base),
    )
    made = seal(head)
    for codec, param, size, payload in payloads:
        made += _frame(codec, param, size, payload, raw)
    return made


def _frame(codec: int, param: int, size: int, payload: bytes, raw: bytes) -> bytes:
    check = xxh3_64_intdigest(payload)
    header = FrameHeader(codec, param, size, len(payload), check, xxh3_128_digest(raw))
    return encode_frame(header) + payload


def _content(id_: str) -> bytes:
    return lines("format bytes", "size 64", f"content {id_}")


def _walked(parts: bytes, id_: str = "") -> Callable[[Forge], object]:
    """A pack that lost its footer, so that its objects are found by walking."""

    def forge(f: Forge) -> object:
        path = f.pack(parts)
        path.write_bytes(path.read_bytes()[:-1])
        return f.files(m_pt=_content(id_ or blake3(DATA).hexdigest()))

    return forge


def _tabled(parts: bytes, lie: dict[str, int]) -> Callable[[Forge], object]:
    """A pack with a table of one record, which lies."""
    told = {
        "pack": 0,
        "depth": 0,
        "kind": 0,
        "offset": 16,
        "stored": len(parts),
        "length": 64,
        **lie,
    }

    def forge(f: Forge) -> object:
        f.pack(parts, table=encode_record(Record(blake3(DATA).digest(), **told)))
        return f.files(m_pt=_content(blake3(DATA).hexdigest()))

    return forge


def _packs() -> Iterator[Case]:
    zstd = zstandard.ZstdCompressor()
    plain = [(0, 0, 64, DATA)]
    yield _case(
        "a pack whose table is empty",
        lambda f: (f.pack(_object(plain)), f.files(m_pt=_content(blake3(DATA).hexdigest()))),
        MISSING,
    )
    yield _case("a sound pack, walked", _walked(_object(plain)), None)
    bomb, million = zstd.compress(bytes(10**8)), zstd.compress(bytes(10**6))
    undeclared = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(10**6))
    chained = zstd.compress(DATA) + zstd.compress(DATA)
    skippable = struct.pack("<II", 0x184D2A50, 8) + bytes(8)
    window = bytes.fromhex("28b52ffd") + b"\x00\xf8" + b"\x01\x00\x00"
    undecoded = {
        "a zstd bomb": (_object([(2, 0, 64, bomb[:60])]), "declares 100000000 bytes"),
        "a zstd frame of a megabyte in 64": (_object([(2, 0, 64, million)]), "declares 1000000"),
        "a skippable zstd frame": (_object([(2, 0, 64, skippable)]), "declares 0 bytes"),
        "a zstd window of 2 GB": (_object([(2, 0, 64, window)]), "can't be decoded"),
        "an unknown codec": (_object([(77, 0, 64, DATA)]), "codec number 77 is unknown"),
        "an unknown parameter": (_object([(1, 255, 64, DATA)]), "parameter 255 is unknown"),
        "planes of nothing": (_object([(1, 2, 64, b"")]), "ends inside its table"),
        "planes that lie": (
            _object([(1, 2, 64, b"\1\xff\xff\xff\xff" * 2)]),
            "ends inside a plane",
        ),
        "raw bytes cut short": (_object([(0, 0, 64, DATA[:-1])]), "of 64 bytes holds 63"),
    }
    for what, (parts, says) in undecoded.items():
        yield _case(f"a pack with {what}", _walked(parts), CORRUPT, says)
    unread = {
        "two zstd frames": _object([(2, 0, 128, chained)], length=128),
        "a foreign base": _object(plain, kind=1, base=b"\xcd" * 32),
        "a base that is itself": _object(plain, kind=1, base=blake3(DATA).digest(), depth=1),
        "a chain of 60,000": _object(plain, depth=60_000),
        "an unknown kind": _object(plain, kind=9),
        "four billion frames": _object(plain, frames=2**32 - 1),
        "a frame of 4 GB": _object(plain, frame_size=2**32 - 1),
        "a frame size of 0": _object(plain, frame_size=0),
        "an exabyte": _object(plain, length=2**60, frames=2**32 - 1),
    }
    for what, parts in unread.items():
        yield _case(f"a pack with {what}", _walked(parts), MISSING, "has no footer")
    other = _object([(2, 0, 2**20, undeclared[:4000])], length=2**20)
    yield _case("a pack with a frame of unknown size", _walked(other), CORRUPT, "1048576 bytes")
    wrong = _object(plain, digest=b"\xab" * 32)
    yield _case(
        "a pack with a wrong name", _walked(wrong, ABSENT), "HashMismatch", "do not hash to it"
    )
    for what, lie in {
        "of another place": {"offset": 17},
        "past its end": {"offset": 2**63},
        "of a size of 2**63": {"stored": 2**63},
        "of an exabyte": {"length": 2**60},
        "of another kind": {"kind": 7, "depth": 9},
    }.items():
        error = None if "kind" in lie else CORRUPT
        yield _case(f"a table {what}", _tabled(_object(plain), lie), error)
    for what, data in {
        "nothing": b"",
        "zeros": bytes(500),
        "another version": b"MVCPACK1" + struct.pack("<II", 9, 0) + bytes(100),
        "text": b"not a pack at all\n" * 40,
    }.items():

        def foreign(f: Forge, data: bytes = data) -> object:
            (f.folder / "store" / "packs" / f"{'0' * 64}.pack").write_bytes(data)
            (f.folder / "store" / "index" / f"{'0' * 64}.idx").write_bytes(data)
            return _manifest(*SOUND)(f)

        yield _case(f"packs and indexes of {what}", foreign, None)


CASES = [*_manifests(), *_lies(), *_skeletons(), *_packs()]
