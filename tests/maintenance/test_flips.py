"""P3 for everything that is no tensor: a byte changed anywhere is an error, or a finding, or harmless.

Harmless: every read gives what it gave before. What only people read (the words of a reflog) may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from maintenance.ruins import contents, flip, pack_refs

import mvc
from mvc.errors import MvcError
from mvc.opening import open_damaged

#: Files of which each byte is flipped, by kind; a sample of the positions in the ordinary run.
KINDS = {
    "HEAD": "HEAD",
    "refs": "refs/**/*",
    "packed-refs": "packed-refs",
    "reflogs": "logs/**/*",
    "applied": "applied",
    "config": "config",
    "format": "format",
    "stat-cache": "stat-cache",
    "indexes": "store/index/*",
    "packs": "store/packs/*",
    "objects": "objects/??/*",
}
MASKS = (0xFF, 0x01, 0x20)


def files_of(folder: Path, kind: str) -> list[Path]:
    if kind == "packed-refs":
        pack_refs(folder)
    return [path for path in sorted(folder.glob(KINDS[kind])) if path.is_file()]


def answers(root: Path) -> object:
    """What the verbs that read say, but for the words of reflogs."""
    repository = mvc.open(str(root))
    return (
        contents(root),
        repository.branch,
        dict(repository.branches),
        dict(repository.tags),
        [repository.tags.message(name) for name in repository.tags],
        [(c.id, c.message) for c in repository.log(all=True)],
        dict(repository.staged()),
        repository.status(),
        [operation.id for operation in repository.operations()],
        [(move.old, move.new) for move in repository.reflog()],
        [(move.old, move.new) for move in repository.reflog("main")],
        [
            (
                file.path,
                [
                    (t.name, t.stats)
                    for m in repository.diff("v1", "HEAD").models
                    for t in m.tensors
                ],
            )
            for file in repository.diff("v1", "HEAD").files
        ],
    )


def flips(path: Path, step: int, start: int) -> Iterator[tuple[int, int]]:
    size = path.stat().st_size
    for position in range(start % step, size, step):
        yield position, MASKS[position % len(MASKS)]


def check(root: Path, expected: object, what: str) -> None:
    """Either every verb says the same as before, or something says that it is damaged."""
    try:
        same = answers(root) == expected
    except MvcError as error:
        assert error.message, what
        same = False
    found = list(open_damaged(str(root)).fsck(full=True)) if not same else []
    assert same or found, f"{what}: the verbs say something else, and fsck finds nothing"


def flip_all(root: Path, kind: str, step: int) -> int:
    expected = answers(root)
    paths = files_of(root / ".mvc", kind)
    assert paths
    answers(root)
    done = 0
    for number, path in enumerate(paths):
        good = path.read_bytes()
        mode = path.stat().st_mode
        for position, mask in flips(path, step, number):
            flip(path, position, mask)
            try:
                check(root, expected, f"{path.name} at {position} by {mask:#x}")
            finally:
                path.write_bytes(good)
                path.chmod(mode)
            done += 1
    return done


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_byte_is_an_error_a_finding_or_harmless(history: Path, kind: str) -> None:
    steps = {"objects": 2401, "packs": 631, "indexes": 997, "reflogs": 197, "stat-cache": 149}
    assert flip_all(history, kind, steps.get(kind, 29))


@pytest.mark.faults_full
@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_byte_is_an_error_a_finding_or_harmless(history: Path, kind: str) -> None:
    assert flip_all(history, kind, 1)
