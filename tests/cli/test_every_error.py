"""Each error of the reference page is made to happen, typed, and compared with what the page shows."""

from __future__ import annotations

import contextlib
import inspect
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli.situations import SITUATIONS
from cli.terminal import Terminal, safetensors
from cli.transcript import agrees

import mvc.errors
from mvc.errors import MvcError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "errors.md"
_SECTION = re.compile(r"^### (.+?)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^Exit code (\d+)\b", re.MULTILINE)
_ROW = re.compile(r"^\| `(\w+)` \| (\d+) \|", re.MULTILINE)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the page shows a POSIX system")


@dataclass(frozen=True)
class Section:
    """What the page says of one error: the command, what it prints, and its exit code."""

    title: str
    command: str
    printed: str
    code: int


def sections() -> Iterator[Section]:
    for title, body in _SECTION.findall(PAGE.read_text("utf-8")):
        (block,), (code,) = _BLOCK.findall(body), _CODE.findall(body)
        command, _, printed = block.removeprefix("$ ").partition("\n")
        yield Section(title, command, printed.rstrip(), int(code))


SECTIONS = list(sections())
#: Causes that go away by themselves, or that someone takes away.
PASSING = (
    "A full disk",
    "A read-only repository",
    "A disk that can't make a write durable",
    "A file system without locks",
    "A repository that another process holds",
)


def test_every_section_has_its_situation_and_every_situation_its_section() -> None:
    titles = [section.title for section in SECTIONS]
    assert sorted(titles) == sorted(SITUATIONS)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_an_error_is_as_the_page_shows_it(
    section: Section, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        SITUATIONS[section.title](terminal, patch)
        result = terminal.run(*shlex.split(section.command)[1:])
    printed = (result.out + result.err).rstrip().replace("\t", "        ")
    assert agrees(section.printed, printed), printed
    assert result.code == section.code


@pytest.mark.parametrize("title", PASSING)
def test_what_failed_succeeds_once_the_cause_is_gone(
    title: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = next(section.command for section in SECTIONS if section.title == title)
    words = shlex.split(command)[1:]
    with monkeypatch.context() as patch:
        held = SITUATIONS[title](terminal, patch)
        assert terminal.run(*words).code != 0
    if isinstance(held, int):
        os.close(held)
    terminal(*words)
    terminal("commit", "-m", "after all")
    terminal("fsck", "--full")
    assert not any((terminal.root / ".mvc" / "store" / "incoming").iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 kB in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(place)]
    if sys.platform != "linux" or os.geteuid() or shutil.which("mount") is None:
        pytest.skip("only root on Linux may mount")
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    yield place
    os.chdir("/")
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("verb", ["add", "commit", "switch"])
def test_on_a_disk_that_is_really_full_a_retry_succeeds_when_there_is_room(
    verb: str, small_disk: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_disk)
    small = Terminal(small_disk, terminal._capture)
    small("init")
    small.commit("one", model={"w": [0.5] * 100})
    small("switch", "-c", "wide")
    noise = [random.Random(n).random() for n in range(40_000)]
    words = {"add": ("add", "-A"), "commit": ("commit", "-m", "two"), "switch": ("switch", "wide")}[
        verb
    ]
    if verb != "add":
        small.write("model.safetensors", safetensors({"w": noise}))
        small("add", "-A")
    if verb == "switch":
        small("commit", "-m", "two")
        small("switch", "main")
    if verb == "add":
        small.write("model.safetensors", safetensors({"w": noise}))
    before = small.head()
    filler = small_disk / ".mvc" / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    failed = small.run(*words)
    assert failed.code == 30 and "No space left on device" in failed.err, failed
    assert small.head() == before
    filler.unlink()
    small(*words)
    small("fsck", "--full")


def test_the_table_has_every_class_with_its_exit_code() -> None:
    classes = {
        name: kind.exit_code
        for name, kind in inspect.getmembers(mvc.errors, inspect.isclass)
        if issubclass(kind, MvcError)
    }
    assert {name: int(code) for name, code in _ROW.findall(PAGE.read_text("utf-8"))} == classes
