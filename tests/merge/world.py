"""A repository's inside for tests of merging: files in, snapshots and merged files out."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import pygit2

from mvc import formats
from mvc.dtypes import nbytes
from mvc.formats.layout import Storage
from mvc.formats.skeleton import Skeleton, cut
from mvc.history.context import Context
from mvc.history.gitobjects import FILE_MODE
from mvc.history.manifest import BYTES, Entry, Manifest, StorageEntry, is_manifest
from mvc.history.snapshot import Snapshot
from mvc.history.tensors import gather
from mvc.ids import BlobId, ObjectId, object_id
from mvc.merge.recipe import Recipe
from mvc.merge.resolving import resolved
from mvc.merge.three_way import Merged, merge_commits
from mvc.store.fs import Disk
from mvc.store.store import Store

#: name -> (dtype, shape, bytes)
Tensors = Mapping[str, tuple[str, tuple[int, ...], bytes]]


def safetensors(tensors: Tensors, metadata: Mapping[str, str] | None = None) -> bytes:
    """A file as the library writes it, but for the order: by name."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name, (dtype, shape, data) in sorted(tensors.items()):
        end = position + len(data)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, end]}
        position = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(t[2] for _, t in sorted(tensors.items()))


def f32(*values: float) -> tuple[str, tuple[int, ...], bytes]:
    return "F32", (len(values),), struct.pack(f"<{len(values)}f", *values)


def model(metadata: Mapping[str, str] | None = None, **tensors: float) -> bytes:
    """A safetensors file of F32 tensors with one element each."""
    return safetensors({name: f32(value) for name, value in tensors.items()}, metadata)


def index(weight_map: Mapping[str, str], **metadata: object) -> bytes:
    body = {"metadata": metadata, "weight_map": dict(weight_map)}
    return (json.dumps(body, indent=2, sort_keys=True) + "\n").encode()


class World:
    """A repository's inside without refs: files in, snapshots out, and back."""

    def __init__(self, root: Path) -> None:
        folder = root / ".mvc"
        pygit2.init_repository(str(folder), bare=True)
        self.disk = Disk()
        Store.create(str(folder / "store"), self.disk)
        self.context = Context(str(root), str(folder), self.disk)

    def snapshot(self, files: Mapping[str, bytes], *, executable: tuple[str, ...] = ()) -> Snapshot:
        objects = self.context.writer()
        found = {
            path: (FILE_MODE, objects.blob(self._take(path, data))) for path, data in files.items()
        }
        found.update((path, (0o100755, found[path][1])) for path in executable)
        objects.flush()
        return Snapshot(self.context.git, found)

    def _take(self, path: str, data: bytes) -> bytes:
        found = formats.detect(path, data[:512])
        with self.context.store.writer() as pack:
            if found is not None:
                manifest = describe(path, data)
                skeleton = cut(io.BytesIO(data), found.read_layout(io.BytesIO(data), len(data)))
                pack.put(skeleton.encode())
                for span in skeleton.spans:
                    pack.put(data[span.offset : span.offset + span.length])
            elif b"\0" in data or len(data) > 1 << 20:
                manifest = Manifest(BYTES, len(data), content=pack.put(data))
            else:
                return data
            pack.publish()
        return manifest.encode()

    def merge(
        self,
        base: Mapping[str, bytes] | Snapshot | None,
        ours: Mapping[str, bytes] | Snapshot,
        theirs: Mapping[str, bytes] | Snapshot,
        strategy: str | None = None,
    ) -> Merged:
        sides = [
            s if s is None or isinstance(s, Snapshot) else self.snapshot(s)
            for s in (base, ours, theirs)
        ]
        objects = self.context.writer()
        assert sides[1] is not None and sides[2] is not None
        merged = merge_commits(
            self.context, objects, *sides, strategy=strategy, labels=("HEAD", "side")
        )
        objects.flush()
        return merged

    def files(self, merged: Merged | Snapshot) -> dict[str, bytes]:
        """What checking the files out would write."""
        entries = dict(merged) if isinstance(merged, Snapshot) else merged.files
        return {path: self.file(blob) for path, (_, blob) in entries.items()}

    def file(self, blob: BlobId) -> bytes:
        data = self.context.git.blob(blob)
        if not is_manifest(data):
            return data
        manifest = Manifest.decode(data)
        if manifest.content is not None:
            return self.context.store.read(manifest.content)
        assert manifest.skeleton is not None
        skeleton = Skeleton.decode(self.context.store.read(manifest.skeleton))
        spans = manifest.span_ids()
        written = bytearray(skeleton.size)
        for piece in skeleton.pieces():
            if not isinstance(piece, Storage):
                written[piece[0] : piece[0] + len(piece[1])] = piece[1]
            else:
                content = self.context.store.read(spans[piece.key])
                assert len(content) == piece.length
                written[piece.offset : piece.offset + piece.length] = content
        return bytes(written)

    def manifest(self, merged: Merged, path: str) -> Manifest:
        return Manifest.decode(self.context.git.blob(merged.files[path][1]))

    def settle(
        self, merged: Merged, path: str, strategy: str, *names: str
    ) -> dict[str, bytes | None]:
        """The files that change when the conflicts of ``path`` are settled."""
        objects = self.context.writer()
        stage = Snapshot(self.context.git, merged.files)
        manifest = stage.manifest(path)
        every = [c.name for c in manifest.conflicts] if manifest is not None else []
        named = [n for n in every if any(fnmatchcase(n, glob) for glob in names or ("*",))]
        found, _ = resolved(
            self.context,
            objects,
            stage,
            merged.conflicts,
            [path],
            Recipe(strategy),
            names={path: named},
        )
        objects.flush()
        return {p: None if slot is None else self.file(slot[1]) for p, slot in found.items()}


def describe(path: str, data: bytes) -> Manifest:
    """The manifest that adding the file would make."""
    found = formats.detect(path, data[:512])
    assert found is not None
    layout = found.read_layout(io.BytesIO(data), len(data))
    spans = {s.key: data[s.offset : s.offset + s.length] for s in layout.storages}
    entries = []
    for tensor in layout.tensors:
        entry = Entry(tensor.name, tensor.dtype, tensor.shape, ObjectId(""))
        raw = spans[tensor.storage]
        if tensor.strides is not None:
            place = Entry(
                "", tensor.dtype, tensor.shape, ObjectId(""), "", tensor.offset, tensor.strides
            )
            raw = gather(raw, place)
            entry = Entry(
                tensor.name, tensor.dtype, tensor.shape, object_id(raw),
                tensor.storage, tensor.offset, tensor.strides,
            )  # fmt: skip
        else:
            entry = Entry(tensor.name, tensor.dtype, tensor.shape, object_id(raw))
        assert len(raw) == nbytes(tensor.dtype, tensor.shape)
        entries.append(entry)
    whole = {entry.name for entry in entries if entry.storage is None}
    return Manifest(
        found.name,
        len(data),
        object_id(cut(io.BytesIO(data), layout).encode()),
        tuple(sorted(entries, key=lambda e: e.name)),
        tuple(
            StorageEntry(key, len(raw), object_id(raw))
            for key, raw in sorted(spans.items())
            if key not in whole
        ),
    )
