"""What a repository folder needs whatever it holds: format line, configuration, folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from mvc.errors import MvcError
from mvc.history.config import entries
from mvc.history.context import Context
from mvc.history.foundation import CONFIG, FORMAT, POINTER
from mvc.maintenance.finding import Finding

#: Without these some verb can't work; others are made when they are needed.
NEEDED = ("objects", "refs", "locks", "store/packs", "store/index", "store/incoming")
#: Options without which the folder is no repository to Git; the rest keeps Git's tools from losing things.
_VITAL = ("core.repositoryformatversion", "core.bare", "extensions.preciousobjects")
#: Lines of a configuration that can be told to be whole by themselves.
SECTION = re.compile(r'\[[A-Za-z][A-Za-z0-9.-]*( "[^"\\\n]*")?\]')
OPTION = re.compile(r"([A-Za-z][A-Za-z0-9-]*) = ([ -~]*)")


def check(context: Context) -> Iterator[Finding]:
    """Everything that is wrong with the housing."""
    for name in missing_folders(context.folder):
        yield Finding(name, "this folder of the repository is missing")
    if read(context.folder, "format") != FORMAT.encode():
        yield Finding("format", f"should read {FORMAT.strip()!r}")
    if read(context.folder, ".git") != POINTER.encode():
        yield Finding(
            ".git", f"should read {POINTER.strip()!r}, so that git clean spares .mvc", True
        )
    try:
        found = dict(entries(os.path.join(context.folder, "config")))
    except MvcError:
        yield Finding("config", "can't be parsed")
        return
    for key, value in options(CONFIG).items():
        if found.get(key, "").lower() != value:
            vital = key in _VITAL
            what = "has lost the option" if key not in found else f"says {found[key]!r} for"
            why = "" if vital else ": Git's own tools may now drop what undo needs"
            yield Finding("config", f"{what} {key} ({value}){why}", not vital)


def vital() -> dict[str, str]:
    """The options without which nothing can open the repository, with their values."""
    return {key: value for key, value in options(CONFIG).items() if key in _VITAL}


def missing_folders(folder: str) -> list[str]:
    """The needed folders that are not there."""
    return [name for name in NEEDED if not os.path.isdir(os.path.join(folder, *name.split("/")))]


def options(text: str) -> dict[str, str]:
    """The options of a configuration written as ``CONFIG`` is."""
    found = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        else:
            key, _, value = line.partition("=")
            found[f"{section}.{key.strip()}".lower()] = value.strip()
    return found


def read(folder: str, name: str) -> bytes | None:
    """A small file of the repository; None when it can't be read."""
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()
    except OSError:
        return None
