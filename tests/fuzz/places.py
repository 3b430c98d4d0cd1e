"""Properties of what is read from a repository's folder: packs, indexes, Git objects, revisions, ignore files.

Like ``targets``, but each needs files. They live in one repository, made once, in memory where there is such a
place.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
import zlib
from pathlib import Path

import numpy as np
from blake3 import blake3
from fuzz.frames import a_frame_over_any_base_comes_back_or_is_refused
from fuzz.targets import Target, only_known_errors
from xxhash import xxh3_64_intdigest

from mvc.errors import CorruptPack, IntegrityError, MvcError, UsageError
from mvc.history import config, reflog, revisions
from mvc.history.context import Context
from mvc.history.git import Git
from mvc.history.refs import Refs
from mvc.history.snapshot import Snapshot
from mvc.limits import FRAME
from mvc.store import pack
from mvc.store.bases import Bases
from mvc.store.catalog import Catalog
from mvc.store.codecs import LOWRANK, base_span, codec, lowrank
from mvc.store.fs import Disk
from mvc.store.index import Index
from mvc.store.pack import FRAME_SIZE, OBJECT_SIZE, RECORD_SIZE
from mvc.store.store import Store
from mvc.worktree import ignore
from mvc.worktree.candidates import IGNORE_FILE


@functools.cache
def scratch() -> Path:
    """A folder in memory, where fsync costs nothing; it goes with the process."""
    memory = "/dev/shm"
    made = tempfile.TemporaryDirectory(
        prefix="mvc-fuzz-", dir=memory if os.access(memory, os.W_OK) else None
    )
    _kept.append(made)
    return Path(made.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def repository() -> Context:
    """Three commits, a branch, an annotated tag and a detour through another branch."""
    import mvc

    root = scratch() / "work"
    root.mkdir()
    repo = mvc.init(str(root), who=("Ada", "ada@example.org"))
    for number in range(3):
        (root / "file.txt").write_text(f"{number}\n")
        repo.add(["file.txt"])
        repo.commit(f"commit {number}")
    repo.branches.create("other", "HEAD~1")
    repo.tags.create("v1", "HEAD", message="one")
    repo.switch("other")
    repo.switch("main")
    return repo._context


def a_pack_gives_its_bytes_or_an_integrity_error(data: bytes) -> None:
    """Object after object behind a sound header, every seal and checksum mended, then read in every way."""
    mended = bytearray(pack.header() + data)
    position = pack.HEADER_SIZE
    while position + OBJECT_SIZE <= len(mended):
        position = _mend_object(mended, position)
    (_packs() / f"{'0' * 64}.pack").write_bytes(mended)
    store = Store(str(_packs().parent), Disk())
    list(store.check(full=True))
    for identity in list(store.object_ids()):
        with contextlib.suppress(IntegrityError):
            size = store.length(identity)
            if size <= 4 * FRAME:  # what a file declares takes no memory before it is decoded
                assert blake3(store.read(identity)).hexdigest() == identity
                assert len(store.read_range(identity, size // 3, size // 3)) == size // 3


@functools.cache
def _packs() -> Path:
    folder = scratch() / "fuzzed"
    Store.create(str(folder), Disk())
    return folder / "packs"


def _mend_object(data: bytearray, position: int) -> int:
    """Seal the headers of the object at ``position``; where the next one begins."""
    _seal(data, position, OBJECT_SIZE)
    try:
        header = pack.decode_object(data[position : position + OBJECT_SIZE], "", 0)
    except CorruptPack:
        return len(data)
    position += OBJECT_SIZE
    remaining = header.length
    for _ in range(header.frames):
        if position + FRAME_SIZE > len(data):
            break
        _seal(data, position, FRAME_SIZE)
        try:
            length = min(header.frame_size, remaining)
            frame = pack.decode_frame(data[position : position + FRAME_SIZE], length, "", 0)
        except CorruptPack:
            return len(data)
        payload = data[position + FRAME_SIZE : position + FRAME_SIZE + frame.stored]
        mended = frame._replace(check=xxh3_64_intdigest(payload))
        data[position : position + FRAME_SIZE] = pack.encode_frame(mended)
        position += FRAME_SIZE + frame.stored
        remaining -= length
    return position


def _seal(data: bytearray, position: int, size: int) -> None:
    body = bytes(data[position : position + size - 8])
    data[position + size - 8 : position + size] = xxh3_64_intdigest(body).to_bytes(8, "little")


_FACTOR = lowrank.factor(np.ones((2, 5), np.int64), bytes(32))
_FLOATS = (np.arange(64) / np.float32(64) - np.float32(0.5)).astype("<f4").tobytes()
_NOWHERE = Bases(Catalog(os.devnull))


def a_header_of_a_pack_is_refused_or_comes_back(data: bytes) -> None:
    sealed = bytearray(data[:OBJECT_SIZE].ljust(OBJECT_SIZE, b"\0"))
    _seal(sealed, 0, OBJECT_SIZE)
    with contextlib.suppress(CorruptPack):
        assert pack.encode_object(pack.decode_object(bytes(sealed), "", 0)) == sealed
    frame = bytearray(data[:FRAME_SIZE].ljust(FRAME_SIZE, b"\0"))
    _seal(frame, 0, FRAME_SIZE)
    with contextlib.suppress(CorruptPack):
        length = int.from_bytes(frame[8:12], "little")
        assert pack.encode_frame(pack.decode_frame(bytes(frame), length, "", 0)) == frame
    footer = bytearray(data[: pack.FOOTER_SIZE].ljust(pack.FOOTER_SIZE, b"\0"))
    _seal(footer, 0, pack.FOOTER_SIZE - 8)
    footer[-8:] = b"MVCPEND1"
    with contextlib.suppress(CorruptPack):
        table, count, _ = pack.decode_footer(bytes(footer), 4096, "")
        assert table + count * RECORD_SIZE + pack.FOOTER_SIZE == 4096


def an_index_is_refused_or_answers(data: bytes) -> None:
    path = scratch() / "an.idx"
    path.write_bytes(data + blake3(data).digest())
    try:
        index = Index.open(str(path))
    except CorruptPack:
        return
    for digest in [*index.digests(), bytes(32), b"\xff" * 32]:
        with contextlib.suppress(CorruptPack):
            list(index.find(digest))
    with contextlib.suppress(CorruptPack):
        list(index.records([0] * len(index.packs)))


def a_frame_is_decoded_or_refused(data: bytes) -> None:
    """Codec, parameter and length of the frame, then the payload."""
    if len(data) < 4:
        return
    number, param, out = data[0] % 10, data[1], bytearray(int.from_bytes(data[2:4], "little"))
    with contextlib.suppress(CorruptPack):
        base = under(number, param, len(out))
        codec(number).decode(memoryview(data[4:]), param, memoryview(out), base)


def under(number: int, param: int, length: int) -> memoryview:
    """A base for a frame of this length."""
    _, length = base_span(number, param, 0, length)
    factor = _FACTOR if number == LOWRANK else b""
    base = factor + _FLOATS * (length // len(_FLOATS) + 1)
    return memoryview(base)[: len(factor) + length]


def a_git_object_is_refused_or_read(data: bytes) -> None:
    """Any loose object under the name that its bytes hash to; the first byte: deflated, or as it is."""
    folder = Path(repository().folder)
    content = data[1:]
    id_ = hashlib.sha1(content).hexdigest()
    path = folder / "objects" / id_[:2] / id_[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if data[:1] == b"\0" else zlib.compress(content, 1))
    git = Git(str(folder))
    try:
        kind = git.kind(id_)
        if kind == "commit":
            only_known_errors(lambda: git.commit(id_).subject)
            only_known_errors(lambda: list(git.walk([git.commit(id_).id])))
        elif kind == "tree":
            only_known_errors(lambda: [*Snapshot.of_tree(git, id_)])
            only_known_errors(lambda: git.entry(id_, "a/b"))
        elif kind == "tag":
            only_known_errors(lambda: (git.tag_message(id_), git.tag_target(id_)))
        else:
            assert content.endswith(git.blob(id_))
    except MvcError:
        pass
    finally:
        path.unlink()


def a_revision_names_a_commit_or_nothing(data: bytes) -> None:
    text = os.fsdecode(data.replace(b"\0", b""))
    context = repository()
    only_known_errors(lambda: revisions.resolve(context, text))
    only_known_errors(lambda: revisions.parse_range(context, text.split(" ")))


def an_ignore_file_is_refused_or_judges(data: bytes) -> None:
    folder = scratch() / "ignoring"
    folder.mkdir(exist_ok=True)
    (folder / IGNORE_FILE).write_bytes(data)
    try:
        rules = ignore.read(str(folder), "")
    except UsageError:
        return
    assert rules is not None
    for path in ("model.safetensors", "a/b/c/", "x" * 200, "a" * 40 + "/" + "b" * 40):
        rules.verdict(path)


def git_files_are_refused_or_read(data: bytes) -> None:
    """The text files of a Git repository: a ref, packed-refs, a reflog, the configuration."""
    folder = scratch() / "git"
    for name in ("HEAD", "packed-refs", "logs/HEAD", "config"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    refs = Refs(str(folder))
    only_known_errors(refs.head)
    only_known_errors(lambda: refs.list("refs/"))
    assert all(len(move.new) == 40 for move in reflog.read(str(folder), "HEAD"))
    only_known_errors(lambda: list(config.entries(str(folder / "config"))))
    only_known_errors(lambda: config.put(str(folder / "config"), "user.name", "Ada", Disk()))


PLACES: tuple[Target, ...] = (
    a_pack_gives_its_bytes_or_an_integrity_error,
    a_header_of_a_pack_is_refused_or_comes_back,
    an_index_is_refused_or_answers,
    a_frame_is_decoded_or_refused,
    a_frame_over_any_base_comes_back_or_is_refused,
    a_git_object_is_refused_or_read,
    a_revision_names_a_commit_or_nothing,
    an_ignore_file_is_refused_or_judges,
    git_files_are_refused_or_read,
)
