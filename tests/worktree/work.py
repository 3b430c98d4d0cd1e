"""A repository in a temporary folder, and model files made of nothing but struct and json."""

from __future__ import annotations

import json
import os
import struct
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import mvc
from mvc.history.commits import Plan, commit_stage
from mvc.history.context import Context
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import read_stage, transaction
from mvc.ids import CommitId
from mvc.store.fs import Disk
from mvc.worktree import index
from mvc.worktree.ingest import Taken, take_in

ADA = Signature("Ada", "ada@example.org", 1_700_000_000, 0)
Tensors = Mapping[str, tuple[str, list[int], bytes]]


def safetensors(tensors: Tensors, metadata: Mapping[str, str] | None = None) -> bytes:
    """A file as the library writes it: ``name -> (dtype, shape, bytes)``."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [position, position + len(data)],
        }
        position += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    body = b"".join(data for _, _, data in tensors.values())
    return struct.pack("<Q", len(text)) + text + body


def model(seed: int = 0, rows: int = 4) -> bytes:
    """A model of two tensors whose bytes follow from ``seed``."""
    weight = bytes((seed * 7 + n) % 251 for n in range(rows * 4))
    return safetensors({"a": ("F32", [rows], weight), "b": ("BF16", [2], bytes([seed % 256] * 4))})


class Work:
    """A work tree and its repository, with the few moves that tests need."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self.root = root
        self.context = mvc.init(str(root), who=ADA, disk=disk)._context

    def fresh(self) -> Context:
        """A context that remembers nothing, as a new process has it."""
        return Context(self.context.root, self.context.folder, Disk())

    def write(self, path: str, data: bytes | str, mode: int = 0o644) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data if isinstance(data, bytes) else data.encode())
        place.chmod(mode)
        return place

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def files(self) -> dict[str, bytes]:
        """Every file of the work tree."""
        found = {}
        for folder, names, inner in os.walk(self.root):
            if ".mvc" in names:
                names.remove(".mvc")
            for name in inner:
                place = Path(folder, name)
                found[place.relative_to(self.root).as_posix()] = place.read_bytes()
        return found

    def add(self, *paths: str, opaque: bool = False) -> Taken:
        """Stage ``paths`` as they are."""
        objects = self.context.writer()
        taken = take_in(self.context, objects, paths, opaque=frozenset(paths if opaque else ()))
        objects.flush()
        self.stage(self.staged().with_files(taken.files))
        return taken

    def remove(self, *paths: str) -> None:
        """Take ``paths`` off the stage."""
        self.stage(self.staged().with_files(dict.fromkeys(paths)))

    def stage(self, files: Snapshot) -> None:
        with transaction(self.context, "add", ADA) as current:
            current.put_stage(files)
        index.refresh(self.context)

    def staged(self) -> Snapshot:
        return read_stage(self.context)

    def commit(self) -> CommitId:
        """Commit the stage."""
        with transaction(self.context, "commit", ADA) as current:
            id_ = commit_stage(current, Plan("a commit", ADA, ADA), allow_empty=True)
        index.refresh(self.context)
        return id_

    def snapshot(self, files: Mapping[str, bytes | tuple[bytes, int]]) -> Snapshot:
        """Files taken into the repository without being left in the work tree."""
        kept = self.files()
        for path, data in files.items():
            content, mode = data if isinstance(data, tuple) else (data, 0o644)
            self.write(path, content, mode)
        objects = self.context.writer()
        taken = take_in(self.context, objects, files)
        objects.flush()
        for path in files:
            (self.root / path).unlink()
        for path, content in kept.items():
            if path in files:
                self.write(path, content)
        for folder, _, _ in os.walk(self.root, topdown=False):
            if ".mvc" not in folder and not os.listdir(folder):
                os.rmdir(folder)
        return Snapshot(self.context.git, taken.files)


@contextmanager
def scratch() -> Iterator[Work]:
    """An empty repository, in memory where the system has such a place: fsync costs nothing there."""
    memory = "/dev/shm"
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="mvc-worktree-", dir=place) as folder:
        root = Path(os.path.realpath(folder), "work")
        root.mkdir()
        yield Work(root)


def settle(work: Work) -> None:
    """Let the stat cache believe that all it knows was learned long after the files were written."""
    cache = index.load(work.context)
    later = 2**62
    entries = {
        path: replace(known, seen=later if known.seen else 0)
        for path, known in cache.entries.items()
    }
    index.save(work.context, replace(cache, entries=entries))
    place = Path(work.context.folder, "stat-cache")
    if place.exists():
        os.utime(place, ns=(later, later))
