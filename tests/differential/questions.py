"""What ``log`` and ``merge-base`` are asked, in the words of both tools."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from differential.programs import BRANCHES, PATHS

#: Commits by what ``log`` was asked, and by the two branches whose merge bases they are.
Answers = tuple[Mapping[str, tuple[str, ...]], Mapping[str, frozenset[str]]]
#: One part of what could be asked is asked of each state: most of the time goes into it.
_PARTS = 3


def questions(refs: Mapping[str, str], head: str, *, born: bool) -> tuple[list[str], list[str]]:
    """The words of each ``log``, and of each ``merge-base``; which part of all, the state itself says.

    ``refs`` and ``head`` name commits as ``seen.py`` does, the same for both tools.
    """
    if not refs:
        return [], []
    there = [name for name in BRANCHES if f"refs/heads/{name}" in refs]
    pairs = [(one, other) for one in there for other in there if one < other]
    logs = ["--all", "--all --topo-order", *(f"--all -- {path}" for path in PATHS)]
    if born:
        logs += ["HEAD --first-parent", "HEAD --topo-order", "-n 2 HEAD"]
        logs += ["HEAD --first-parent -- notes", "-n 2 HEAD -- d", "HEAD --topo-order -- notes"]
    for one, other in pairs:
        logs += [f"{one}..{other}", f"{one}...{other}", f"{one}..{other} -- notes"]
    turn = zlib.crc32(repr((sorted(refs.items()), head)).encode())
    asked = logs[turn % _PARTS :: _PARTS] + ["HEAD"] * born
    return asked, [f"{one} {other}" for one, other in pairs[turn % _PARTS :: _PARTS]]
