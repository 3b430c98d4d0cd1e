"""Faults at system calls: strace counts those of a command, then makes one of them fail, or kills there.

Nothing of mvc is replaced: it is the real command with the real ``Disk``, and also sees what no twin of the
``Disk`` can show it, a ``close`` that fails, or a failing call in a library.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from faults.worlds import WHO

KILL = "KILL"
#: Calls that change something; ``openat`` counts where it can create or write.
CALLS = (
    *("openat", "write", "pwrite64", "writev", "fsync", "fdatasync", "close", "ftruncate"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir"),
    *("link", "linkat", "chmod", "fchmod", "fchmodat", "fallocate", "copy_file_range", "flock"),
)
_NAMES = {"rename", "renameat", "renameat2", "mkdir", "mkdirat", "link", "linkat", "openat"}
_GROWS = {*_NAMES, "write", "pwrite64", "writev", "ftruncate", "fallocate", "copy_file_range"}
_SYNCS = {"fsync", "fdatasync"}
_WRITES_NAMES = {*_NAMES, "unlink", "unlinkat", "rmdir", "chmod", "fchmod", "fchmodat", "ftruncate"}
#: Which calls can meet which fault.
FAULTS = {
    KILL: frozenset(CALLS),
    "ENOSPC": frozenset(_GROWS | _SYNCS | {"close"}),
    "EIO": frozenset(CALLS) - {"flock"},
    "EROFS": frozenset(_WRITES_NAMES),
    "EMFILE": frozenset({"openat"}),
    "ENOLCK": frozenset({"flock"}),
}
_CALL = re.compile(r"(\d+) +(\w+)\((.*)")
_OPENED = re.compile(r"= (\d+)")
_WRITABLE = re.compile(r"O_(WRONLY|RDWR|CREAT)")


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """The ``number``-th (from 1) call of this name; ``shown`` says what it did in the run without a fault."""

    call: str
    number: int
    fault: str
    shown: str = ""

    def __str__(self) -> str:
        return f"{self.fault} at {self.call} {self.number}: {self.shown[:120]}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; ``code`` is negative for a signal."""

    code: int
    text: str


def available() -> str | None:
    """Why there can be no injection here; None when there can."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        return "needs Linux and strace"
    done = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return None if done.returncode == 0 else "ptrace is not allowed here"


class Injector:
    """Runs commands in forks of one process that has mvc imported (``forks.py``)."""

    def __init__(self, folder: str) -> None:
        self._out = os.path.join(folder, "out")
        self._trace = os.path.join(folder, "trace")
        here = os.path.dirname(os.path.abspath(__file__))
        top = os.path.dirname(os.path.dirname(here))
        sign = {"NAME": WHO.name, "EMAIL": WHO.email, "DATE": f"{WHO.time} +0100"}
        self._server = subprocess.Popen(
            [sys.executable, os.path.join(here, "forks.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **{
                    f"GIT_{role}_{k}": v
                    for role in ("AUTHOR", "COMMITTER")
                    for k, v in sign.items()
                },
                "PATH": os.environ["PATH"],
                "PYTHONPATH": top,
                "OPENBLAS_NUM_THREADS": "1",
                "HOME": folder,
                "LANG": "C.UTF-8",
            },
        )

    def close(self) -> None:
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def points(self, cwd: str, words: list[str]) -> tuple[Ended, list[Point]]:
        """Run ``words`` without a fault; every place where one could be put."""
        ended = self._run(cwd, words, ["-y"])
        with open(self._trace, encoding="utf-8", errors="replace") as file:
            return ended, sorted(set(_points(file.read().splitlines(), cwd)))

    def strike(self, cwd: str, words: list[str], point: Point) -> Ended:
        """Run ``words`` with the fault."""
        what = "signal=KILL" if point.fault == KILL else f"error={point.fault}"
        inject = f"inject={point.call}:{what}:when={point.number}"
        return self._run(cwd, words, ["-e", inject])

    def _run(self, cwd: str, words: list[str], options: list[str]) -> Ended:
        request = json.dumps({"cwd": cwd, "words": words, "out": self._out})
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(request + "\n")
        self._server.stdin.flush()
        child = self._server.stdout.readline().strip()
        assert child, "forks.py has ended"
        calls = ",".join(f"?{call}" for call in CALLS)
        command = ["strace", "-f", "-o", self._trace, "-e", f"trace={calls}", *options, "-p", child]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            said = strace.stderr.readline()
            assert "attached" in said, said
            os.kill(int(child), 18)
            code = int(self._server.stdout.readline())
            strace.stderr.read()
        with open(self._out, encoding="utf-8", errors="replace") as file:
            return Ended(code, file.read())


def _points(lines: list[str], cwd: str) -> Iterator[Point]:
    """``cwd``: what is opened elsewhere (a module that is imported late) is no concern of a repository."""
    counts: dict[tuple[str, str], int] = {}
    writable: set[str] = set()
    for line in lines:
        match = _CALL.match(line)
        if match is None:  # a signal, an exit, or the end of a call that was begun on another line
            continue
        thread, call, rest = match.groups()
        number = counts[thread, call] = counts.get((thread, call), 0) + 1
        file = rest.split("<", 1)[0].split(",", 1)[0]
        if call == "openat":
            opened = _OPENED.search(rest.rsplit(")", 1)[-1])
            if opened and _WRITABLE.search(rest):
                writable.add(opened[1])
            elif opened:
                writable.discard(opened[1])
        if call in ("write", "close") and file not in writable:
            continue  # the streams, and what was only read
        if call == "openat" and cwd not in rest.rsplit("=", 1)[0].split(", ", 1)[1]:
            continue
        for fault, calls in FAULTS.items():
            if call in calls and (call != "openat" or fault == "EMFILE" or _WRITABLE.search(rest)):
                yield Point(call, number, fault, rest)
