"""One line of an ignore file as a pattern, in gitignore's syntax.

Owns the translation to a regular expression that never tries the same thing twice: a stranger's ignore file
decides how ``status`` spends its time, and ``*a*a*a*…`` matched by backtracking takes a power of the path's
length. Between two stars stands a piece of fixed length, so that its first fit is as good as any later one;
each is an atomic group. Source: ``gitignore(5)`` and Git's ``wildmatch.c``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mvc.values import dataclass

_STAR = "*"
_END = r"(?=/|\Z)"
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t\\n\\v\\f\\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """``ignores`` is False for a ``!`` line; ``regex`` None fits nothing.

    ``anywhere``: the pattern is about the last part of a path, not about the way from the ignore file.
    """

    ignores: bool
    folders_only: bool
    anywhere: bool
    regex: re.Pattern[str] | None

    def fits(self, path: str) -> bool:
        """Whether the pattern is about ``path``; a folder's ends in a slash."""
        plain = path.removesuffix("/")
        if self.regex is None or (self.folders_only and plain == path):
            return False
        return self.regex.match(plain.rpartition("/")[2] if self.anywhere else plain) is not None


def pattern(line: str) -> Pattern | None:
    """The pattern that ``line`` is; None for a blank line or a comment.

    Raises:
        ValueError: a ``!`` with nothing behind it.
    """
    text = _trimmed(line)
    if not text or text.startswith("#"):
        return None
    ignores = not text.startswith("!")
    text = text if ignores else text[1:]
    if not text:
        raise ValueError(f"the line {line!r} has no pattern")
    folders_only = text.endswith("/") and not text.endswith("\\/")
    text = text.removesuffix("/") if folders_only else text
    anywhere = "/" not in text
    try:
        regex = re.compile(_way(text.removeprefix("/")), re.DOTALL)
    except _FitsNothing:
        regex = None
    return Pattern(ignores, folders_only, anywhere, regex)


class _FitsNothing(Exception):
    """Git takes such a line for a pattern that no path has."""


def _trimmed(line: str) -> str:
    """Without the blanks at its end, unless a backslash keeps one."""
    end = len(line)
    while end and line[end - 1] == " " and not _escaped(line, end - 1):
        end -= 1
    return line[:end]


def _escaped(line: str, at: int) -> bool:
    before = line[:at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _way(text: str) -> str:
    """The whole pattern: groups of folders, with any number of folders at each ``**``."""
    parts: list[list[str]] = [[]]
    for atom in _atoms(text):
        if atom == "/":
            parts.append([])
        else:
            parts[-1].append(atom)
    groups: list[list[str]] = [[]]
    for part in parts:
        if part == [_STAR, _STAR]:
            groups.append([])
        else:
            groups[-1].append(_part(part))
    first, *rest = groups
    last = rest.pop() if rest else None
    found = "/".join(first)
    if last is None:
        return rf"{found}\Z"
    found += "/" if first else ""
    found += "".join(rf"(?>(?:[^/]+/)*?{'/'.join(group)}/)" for group in rest if group)
    return rf"{found}.+\Z" if not last else rf"{found}(?:[^/]+/)*{'/'.join(last)}\Z"


def _part(atoms: list[str]) -> str:
    """What stands between two slashes: it ends where the path's part ends."""
    pieces = [""]
    for atom in atoms:
        if atom == _STAR:
            pieces.append("")
        else:
            pieces[-1] += atom
    first, *rest = pieces
    if not rest:
        return first + _END if first else r"(?!)"
    last = rest.pop()
    middle = "".join(rf"(?>[^/]*?{piece})" for piece in rest if piece)
    return rf"(?=[^/]){first}{middle}[^/]*{last}{_END}"


def _atoms(text: str) -> Iterator[str]:
    """Regular expressions of one character each, stars, and the slashes outside of sets."""
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == "*":
            yield _STAR
        elif character == "?":
            yield "[^/]"
        elif character == "[":
            atom, at = _bracket(text, at)
            yield atom
        elif character == "\\":
            if at == len(text):
                raise _FitsNothing
            yield re.escape(text[at])
            at += 1
        else:
            yield re.escape(character)


def _bracket(text: str, at: int) -> tuple[str, int]:
    """A set of characters, from behind its ``[``; and the position behind its ``]``."""
    negated = text[at : at + 1] in ("!", "^")
    at += negated
    members: list[str] = []
    start = at
    while at == start or text[at : at + 1] != "]":
        if at >= len(text):
            raise _FitsNothing
        if text.startswith("[:", at) and (end := text.find(":]", at)) >= 0:
            name = text[at + 2 : end]
            if name not in _CLASSES:
                raise _FitsNothing
            members.append(_CLASSES[name])
            at = end + 2
            continue
        low, at = _member(text, at)
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in ("", "]"):
            high, at = _member(text, at + 1)
            # wildmatch.c looks at a range's beginning before it sees that it is one.
            members.append(f"{re.escape(low)}-{re.escape(max(low, high))}")
        else:
            members.append(re.escape(low))
    inner = "".join(members)
    if negated:
        return f"[^/{inner}]", at + 1
    return (f"(?!/)[{inner}]" if inner else "(?!)"), at + 1


def _member(text: str, at: int) -> tuple[str, int]:
    at += text[at] == "\\"
    if at >= len(text):
        raise _FitsNothing
    return text[at], at + 1
