"""Our entry in a repository's ``.pre-commit-config.yaml``, as edits of its text.

Owns no YAML library: comments and layout are the person's, and stay. Only the block style that pre-commit's
own tools write is edited; anything else is refused, with the lines to add by hand. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from mvc.errors import UsageError

NAME = ".pre-commit-config.yaml"
ID = "weight-hashes"

_OURS = re.compile(rf"^\s*(?:- )?\s*id:\s*['\"]?{ID}['\"]?\s*(?:#.*)?$")
_REPOS = re.compile(r"^repos:\s*(?:\[\s*\]\s*)?(?:#.*)?$")
_REPO = re.compile(r"^(\s*)- +repo:")
_HOOK = re.compile(r"^\s*- +id:")
_ARGS = re.compile(r"^(\s*)args:(.*)$")
_FLOW = re.compile(r"""\]|,|#.*|"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s,\[\]"'#][^,\[\]\n]*""")
_INSIDE = re.compile(r"^(\s+\S|-)")


def entry(arguments: Sequence[str] = (), indent: str = "  ") -> list[str]:
    """The lines that run the hook, with ``arguments``."""
    lines = [
        "- repo: local",
        "  hooks:",
        f"    - id: {ID}",
        "      name: weight hashes",
        "      entry: mvc-weight-hashes",
        "      language: system",
        "      always_run: true",
        "      pass_filenames: false",
        "      stages: [pre-commit, pre-merge-commit, manual]",
    ]
    if arguments:
        lines.append(f"      args: {json.dumps(list(arguments))}")
    return [indent + line for line in lines]


def line_of(text: str) -> int | None:
    """The number of the line that names our hook, from 1; None where none does."""
    for number, line in enumerate(text.splitlines(), start=1):
        if _OURS.match(line):
            return number
    return None


def arguments(text: str) -> tuple[str, ...]:
    """The ``args`` of our hook, in brackets or one a line; nothing where there are none.

    Raises:
        UsageError: they are written in another way.
    """
    number = line_of(text)
    lines = _item(text.splitlines(), number - 1) if number is not None else []
    for at, line in enumerate(lines):
        match = _ARGS.match(line)
        if match is None or match[1] != _depth(lines[0]):
            continue
        rest = match[2].strip()
        if rest.startswith("["):
            inside: list[str] = []
            after = "\n".join([rest[1:], *lines[at + 1 :]])
            for item in _FLOW.finditer(after):
                if item[0] == "]":
                    return tuple(inside)
                if item[0] != "," and not item[0].startswith("#"):
                    inside.append(_scalar(item[0].strip()))
        elif not rest or rest.startswith("#"):
            found = []
            for below in map(str.strip, lines[at + 1 :]):
                if below and not below.startswith(("- ", "#")):
                    break
                if below.startswith("- "):
                    found.append(_scalar(re.sub(r"\s+#.*", "", below[2:].strip())))
            return tuple(found)
        raise UsageError(
            f"{NAME} has the args of {ID} in a layout that mvc does not read",
            hint="write them in brackets: args: [--check]",
        )
    return ()


def _item(lines: Sequence[str], at: int) -> list[str]:
    """The lines of the hook of which the line ``at`` is one, its dash made a blank."""
    keys = len(_depth(lines[at].replace("- ", "  ", 1)))
    first = at
    while first > 0 and not lines[first].startswith("- ", keys - 2):
        first -= 1
    end = at + 1
    while end < len(lines) and (not lines[end].strip() or len(_depth(lines[end])) >= keys):
        end += 1
    return [lines[first].replace("- ", "  ", 1), *lines[first + 1 : end]]


def _scalar(text: str) -> str:
    if text.startswith('"'):
        return str(json.loads(text))
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


def added(text: str, arguments: Sequence[str] = ()) -> str:
    """``text`` with our entry as the last of its repositories.

    Raises:
        UsageError: the text is laid out in a way that is not edited here.
    """
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if _REPOS.match(line)), None)
    if start is None:
        if any(line.startswith("repos") for line in lines):
            raise UsageError(
                f"{NAME} has its repos in a layout that mvc does not edit",
                hint="add these lines to its repos:\n" + "\n".join(entry(arguments)),
            )
        lines.append("repos:")
        start = len(lines) - 1
    lines[start] = re.sub(r"^repos:\s*\[\s*\]", "repos:", lines[start])
    last, indent = start, "  "
    for number in range(len(lines) - 1, start, -1):
        if match := _REPO.match(lines[number]):
            indent = match[1]
    for number in range(start + 1, len(lines)):
        if _INSIDE.match(lines[number]):
            last = number
        elif lines[number].strip() and not lines[number].startswith("#"):
            break
    lines[last + 1 : last + 1] = entry(arguments, indent)
    return "\n".join(lines) + "\n"


def removed(text: str) -> str:
    """``text`` without our entry; as it is where there is none.

    Raises:
        UsageError: other hooks stand in the same entry.
    """
    number = line_of(text)
    if number is None:
        return text
    lines = text.splitlines()
    first = max((n for n in range(number) if _REPO.match(lines[n])), default=None)
    if first is None:
        raise UsageError(f"{NAME}: line {number} belongs to no repo", hint="take it out by hand")
    depth = len(_depth(lines[first]))
    end = first + 1
    while end < len(lines) and (not lines[end].strip() or len(_depth(lines[end])) > depth):
        end += 1
    while not lines[end - 1].strip():
        end -= 1
    if sum(1 for line in lines[first:end] if _HOOK.match(line)) != 1:
        raise UsageError(
            f"{NAME}: other hooks stand beside {ID} in one entry",
            hint=f"take {ID} out by hand: line {number}",
        )
    rest = lines[:first] + lines[end:]
    if not any(_REPO.match(line) for line in rest):
        rest = [re.sub(r"^repos:", "repos: []", line) for line in rest]
    return "\n".join(rest) + "\n"


def _depth(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
