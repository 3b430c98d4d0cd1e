"""Zip files that say one thing in their directory and another in their entries."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from corpus.case import Case, of_file
from formats.pytorch.torch_zip import floats, of_pickle, pickled

BAD, LIMIT = "MalformedFile", "LimitExceeded"
SAVED = pickled({"w": floats(2)})
NAMES = ("a/data.pkl", "a/data/0", "a/version")


@dataclass(frozen=True)
class Part:
    """An entry; ``local`` and ``listed`` are fields to lie about in its two headers."""

    name: bytes
    data: bytes
    local: dict[str, int] = field(default_factory=dict)
    listed: dict[str, int] = field(default_factory=dict)
    extra: bytes = b""
    listed_name: bytes | None = None


PARTS = (
    Part(b"a/data.pkl", SAVED[0]),
    Part(b"a/data/0", SAVED[1][0].data),
    Part(b"a/version", b"3\n"),
)


def _fields(part: Part, lies: dict[str, int]) -> dict[str, int]:
    size = len(part.data)
    sound = {"flags": 0, "method": 0, "crc": zlib.crc32(part.data), "stored": size, "length": size}
    return {**sound, "offset": 0, "disk": 0, **lies}


def build(
    parts: tuple[Part, ...] = PARTS, end: dict[str, int] | None = None, tail: bytes = b""
) -> bytes:
    """A zip file of ``parts``, as its parts and the end record say it."""
    body, directory = bytearray(), bytearray()
    for part in parts:
        at = len(body)
        f = _fields(part, part.local)
        body += struct.pack(
            "<4s5H3I2H", b"PK\3\4", 20, f["flags"], f["method"], 0, 0,
            f["crc"], f["stored"], f["length"], len(part.name), 0,
        ) + part.name + part.data  # fmt: skip
        f = {**_fields(part, part.listed), "offset": part.listed.get("offset", at)}
        name = part.name if part.listed_name is None else part.listed_name
        directory += struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 20, 20, f["flags"], f["method"], 0, 0, f["crc"], f["stored"],
            f["length"], len(name), len(part.extra), 0, f["disk"], 0, 0, f["offset"],
        ) + name + part.extra  # fmt: skip
    e = {"disk": 0, "first": 0, "here": len(parts), "count": len(parts), "size": len(directory)}
    e |= {"start": len(body), "comment": 0, **(end or {})}
    record = struct.pack("<4s4H2IH", b"PK\5\6", *(e[key] for key in e))
    return bytes(body + directory + tail + record)


def _with(index: int, change: Callable[[Part], Part]) -> bytes:
    return build(tuple(change(p) if n == index else p for n, p in enumerate(PARTS)))


def _listed(index: int, **lies: int) -> bytes:
    return _with(index, lambda part: replace(part, listed=lies))


def _both(index: int, data: bytes | None = None, **lies: int) -> bytes:
    return _with(
        index, lambda p: replace(p, listed=lies, local=lies, data=p.data if data is None else data)
    )


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(data) + packer.flush()


def _case(name: str, data: bytes, error: str | None = None, says: str = "") -> Case:
    return of_file(name, data, error, says, file="m.pt")


def _directories() -> Iterator[Case]:
    sound = build()
    yield _case("a sound one", sound)
    yield _case("cut off", sound[:-1], BAD, "cut off")
    yield _case("half of it", sound[: len(sound) // 2], BAD, "cut off")
    yield _case("a byte after the end", sound + b"\0", BAD, "cut off")
    yield _case("a comment", build(end={"comment": 4}) + b"note", BAD, "cut off")
    yield _case("a comment that is an end record", build(end={"comment": 22}) + sound[-22:], BAD)
    yield _case("no entries: no zip file by its head", build(()))
    yield _case("65,535 entries", build(end={"count": 65_535, "here": 65_535}), BAD, "too short")
    yield _case(
        "fewer entries than there are", build(end={"count": 2, "here": 2}), BAD, "left over"
    )
    yield _case("a directory beyond the end", build(end={"start": 2**32 - 2}), BAD, "does not end")
    yield _case("a directory at 0", build(end={"start": 0}), BAD, "does not end")
    yield _case("several parts", build(end={"disk": 1}), BAD, "several parts")
    yield _case("an entry on another disk", _listed(1, disk=3), BAD, "several parts")
    yield _case("bytes between directory and end", build(tail=b"\0" * 9), BAD, "does not end")
    yield _case("an entry at the end of the file", _listed(1, offset=2**32 - 2), BAD, "outside")
    yield _case("an entry inside another", _listed(1, offset=0), BAD, "disagree")
    twice = (*PARTS, Part(b"a/data/1", b"x", listed={"offset": 0}, listed_name=b"a/data.pkl"))
    yield _case("one name twice", build(twice), BAD, "two zip entries are named")
    again = (*PARTS, PARTS[0])
    yield _case("one entry twice", build(again), BAD, "two zip entries are named 'a/data.pkl'")


def _entries() -> Iterator[Case]:
    yield _case("encrypted", _both(1, flags=1), BAD, "encrypted")
    yield _case("strongly encrypted", _both(1, flags=0x40), BAD, "encrypted")
    yield _case("AES", _both(1, method=99), BAD, "encrypted")
    yield _case(
        "one header encrypted", _with(1, lambda p: replace(p, local={"flags": 1})), BAD, "disagree"
    )
    yield _case("two sizes", _listed(1, length=9), BAD, "two sizes")
    yield _case("longer than the file", _listed(1, length=10**6, stored=10**6), BAD, "reaches into")
    yield _case("overlapping the next", _listed(0, length=200, stored=200), BAD, "")
    yield _case("a wrong CRC of the pickle", _both(0, crc=1), BAD, "CRC of 'a/data.pkl' is wrong")
    yield _case("no CRC of the pickle", _both(0, crc=0))
    yield _case("a wrong CRC of a tensor", _both(1, crc=1))
    yield _case("two methods", _listed(0, method=8), BAD, "disagree")
    yield _case("an unknown method", _both(0, method=12), BAD, "compression method 12")
    yield _case(
        "two names", _with(0, lambda p: replace(p, listed_name=b"a/data.pki")), BAD, "disagree"
    )
    yield _case(
        "a name that is not UTF-8",
        _with(
            2, lambda p: replace(p, name=b"a/\xff", listed={"flags": 2048}, local={"flags": 2048})
        ),
        BAD,
        "UTF-8",
    )
    yield _case("a name with NUL", _with(2, lambda p: replace(p, name=b"a/v\0x")), BAD, "NUL")
    yield _case("no name", _with(2, lambda p: replace(p, name=b"")), BAD, "empty")
    yield _case(
        "a name of 5,000 bytes",
        _with(2, lambda p: replace(p, name=b"a/" + b"x" * 5000)),
        LIMIT,
        "name is longer",
    )
    for name in (b"../../canary", b"/canary", b"C:\\canary", b"a/../../canary", b"\x1b[31m"):
        yield _case(
            f"an entry named {name!r}", _with(2, lambda p, name=name: replace(p, name=name))
        )  # type: ignore[misc]
    yield _case("no pickle", build(PARTS[1:]), BAD, "no data.pkl")
    yield _case("another zip file", build((Part(b"x.txt", b"x"),)), BAD, "no data.pkl")
    folder = (Part(b"a/", b""), *PARTS)
    yield _case("a folder as an entry", build(folder))
    many = tuple(Part(b"a/x%d" % n, b"") for n in range(5_000))
    yield _case("5,000 entries", build((*PARTS, *many)))


def _bombs() -> Iterator[Case]:
    pickle = SAVED[0]
    packed = _deflated(pickle)
    sound = {"method": 8, "crc": zlib.crc32(pickle), "stored": len(packed), "length": len(pickle)}
    yield _case("a deflated pickle", _both(0, packed, **sound))
    big = _deflated(b"\x80\x02B" + (10**7).to_bytes(4, "little") + bytes(10**7) + b".")
    crc = {"method": 8, "crc": 0, "stored": len(big)}
    yield _case("10 MB that say they are 64 bytes", _both(0, big, **crc, length=64), BAD, "inflate")
    yield _case(
        "64 bytes that say they are 100 MB",
        _both(0, packed, **{**sound, "length": 10**8}),
        BAD,
        "inflate",
    )
    yield _case(
        "4 GB by its own word",
        _both(0, packed, **{**sound, "length": 2**32 - 2}),
        LIMIT,
        "more than",
    )
    yield _case(
        "not deflate at all", _both(0, b"\xff" * 9, method=8, stored=9, length=64), BAD, "inflate"
    )
    yield _case(
        "bytes behind the deflated ones",
        _both(0, packed + b"xx", **{**sound, "stored": len(packed) + 2}),
        None,
    )
    quine = of_pickle(b"\x80\x02B" + (10**6).to_bytes(4, "little") + bytes(10**6) + b".")
    quine.deflated.add("archive/data.pkl")
    yield _case("a thousandfold pickle", quine.write())


def _zip64() -> Iterator[Case]:
    full = 2**32 - 1
    size = len(PARTS[1].data)

    def extra(*numbers: int) -> bytes:
        return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)

    def widened(numbers: tuple[int, ...], **lies: int) -> bytes:
        return _with(1, lambda p: replace(p, listed=lies, extra=extra(*numbers)))

    yield _case("zip64 sizes", widened((size, size), length=full, stored=full))
    yield _case(
        "zip64 sizes of 2**63",
        widened((2**63, 2**63), length=full, stored=full),
        BAD,
        "reaches into",
    )
    yield _case("a zip64 offset of 2**64 - 1", widened((2**64 - 1,), offset=full), BAD, "outside")
    yield _case("a short zip64 field", widened((size,), length=full, stored=full), BAD, "too short")
    yield _case("no zip64 field", _listed(1, length=full, stored=full), BAD, "too short")
    cut = _with(1, lambda p: replace(p, listed={"length": full}, extra=b"\1\0\xff\xff"))
    yield _case("a zip64 field past its end", cut, BAD, "damaged")
    plain = build()
    directory = struct.unpack_from("<2I", plain, len(plain) - 10)

    def end64(count: int = 3, start: int | None = None, at: int | None = None) -> bytes:
        length, begin = directory
        record = struct.pack(
            "<4sQ2H2I4Q",
            b"PK\6\6",
            44,
            45,
            45,
            0,
            0,
            count,
            count,
            length,
            begin if start is None else start,
        )
        place = len(plain) - 22 if at is None else at
        return plain[:-22] + record + struct.pack("<4sIQI", b"PK\6\7", 0, place, 1) + plain[-22:]

    yield _case("a zip64 end record", end64())
    yield _case("two end records that disagree", end64(count=2), BAD, "disagree")
    yield _case("another directory in zip64", end64(start=0), BAD, "disagree")
    yield _case("a locator to nowhere", end64(at=2**63), BAD, "outside the file")
    yield _case("a locator to another place", end64(at=0), BAD, "damaged")


CASES = [*_directories(), *_entries(), *_bombs(), *_zip64()]
