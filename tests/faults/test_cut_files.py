"""P3: any file of a repository cut short, or longer by zeros, is noticed or does no harm.

No damage is ever answered with wrong bytes or with another exception than an ``MvcError``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from faults.deeds import picture
from faults.harness import CHECKED, scratch
from faults.joins import clashing, merge_clash
from faults.trace import Entry, Tree, read_tree, write_tree
from faults.worlds import check_history, opened, work

from mvc.errors import MvcError
from mvc.store.fs import Disk


def prepare(root: str) -> None:
    """Every kind of file: an unfinished merge, an annotated tag, two branches, several packs."""
    clashing(root, Disk())
    opened(root).tags.create("v1", message="the first")
    merge_clash(opened(root))


def damages(content: bytes) -> Iterator[tuple[str, bytes]]:
    size = len(content)
    for length in sorted({0, 1, size // 2, size - 8, size - 1} & set(range(size))):
        yield f"cut to {length} of {size} bytes", content[:length]
    for more in (1, 100, 5000):
        yield f"{more} zeros longer", content + bytes(more)
    if size:
        yield "zeros instead", bytes(size)


def harm(root: str, whole) -> str | None:
    """What is wrong with how the damage at ``root`` is met."""
    try:
        noticed = any(opened(root).upkeep.fsck(full=True))
    except MvcError:
        noticed = True  # it can't be opened, and says why
    try:
        repository = opened(root)
        check_history(repository)
        repository.status()
        list(repository.log(all=True))
        list(repository.operations())
        repository.reflog()
        for path in repository.staged():
            if path != "model.safetensors":
                b"".join(map(bytes, repository.read_file(path)))
    except MvcError:
        return None if noticed else "a read fails, and fsck finds nothing"
    if noticed or picture(root) == whole:
        return None
    return "the repository is another one, and fsck finds nothing"


def damage_everything(stride: int) -> None:
    with scratch() as root:
        prepare(root)
        whole, start = picture(root), read_tree(root)
    cases = [
        (path, entry, how, damaged)
        for path, entry in start.items()
        if path.startswith("work/.mvc/") and entry.content is not None
        for how, damaged in damages(entry.content)
    ]
    failures = []
    for path, entry, how, damaged in cases[::stride]:
        with scratch() as root:
            write_tree(changed(start, path, Entry(entry.mode, damaged)), root)
            try:
                problem = harm(root, whole)
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            failures += [f"{path} {how}: {problem}"] if problem else []
    name = "files cut short or longer" + ("" if stride == 1 else " (sampled)")
    CHECKED[name] = len(cases[::stride])
    assert not failures, f"{len(failures)} of {len(cases[::stride])}\n" + "\n".join(failures)


def changed(tree: Tree, path: str, entry: Entry) -> Tree:
    assert os.path.dirname(path).startswith("work/.mvc") and work("") == "work"
    return {**tree, path: entry}


def test_a_file_cut_short_or_longer_is_noticed_or_harmless():
    damage_everything(stride=29)


@pytest.mark.faults_full
def test_any_file_cut_short_or_longer_is_noticed_or_harmless():
    damage_everything(stride=1)
