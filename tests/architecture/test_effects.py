"""The library changes files in one module, and never prints, exits or reads the environment.

A scan of the source: it finds the plain spellings, which is what a slip looks like. The faults suite relies
on it: a write outside ``mvc/store/fs.py`` would be missing from the crash states that it enumerates.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Functions of ``os`` that change the file system.
OS_WRITES = {
    *("chmod", "chown", "fchmod", "fdatasync", "fsync", "ftruncate", "lchmod", "link", "makedirs"),
    *("mkdir", "mkfifo", "mknod", "pwrite", "pwritev", "remove", "removedirs", "rename", "renames"),
    *("replace", "rmdir", "symlink", "sync", "truncate", "unlink", "utime", "write", "writev"),
}
#: Flags that let ``os.open`` write.
OPEN_WRITES = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"}
#: What may be written: no file at all.
STREAMS = {"devnull", "stdout", "stderr"}
#: Methods that ``pathlib.Path`` alone has.
PATH_WRITES = {"write_text", "write_bytes", "hardlink_to", "symlink_to"}
SHUTIL_READS = {"get_terminal_size", "disk_usage", "which"}
OS_ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str, str]]:
    """Each call with what stands before the last dot ("" for a plain name) and the name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Attribute(value=ast.Name(id=owner), attr=name):
                    yield node, owner, name
                case ast.Attribute(attr=name):
                    yield node, "?", name
                case ast.Name(id=name):
                    yield node, "", name


def writes(tree: ast.AST) -> list[int]:
    """Lines that change the file system, or import the means to under another name."""
    found = []
    for call, owner, name in _calls(tree):
        if _names(call) & STREAMS:
            continue
        opens = (owner, name) in {("", "open"), ("io", "open")}
        if (
            (owner == "os" and name in OS_WRITES)
            or (owner == "os" and name == "open" and _names(call) & OPEN_WRITES)
            or (owner == "shutil" and name not in SHUTIL_READS)
            or owner == "tempfile"
            or (owner and name in PATH_WRITES)
            or (opens and not _reads(call, position=1))
            or (owner not in {"", "io", "os"} and name == "open" and _mode(call, 0) & set("wax+"))
        ):
            found.append(call.lineno)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in {"os", "shutil", "tempfile"}:
            names = {alias.name for alias in node.names}
            if node.module == "os" and not names & (OS_WRITES | {"open"}):
                continue
            if node.module == "shutil" and names <= SHUTIL_READS:
                continue
            found.append(node.lineno)
    return sorted(found)


def speech(tree: ast.AST) -> list[int]:
    """Lines that print, exit, or read the environment or the user's home."""
    found = [
        call.lineno
        for call, owner, name in _calls(tree)
        if (owner == "" and name in {"print", "input", "exit", "quit"})
        or (owner == "sys" and name == "exit")
        or (owner == "os" and name in {"_exit", "abort"})
        or name in {"expanduser", "expandvars"}
        or (owner == "Path" and name == "home")
    ]
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name in OS_ENVIRONMENT:
                found.append(node.lineno)
            case ast.Attribute(
                value=ast.Name(id="sys"), attr="stdout" | "stderr" | "stdin" | "argv"
            ):
                found.append(node.lineno)
            case ast.ImportFrom(module="os") if {a.name for a in node.names} & OS_ENVIRONMENT:
                found.append(node.lineno)
    return sorted(found)


def _names(call: ast.Call) -> set[str]:
    return {node.attr for node in ast.walk(call) if isinstance(node, ast.Attribute)}


def _mode(call: ast.Call, position: int) -> set[str]:
    """Letters of the mode; empty when there is none, all that write when it can't be told."""
    mode: ast.expr | None = call.args[position] if len(call.args) > position else None
    for keyword in call.keywords:
        if keyword.arg == "mode":
            mode = keyword.value
    if mode is None:
        return set()
    if isinstance(mode, ast.Constant) and isinstance(mode.value, str):
        return set(mode.value)
    return set("wax+") if position else set()


def _reads(call: ast.Call, position: int) -> bool:
    return not _mode(call, position) & set("wax+")


def _found(root: Path, paths: list[Path], scan: object) -> list[str]:
    assert callable(scan)
    return [
        f"{path.relative_to(root).as_posix()}:{line}"
        for path in paths
        for line in scan(ast.parse(path.read_text("utf-8")))
    ]


@pytest.fixture
def library(root: Path) -> list[Path]:
    return sorted((root / "mvc").rglob("*.py"))


def test_only_fs_changes_files(root: Path, library: list[Path]) -> None:
    elsewhere = [path for path in library if path != root / "mvc" / "store" / "fs.py"]
    assert not _found(root, elsewhere, writes)


def test_the_library_never_prints_exits_or_reads_the_environment(
    root: Path, library: list[Path]
) -> None:
    below = [path for path in library if root / "mvc" / "cli" not in path.parents]
    assert not _found(root, below, speech)


@pytest.mark.parametrize(
    "source",
    [
        "open(path, 'w')",
        "open(path, mode='r+b')",
        "open(path, mode)",
        "os.open(path, os.O_WRONLY | os.O_CREAT)",
        "os.replace(a, b)",
        "shutil.rmtree(path)",
        "tempfile.mkstemp()",
        "Path(path).write_text('x')",
        "Path(path).open('wb')",
        "from os import unlink",
        "from shutil import move",
    ],
)
def test_the_scan_sees_a_write(source: str) -> None:
    assert writes(ast.parse(source)) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "open(path, 'rb')",
        "open(path)",
        "os.open(path, os.O_RDONLY | os.O_NOFOLLOW)",
        "os.open(os.devnull, os.O_WRONLY)",
        "open(os.devnull, 'wb')",
        "os.write(sys.stdout.fileno(), text)",
        "write_text(job, text)",
        "os.stat(path)",
        "text.replace('a', 'b')",
        "sink.write(data)",
        "format.open(file)",
        "disk.replace(a, b)",
        "shutil.get_terminal_size()",
    ],
)
def test_the_scan_passes_a_read(source: str) -> None:
    assert not writes(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    ["print(1)", "os.environ['HOME']", "os.getenv('X')", "sys.exit(1)", "sys.stdout.write('x')"],
)
def test_the_scan_hears_speech(source: str) -> None:
    assert speech(ast.parse(source)) == [1]
