"""``--format='%h %an: %s'``: what each placeholder stands for. Source: ``git-log(1)``, "PRETTY FORMATS".

What is not known stays as it is written, as in Git. The trailer that mvc adds to messages is left out of ``%B``
and ``%b``, as in all of ``log``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from mvc.cli.dates import FORMS
from mvc.cli.output import quoted
from mvc.history.record import without_trailer
from mvc.history.revisions import shorten

if TYPE_CHECKING:
    from mvc.history.git import Commit
    from mvc.history.judging import Judged
    from mvc.history.signature import Signature

_PLACE = re.compile(
    r"%(?:x(?P<hex>[0-9a-fA-F]{2})|C\((?P<color>[^)]*)\)|C(?P<plain>red|green|blue|reset)"
    r"|(?P<who>[ac])(?P<part>[nNeElLdDrtiIs])|G(?P<sign>[?GSKFPT])|(?P<one>[HhTtPpsfbBdDn%]))"
)
_DATES = {
    "D": "rfc",
    "r": "relative",
    "t": "unix",
    "i": "iso",
    "I": "iso-strict",
    "s": "short",
}
_TRUST = {"G": "fully", "B": "never"}
_STYLES = ("bold", "dim", "italic", "blink", "reverse", "strike")
_COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def expanded(
    text: str,
    commit: Commit,
    refs: list[str],
    day: Callable[[Signature], str],
    judge: Callable[[], Judged],
) -> str:
    """``text`` with what ``commit`` has in place of each placeholder; ``refs`` are its names, ``day`` how dates
    are written; ``judge`` is called where a signature is asked for.
    """

    def value(match: re.Match[str]) -> str:
        if match["hex"]:
            return chr(int(match["hex"], 16))
        if match["color"] is not None or match["plain"]:
            return _color(match["color"] or match["plain"] or "")
        if match["who"]:
            who = commit.author if match["who"] == "a" else commit.committer
            return _person(who, match["part"], day)
        if match["sign"]:
            return _signature(judge(), match["sign"])
        return _about(commit, match["one"], refs)

    return _PLACE.sub(value, text)


def _about(commit: Commit, letter: str, refs: list[str]) -> str:
    whole = without_trailer(commit.message).rstrip("\n")
    if letter in "bB":
        text = whole if letter == "B" else whole.partition("\n\n")[2].strip("\n")
        return f"{_lines(text)}\n" if text else ""
    if letter in "dD":
        told = click.unstyle(", ".join(refs))
        return f" ({told})" if told and letter == "d" else told
    known = {
        "H": commit.id,
        "T": commit.tree,
        "P": " ".join(commit.parents),
        "h": shorten(commit.id),
        "t": shorten(commit.tree),
        "p": " ".join(map(shorten, commit.parents)),
        "s": quoted(commit.subject),
        "f": re.sub(r"[^A-Za-z0-9._]+", "-", commit.subject).strip("-."),
        "n": "\n",
        "%": "%",
    }
    return known[letter]


def _person(who: Signature, part: str, day: Callable[[Signature], str]) -> str:
    if part in "nN":
        return quoted(who.name)
    if part in "eE":
        return quoted(who.email)
    if part in "lL":
        return quoted(who.email.partition("@")[0])
    return day(who) if part == "d" else FORMS[_DATES[part]](who)


def _signature(found: Judged, letter: str) -> str:
    check = found.check
    # A signature that is not about these weights is as good as none: Git knows no letter for that but bad.
    status = "B" if found.root == "differs" and found.signed else check.status
    match letter:
        case "?":
            return status
        case "G":
            return _lines(check.said)
        case "S":
            return quoted(check.signer or "")
        case "T":
            return _TRUST.get(status, "undefined")
    return check.key or "" if letter in "KF" else ""


def _color(words: str) -> str:
    if words in ("auto", ""):
        return ""
    if words in ("reset", "normal"):
        return "\033[0m"
    asked = words.removeprefix("always,").split()
    hue = next((word for word in asked if word in _COLORS), None)
    styles = {word: True for word in asked if word in _STYLES}
    if hue is None and not styles and "ul" not in asked:
        return ""
    styled = click.style("", fg=hue, underline=True if "ul" in asked else None, **styles)
    return styled.removesuffix("\033[0m")


def _lines(text: str) -> str:
    return "\n".join(map(quoted, text.split("\n")))
