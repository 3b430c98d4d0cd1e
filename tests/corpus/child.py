"""Run the cases of a family in this process, held to a little memory and time; write down what happened.

``python tests/corpus/child.py FAMILY FOLDER REPORT [full]``. A process of its own, so that the limits are the
cases' alone, and a case that hangs or grows ends this process and not the tests. Without ``full`` each case is
tried with its own verb alone.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import resource
import shutil
import sys
import unicodedata
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from corpus import guard
from corpus.case import READING, Case

import mvc.cli.app
import mvc.store.fs
from mvc.cli.failures import reported

#: What a case may take, above the interpreter and its libraries.
MEMORY = 400 * 1024 * 1024
SECONDS = 30


@dataclass
class Said:
    """One command's end."""

    words: tuple[str, ...]
    code: int
    text: str
    error: str | None


class Runner:
    """Types commands in the current folder."""

    def __init__(self) -> None:
        self._error: str | None = None
        mvc.cli.app.reported = self._reported

    def _reported(self, error: BaseException, *, color: bool | None) -> int:
        self._error = type(error).__name__
        return reported(error, color=color)

    def __call__(self, *words: str) -> Said:
        self._error = None
        # As strict as a real stream: a lone surrogate can't be written to it.
        stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        with redirect_stdout(stream), redirect_stderr(stream):
            code = mvc.cli.app.main(words)
        text = stream.buffer.getvalue().decode("utf-8", "backslashreplace")  # type: ignore[attr-defined]
        return Said(words, code, text, self._error)


def problems(case: Case, run: Runner, root: Path, full: bool) -> list[str]:
    """All that is wrong with how mvc takes the case."""
    case.build(root)
    with guard.watched(str(root)) as seen:
        said = run(*case.verb)
        found = _sound(said)
        if said.error != case.error or case.says not in said.text:
            found.append(f"{case.verb} gave {said.error} {said.code}: {said.text[:600]}")
        elif case.file is not None and full:
            found += _kept(case, run, root / case.file)
        for words in (*case.after, *READING) if full else ():
            found += _sound(run(*words))
        found += [f"watch: {line}" for line in seen]
    return found


def _kept(case: Case, run: Runner, file: Path) -> list[str]:
    """The file's way into a commit and back: as a model, or as plain bytes where that is refused."""
    before = file.read_bytes()
    found: list[str] = []
    if case.error is not None:
        if run("ls").text.strip() or any(Path(".mvc/store/packs").iterdir()):
            found.append("the refusal left something behind")
        found += _succeeds(run("add", "--opaque", file.name))
    found += _succeeds(run("commit", "-m", "hostile"))
    found += _succeeds(run("show"))
    for verb in (("ls", "-l"), ("ls", "--tensors"), ("ls", "--json"), ("diff", "--json", "HEAD")):
        found += _succeeds(run(*verb))
    file.unlink()
    found += _succeeds(run("restore", file.name))
    if not file.exists() or file.read_bytes() != before:
        found.append("it did not come back bit for bit")
    return found


def _succeeds(said: Said) -> list[str]:
    return _sound(said) + ([f"{said.words} failed: {said.text[:400]}"] if said.code else [])


def _sound(said: Said) -> list[str]:
    """No bug, no traceback, and no character that could steer a terminal."""
    found = []
    if "a bug in mvc" in said.text or "Traceback" in said.text:
        found.append(f"{said.words} broke: {said.text[:600]}")
    if said.error == "MemoryError":
        found.append(f"{said.words} ran out of memory")
    steering = {c for c in said.text if unicodedata.category(c) in ("Cc", "Cf")} - {"\n", "\t"}
    if steering and "--json" not in said.words:
        found.append(f"{said.words} printed {sorted(map(ascii, steering))}")
    return found


def main(family: str, folder: str, report: str, full: bool) -> None:
    """Every case of the family, each in a fresh repository."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    mvc.store.fs._full_sync = lambda descriptor: None  # type: ignore[attr-defined]
    cases: list[Case] = importlib.import_module(f"corpus.{family}").CASES
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
    run = Runner()
    _warm_up(run, Path(folder, "warm-up"))
    results: dict[str, Any] = {}
    for number, case in enumerate(case for case in cases if full or case.weight == 1):
        # A single file needs no repository of its own to be judged, and making one is most of the time.
        shared = case.file is not None and not full
        root = Path(folder, "shared" if shared else str(number))
        if not root.exists():
            root.mkdir()
            os.chdir(root)
            made = run("init")
            assert made.code == 0, made.text
        os.chdir(root)
        _begin(report, case, results)
        results[case.name] = problems(case, run, root, full)
        os.chdir(folder)
        if shared and case.file is not None:
            (root / case.file).unlink()
        else:
            shutil.rmtree(root, ignore_errors=True)
    Path(report).write_text(json.dumps(results))


def _begin(report: str, case: Case, results: dict[str, Any]) -> None:
    """Before a case: should it end this process, the report says which one it was."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(usage.ru_utime + usage.ru_stime)
    _limit(resource.RLIMIT_CPU, spent + SECONDS * case.weight)
    _limit(resource.RLIMIT_DATA, _in_use() + MEMORY * case.weight)
    Path(report).write_text(json.dumps({**results, case.name: ["the process ended in this case"]}))


def _warm_up(run: Runner, root: Path) -> None:
    """Load what every case needs, so that the limit on memory counts the case alone."""
    from cli.terminal import safetensors

    root.mkdir()
    os.chdir(root)
    run("init")
    for values in ([1.0, 2.0], [1.5, 2.0]):
        (root / "m.safetensors").write_bytes(safetensors({"a": values}))
        run("add", "-A")
        run("commit", "-m", "one")
    for words in READING:
        run(*words)


def _in_use() -> int:
    pages = Path("/proc/self/statm").read_text().split()
    return int(pages[5]) * resource.getpagesize()


def _limit(what: int, soft: int) -> None:
    resource.setrlimit(what, (soft, resource.getrlimit(what)[1]))


if __name__ == "__main__":
    main(*sys.argv[1:4], full=sys.argv[4:] == ["full"])
