"""What must hold for any bytes at all, one function a parser, named by its property.

Each takes what a fuzzer made up and returns, or raises nothing but the error that a user may see; what is
accepted must come back the same when it is written again. ``python tests/fuzz`` drives them with atheris;
``test_fuzz_targets.py`` runs each on its seeds and on all that fuzzing has found. Where a checksum guards the
bytes the target mends it first, for whoever makes a hostile file can do that too.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zipfile
from collections.abc import Callable

import safetensors
from formats.format_contract import fill, read, spans

from mvc.errors import CorruptPack, FormatError, LfsPointer, LimitExceeded, MvcError, UsageError
from mvc.formats import detect, sharded, sniff
from mvc.formats.layout import Format
from mvc.formats.pytorch import PYTORCH
from mvc.formats.pytorch.pickle_reader import read_pickle
from mvc.formats.pytorch.pickle_writer import write_pickle
from mvc.formats.safetensors import SAFETENSORS
from mvc.formats.skeleton import Skeleton, cut
from mvc.formats.strict_json import parse
from mvc.history.manifest import Manifest
from mvc.history.record import Record
from mvc.history.signature import Signature
from mvc.worktree import index_text

Target = Callable[[bytes], None]


def a_safetensors_file_is_refused_or_comes_back(data: bytes) -> None:
    """The first byte says how many bytes of tensors follow the header."""
    header, body = data[1:], bytes(data[0] if data else 0)
    file = struct.pack("<Q", len(header)) + header + body
    error = _refused_or_comes_back(SAFETENSORS, file)
    try:
        safetensors.deserialize(file)
    except safetensors.SafetensorError:
        assert error is not None, "the library refuses what mvc accepts"
    else:
        assert error is None or "given twice" in error.message, error.message


def json_is_refused_or_comes_back(data: bytes) -> None:
    try:
        value = parse(data)
    except FormatError:
        return
    again = json.dumps(value).encode()
    if (
        b"e+308" not in again
    ):  # serde_json's arithmetic, which decides there, gives another neighbour
        assert json.dumps(parse(again)).encode() == again


def a_zip_file_is_refused_or_comes_back(data: bytes) -> None:
    _refused_or_comes_back(PYTORCH, data)


def a_pickle_is_refused_or_comes_back(data: bytes) -> None:
    """The pickle alone, then inside a checkpoint with two storages."""
    try:
        node, protocol = read_pickle(data)
    except FormatError:
        pass
    else:
        written = write_pickle(node, protocol)
        assert write_pickle(*read_pickle(written)) == written
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", data)
        archive.writestr("a/data/0", bytes(64))
        archive.writestr("a/data/1", bytes(8))
    _refused_or_comes_back(PYTORCH, file.getvalue())


def a_skeleton_is_refused_or_comes_back(data: bytes) -> None:
    try:
        skeleton = Skeleton.decode(data)
    except CorruptPack:
        return
    assert skeleton.encode() == data
    for entry in (SAFETENSORS, PYTORCH):
        with contextlib.suppress(FormatError):
            entry.compose(data, ())
        with contextlib.suppress(FormatError):
            entry.rest(data)


def a_manifest_is_refused_or_comes_back(data: bytes) -> None:
    try:
        manifest = Manifest.decode(data)
    except CorruptPack:
        return
    assert manifest.encode() == data
    list(manifest.object_ids())
    "".join(entry.name for entry in manifest.tensors).encode()


def a_record_is_refused_or_comes_back(data: bytes) -> None:
    try:
        record = Record.decode(data)
    except CorruptPack:
        return
    assert Record.decode(record.encode()) == record


def a_signature_is_refused_or_comes_back(data: bytes) -> None:
    try:
        signature = Signature.decode(data.decode("utf-8", "replace"))
    except CorruptPack:
        return
    again = Signature.decode(signature.encode())
    assert Signature.decode(again.encode()) == again


def a_stat_cache_is_ignored_or_comes_back(data: bytes) -> None:
    decoded = index_text.decode(data + f"end {index_text.zlib.crc32(data):08x}\n".encode())
    if decoded is None:
        return
    header, rows = decoded
    lines = [(mode, blob, str(seen), mark, path) for mode, blob, seen, mark, path in rows]
    assert len(header) == 3
    assert index_text.decode(index_text.encode(header, lines)) == decoded  # type: ignore[arg-type]


def a_shard_index_is_refused_or_comes_back(data: bytes) -> None:
    try:
        index = sharded.parse_index(data)
    except FormatError:
        return
    again = sharded.parse_index(sharded.render_index(index.weight_map, index.metadata))
    assert again.weight_map == index.weight_map


def a_placeholder_is_told_from_weights(data: bytes) -> None:
    head = data[: sniff.HEAD]
    kind = sniff.placeholder(head)
    detect("model.bin", head)
    try:
        sniff.check("model.safetensors", head)
        assert kind is None
    except LfsPointer as error:
        assert kind is not None and kind in error.message


def _refused_or_comes_back(entry: Format, data: bytes) -> FormatError | None:
    """Read, cut and fill; and what was cut must be composed again as it was."""
    try:
        layout = read(entry, data)
        skeleton = cut(io.BytesIO(data), layout)
    except FormatError as error:
        assert error.message
        return error
    assert fill(skeleton, spans(layout, data)) == data
    encoded = skeleton.encode()
    assert Skeleton.decode(encoded) == skeleton
    with contextlib.suppress(LimitExceeded):
        entry.rest(encoded)  # type: ignore[attr-defined]
    return None


def only_known_errors(call: Callable[[], object]) -> None:
    """``call`` may refuse, in words; anything else is a finding."""
    with contextlib.suppress(MvcError, UsageError):
        call()


PARSERS: tuple[Target, ...] = (
    a_safetensors_file_is_refused_or_comes_back,
    json_is_refused_or_comes_back,
    a_zip_file_is_refused_or_comes_back,
    a_pickle_is_refused_or_comes_back,
    a_skeleton_is_refused_or_comes_back,
    a_manifest_is_refused_or_comes_back,
    a_record_is_refused_or_comes_back,
    a_signature_is_refused_or_comes_back,
    a_stat_cache_is_ignored_or_comes_back,
    a_shard_index_is_refused_or_comes_back,
    a_placeholder_is_told_from_weights,
)
