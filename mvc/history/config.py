"""The repository's configuration, a Git config file, edited as text in place; what is plain in it is read
here, all else through libgit2.

Source: ``git-config(1)``, "CONFIGURATION FILE".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from mvc.errors import StorageError, UsageError
from mvc.history.plain_config import plain_entries
from mvc.store.fs import Disk, explained

_KEY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)\.(?:(.+)\.)?([A-Za-z][A-Za-z0-9-]*)")
_SECTION = re.compile(r'\s*\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')


class Settings:
    """One configuration file, as a repository shows it."""

    def __init__(self, file: str, disk: Disk) -> None:
        self._file = file
        self._disk = disk

    def list(self) -> list[tuple[str, str]]:
        """Every option, in order."""
        return [*entries(self._file)]

    def get(self, key: str) -> str | None:
        """The value of ``key`` (``section.name``), the last one when it is given several times."""
        wanted = _canonical(key)
        return next((value for name, value in reversed(self.list()) if name == wanted), None)

    def put(self, key: str, value: str | None) -> None:
        """Set ``key``; None removes it.

        Raises:
            UsageError: not a key, or nothing to remove.
        """
        put(self._file, key, value, self._disk)


def entries(file: str) -> Iterator[tuple[str, str]]:
    """Every option of ``file`` in order; nothing when there is no such file.

    Raises:
        UsageError: the file can't be parsed.
        StorageError: it can't be read.
    """
    if not os.path.isfile(file):
        return
    with explained("read", file), open(file, "rb") as stream:
        found = plain_entries(stream.read())
    yield from _through_libgit2(file) if found is None else found


def _through_libgit2(file: str) -> list[tuple[str, str]]:
    import pygit2
    from pygit2.enums import ConfigLevel

    try:
        config = pygit2.Config()
        config.add_file(file, ConfigLevel.LOCAL)
        return [(one.name, "true" if one.value is None else one.value) for one in config]
    except (pygit2.GitError, UnicodeDecodeError) as error:
        if "could not open" in str(error):  # libgit2 has one class for all that can go wrong
            raise StorageError(f"can't read {file}: {error}") from error
        raise UsageError(f"bad config in {file}: {error}") from error


def put(file: str, key: str, value: str | None, disk: Disk) -> None:
    """Set ``key``; None removes it.

    Raises:
        UsageError: not a key, or nothing to remove.
    """
    section, subsection, name = _split(key)
    _check_text(value or "")
    # What the file holds already may be in any encoding; it stays as it is.
    with open(file, encoding="utf-8", errors="surrogateescape") as stream:
        lines = [f"{line}\n" for line in stream.read().removesuffix("\n").split("\n")]
    start, end, at = _locate(lines, section, subsection, name)
    if value is None:
        if at is None:
            raise UsageError(f"no such option: {key}", hint="mvc config --list")
        del lines[at]
    elif at is not None:
        lines[at] = f"\t{name} = {_quoted(value)}\n"
    elif start is not None:
        lines.insert(end, f"\t{name} = {_quoted(value)}\n")
    else:
        title = f'{section} "{subsection}"' if subsection else section
        lines += [f"[{title}]\n", f"\t{name} = {_quoted(value)}\n"]
    disk.write_whole(file, "".join(lines).encode("utf-8", "surrogateescape"))


def _check_text(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"not valid UTF-8: {value!r}", hint="write the value in UTF-8") from error


def _locate(
    lines: Sequence[str], section: str, subsection: str | None, name: str
) -> tuple[int | None, int, int | None]:
    """Where the section starts and ends, and the option's own line, the last of each."""
    start, end, at = None, len(lines), None
    inside = False
    for number, line in enumerate(lines):
        title = _SECTION.match(line)
        if title:
            inside = title[1].lower() == section and (title[2] or None) == subsection
            if inside:
                start = number
        if inside:
            end = number + 1
            if not title and re.match(rf"\s*{re.escape(name)}\s*(=|$)", line, re.IGNORECASE):
                at = number
    return start, end, at


def _split(key: str) -> tuple[str, str | None, str]:
    match = _KEY.fullmatch(key)
    if match is None:
        raise UsageError(f"invalid key: {key}", hint="keys look like user.name")
    return match[1].lower(), match[2], match[3]


def _canonical(key: str) -> str:
    section, subsection, name = _split(key)
    return ".".join(filter(None, [section, subsection, name.lower()]))


def _quoted(value: str) -> str:
    escaped = (
        value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    )
    return (
        f'"{escaped}"'
        if escaped != value or value != value.strip() or set(value) & set("#;")
        else value
    )
