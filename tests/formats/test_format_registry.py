"""Which format a file has, and the placeholders that are called by their name."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from formats.format_contract import read
from formats.safetensors_files import SOUND, file_of

import mvc.formats
from mvc.errors import LfsPointer, MalformedFile, StorageError
from mvc.formats import FORMATS, composer, detect, named, sniff
from mvc.formats.layout import Format
from mvc.formats.safetensors import SAFETENSORS

ZIP = b"PK\x03\x04" + bytes(26)
POINTER = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 90868376\n"
)


def found(path: str, head: bytes) -> str | None:
    entry = detect(path, head)
    return entry.name if entry else None


@pytest.mark.parametrize("path", ["m.safetensors", "a/b.c/M.SAFETENSORS", ".x.safetensors"])
def test_safetensors_is_known_by_its_suffix(path: str) -> None:
    assert found(path, b"") == "safetensors"


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin", "ckpt", "PT"])
def test_a_pytorch_file_is_one_only_when_it_is_a_zip(suffix: str) -> None:
    assert found(f"model.{suffix}", ZIP) == "pytorch"
    assert found(f"model.{suffix}", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.") is None
    assert found(f"model.{suffix}", b"") is None


@pytest.mark.parametrize(
    "path", ["README.md", "config.json", "model", "safetensors", "a.safetensors/b", "x.zip", "x."]
)
def test_any_other_file_is_plain_bytes(path: str) -> None:
    assert found(path, ZIP) is None


def test_every_format_is_registered_under_its_name() -> None:
    assert {name: entry.name for name, entry in FORMATS.items()} == {name: name for name in FORMATS}
    assert set(FORMATS) == {"safetensors", "pytorch"}
    assert named("safetensors") is SAFETENSORS
    assert named("bytes") is None


def test_both_formats_compose_and_an_unknown_one_does_not() -> None:
    assert composer("safetensors") is SAFETENSORS
    assert composer("pytorch") is named("pytorch")
    assert composer("bytes") is None


def test_the_registered_pytorch_format_is_the_modules() -> None:
    from mvc.formats.pytorch import PYTORCH

    entry = FORMATS["pytorch"]
    assert (entry.name, entry.suffixes) == (PYTORCH.name, PYTORCH.suffixes)
    with pytest.raises(MalformedFile):
        read(entry, ZIP)


def test_a_format_is_imported_when_a_file_needs_it_and_not_before() -> None:
    code = (
        "import sys, mvc.formats; mvc.formats.detect('a.pt', b'PK\\3\\4');"
        "print('mvc.formats.pytorch' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


class Point:
    """An entry point that counts its loads."""

    def __init__(self, value: Format) -> None:
        self.value = value
        self.loads = 0

    def load(self) -> Format:
        self.loads += 1
        return self.value


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Point]:
    """An installed distribution that offers the format and suffix ``gguf``, and tries for ``safetensors``."""
    point = Point(SAFETENSORS)

    def entry_points(*, group: str, name: str) -> list[Point]:
        return (
            [point]
            if (group, name) in {("mvc.formats", "gguf"), ("mvc.formats", "safetensors")}
            else []
        )

    mvc.formats._plugin.cache_clear()
    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    yield point
    mvc.formats._plugin.cache_clear()


def test_an_installed_format_is_found_by_suffix_and_by_name(plugin: Point) -> None:
    assert detect("model.gguf", b"") is plugin.value
    assert named("gguf") is plugin.value
    assert plugin.loads == 1


def test_an_installed_format_is_not_loaded_for_other_files_and_replaces_none_of_mvcs(
    plugin: Point,
) -> None:
    assert detect("model.onnx", b"") is None
    assert named("safetensors") is SAFETENSORS
    detect("model.safetensors", b"")
    assert plugin.loads == 0


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (POINTER, "a Git LFS pointer"),
        (b"version https://hawser.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"version http://git-media.io/v/2\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html>", "an HTML page"),
        (b"\xef\xbb\xbf\r\n <HTML lang='en'>", "an HTML page"),
        (b"<!-- saved -->", "an HTML page"),
        (b"<?xml version='1.0'?><Error>", "an XML page"),
        (b"Entry not found", "a web server's refusal"),
    ],
)
def test_a_placeholder_under_a_weight_files_name_is_called_by_its_name(
    head: bytes, kind: str
) -> None:
    for suffix in sniff.WEIGHT_SUFFIXES:
        with pytest.raises(LfsPointer) as caught:
            sniff.check(f"m{suffix.upper()}", head)
        assert kind in caught.value.message
        assert "--opaque" in (caught.value.hint or "")
        assert ("git lfs pull" in (caught.value.hint or "")) == ("LFS" in kind)
    sniff.check("page.html", head)
    sniff.check("pointer.txt", head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        file_of(SOUND),
        ZIP,
        b"version 2",
        b"version https://example.org/spec/v1",
        b"<",
        b"htm",
        b"GGUF",
    ],
)
def test_other_beginnings_are_no_placeholder(head: bytes) -> None:
    assert sniff.placeholder(head) is None


def test_read_gives_format_and_layout(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(file_of(SOUND))
    entry, layout = mvc.formats.read(str(path))
    assert entry is SAFETENSORS
    assert layout == read(SAFETENSORS, file_of(SOUND))


def test_read_gives_nothing_for_plain_bytes(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"\x80\x02not a zip")
    assert mvc.formats.read(str(path)) == (None, None)


def test_reads_refusal_begins_with_the_path_and_hints_at_opaque(tmp_path: Path) -> None:
    path = tmp_path / "my model.safetensors"
    path.write_bytes(file_of(SOUND)[:-1])
    with pytest.raises(MalformedFile) as caught:
        mvc.formats.read(str(path))
    assert caught.value.message.startswith(f"{path}: the tensors end at byte 70")
    assert caught.value.hint == f"mvc add --opaque '{path}' keeps it as plain bytes"


def test_read_names_a_placeholder_before_it_parses(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(POINTER)
    with pytest.raises(LfsPointer):
        mvc.formats.read(str(path))


def test_read_of_a_file_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="can't read"):
        mvc.formats.read(str(tmp_path / "none.safetensors"))
