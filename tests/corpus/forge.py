"""Git objects, manifests and packs written by hand: what mvc itself would never write."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3
from xxhash import xxh3_64_intdigest

from mvc.formats.layout import Storage
from mvc.formats.skeleton import Skeleton
from mvc.store.fs import Disk
from mvc.store.source import BytesSource, Incoming
from mvc.store.store import Store

FILE, FOLDER = 0o100644, 0o040000
WHO = "Ada <ada@example.org> 1700000000 +0000"


@dataclass(frozen=True)
class Forge:
    """A repository's folder to put things into."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / ".mvc"

    def put(self, kind: str, body: bytes, *, raw: bytes | None = None) -> str:
        """A loose object; ``raw`` stands in the file in place of what hashes to its name."""
        content = f"{kind} {len(body)}\0".encode() + body
        id_ = hashlib.sha1(content).hexdigest()
        path = self.folder / "objects" / id_[:2] / id_[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(content, 1) if raw is None else raw)
        return id_

    def blob(self, data: bytes) -> str:
        return self.put("blob", data)

    def tree(self, *entries: tuple[int, str | bytes, str]) -> str:
        """Entries (mode, name, id) in the order given."""
        body = b""
        for mode, name, id_ in entries:
            raw = name if isinstance(name, bytes) else name.encode()
            body += b"%o %s\0%s" % (mode, raw, bytes.fromhex(id_))
        return self.put("tree", body)

    def commit(
        self, tree: str, parents: Sequence[str] = (), message: str = "m\n", who: str = WHO
    ) -> str:
        lines = [f"tree {tree}", *(f"parent {id_}" for id_ in parents)]
        return self.put(
            "commit", "\n".join([*lines, f"author {who}", f"committer {who}", "", message]).encode()
        )

    def branch(self, id_: str, name: str = "evil") -> str:
        (self.folder / "refs" / "heads" / name).write_text(f"{id_}\n")
        return id_

    def files(self, **files: bytes) -> str:
        """A branch ``evil`` with one commit of these blobs."""
        entries = [(FILE, name.replace("_", "."), self.blob(data)) for name, data in files.items()]
        return self.branch(self.commit(self.tree(*entries)))

    def objects(self, *contents: bytes) -> list[str]:
        """Sound objects of the store."""
        with Store(str(self.folder / "store"), Disk()).writer() as writer:
            writer.add([Incoming(BytesSource(data), None) for data in contents])
            writer.publish()
        return [blake3(data).hexdigest() for data in contents]

    def pack(self, *parts: bytes, table: bytes | None = None) -> Path:
        """A pack of these objects (each with its headers), with a footer that fits."""
        body = b"MVCPACK1" + struct.pack("<II", 1, 0) + b"".join(parts)
        records = b"" if table is None else table
        foot = struct.pack("<QQ", len(body), len(records) // 64) + blake3(records).digest()
        data = body + records + seal(foot) + b"MVCPEND1"
        path = self.folder / "store" / "packs" / f"{blake3(data).hexdigest()}.pack"
        path.write_bytes(data)
        return path


def seal(body: bytes) -> bytes:
    return body + struct.pack("<Q", xxh3_64_intdigest(body))


def lines(*rows: str) -> bytes:
    """A manifest's text."""
    return "\n".join(["mvc-manifest 1", *rows, ""]).encode()


def skeleton(size: int, spans: Sequence[tuple[str, int, int]], literal: bytes) -> bytes:
    """A skeleton's bytes, whatever they say."""
    made = bytearray(b"MVCSKEL1" + struct.pack("<QI", size, len(spans)))
    for key, offset, length in spans:
        made += struct.pack("<QQI", offset, length, len(key)) + key.encode()
    return bytes(made + literal)


def sound_skeleton(*spans: tuple[str, int, int]) -> bytes:
    """The skeleton of a file that is nothing but its spans."""
    end = max((offset + length for _, offset, length in spans), default=0)
    return Skeleton(end, tuple(Storage(*span) for span in spans), b"").encode()
