"""Pages whose commands are typed for real: the blocks of a page, run in one shell, and what was said.

A ``console`` block holds commands after ``$ `` and what they print; ``> `` continues a command. A block of
code whose first line is a comment with a file's name is that file. In what is printed ``…`` stands for
anything: alone on a line for any lines, else for a part of the line. Ids are compared by form alone; where a
tolerance is given, numbers with a point by size.
"""

from __future__ import annotations

import math
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.\w+)\n")
_NUMBER = re.compile(r"[0-9]+\\?\.[0-9]+")
_ID = re.compile(r"\b[0-9a-f]{7,64}\b")
_MARK = "@@ next command @@"


@dataclass(frozen=True)
class Step:
    """A command and what the page says that it prints; or a file that the page has the reader write."""

    command: str
    expected: str


def steps(page: Path) -> list[Step]:
    """What a reader types, from the top of the page to its end."""
    found: list[Step] = []
    for language, body in _BLOCK.findall(page.read_text("utf-8")):
        if language == "console":
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                command, *printed = part.split("\n")
                while printed and printed[0].startswith("> "):
                    command += "\n" + printed.pop(0)[2:]
                found.append(Step(command, "\n".join(printed).rstrip()))
        elif match := _FILE.match(body):
            found.append(Step(f"cat > {match[1]} <<'@@'\n{body}@@", ""))
    return found


def typed(page_steps: list[Step], folder: Path, environment: dict[str, str]) -> list[str]:
    """What each step printed (both streams), typed into one shell in ``folder``."""
    script = f"\necho '{_MARK}'\n".join(step.command for step in page_steps)
    shell = subprocess.run(
        ["bash"],
        input=script.encode(),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return [part.rstrip() for part in shell.stdout.decode().split(f"{_MARK}\n")]


def agrees(expected: str, printed: str, tolerance: float = 0.0) -> bool:
    """Whether ``printed`` is what the page shows, numbers differing by at most this share of them."""
    if not expected:
        return not printed
    pattern = "".join(map(_pattern, expected.split("\n")))
    if not tolerance:
        return re.fullmatch(pattern, f"{printed}\n") is not None
    shown = [float(text.replace("\\", "")) for text in _NUMBER.findall(pattern)]
    found = re.fullmatch(_NUMBER.sub(r"([0-9]+(?:\\.[0-9]+)?)", pattern), f"{printed}\n")
    return found is not None and all(
        math.isclose(one, float(other), rel_tol=tolerance, abs_tol=0.05)
        for one, other in zip(shown, found.groups(), strict=True)
    )


def _pattern(line: str) -> str:
    if line.strip() == "…":
        return r"(?:.*\n)*"
    escaped = ".*".join(re.escape(part) for part in line.split("…"))
    return _ID.sub("[0-9a-f]{7,64}", escaped) + r"\n"
