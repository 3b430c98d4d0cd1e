"""Refs as their files are, good and bad: what ``fsck`` judges and ``repair`` starts from.

``Refs`` stops at the first damaged file, as every verb must; here nothing stops anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from mvc.errors import MvcError
from mvc.history.refs import Refs, check_name, is_id
from mvc.values import dataclass

PACKED = "packed-refs"
_COMMENT = ("#", "^", "")


@dataclass(frozen=True, slots=True)
class RefFiles:
    """``values``: what each whole ref says, HEAD among them, as ``Refs.raw`` gives it.

    ``damaged``: the names of loose refs (and HEAD) whose file says nothing that a ref can say. ``strange``:
    files below ``refs/`` whose name is none of a ref. ``packed``: lines of ``packed-refs`` that are none.
    """

    values: dict[str, str]
    damaged: tuple[str, ...]
    strange: tuple[str, ...]
    packed: tuple[str, ...]

    def target(self, name: str) -> str | None:
        """The id that ``name`` comes to, symbolic refs followed; None when it comes to none."""
        for _ in range(5):
            value = self.values.get(name)
            if value is None or is_id(value):
                return value
            name = value.removeprefix("ref: ")
        return None


def survey(folder: str) -> RefFiles:
    """Every ref of the repository ``folder``."""
    lines = list(packed_lines(folder))
    values = {name: id_ for _, name, id_ in lines if name}
    bad_lines = tuple(text for text, name, _ in lines if not name and text[:1] not in _COMMENT)
    damaged, strange = [], []
    refs = Refs(folder)
    for name in ["HEAD", *_loose(folder, "refs")]:
        if name != "HEAD" and not _is_ref(name):
            strange.append(name)
            continue
        try:
            value = refs.raw(name)
        except MvcError:
            if os.path.isfile(os.path.join(folder, name)):
                values.pop(name, None)
                damaged.append(name)
            continue
        if value is not None:
            values[name] = value
    return RefFiles(values, tuple(damaged), tuple(strange), bad_lines)


def packed_lines(folder: str) -> Iterator[tuple[str, str, str]]:
    """Each line of ``packed-refs`` with the ref and id it says; these are empty for any other line."""
    try:
        with open(os.path.join(folder, PACKED), encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except (FileNotFoundError, IsADirectoryError):
        return
    for line in lines:
        id_, _, name = line.partition(" ")
        good = is_id(id_) and _is_ref(name)
        yield line, name if good else "", id_ if good else ""


def _loose(folder: str, name: str) -> Iterator[str]:
    try:
        with os.scandir(os.path.join(folder, name)) as entries:
            inner = sorted((e.name, e.is_dir(follow_symlinks=False)) for e in entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    for part, is_folder in inner:
        if is_folder:
            yield from _loose(folder, f"{name}/{part}")
        elif not part.endswith((".lock", ".tmp")):
            yield f"{name}/{part}"


def _is_ref(name: str) -> bool:
    try:
        check_name(name, "ref")
    except MvcError:
        return False
    return name.startswith("refs/")
