"""A small repository with real verbs, what its commits must hold, and the promises that are checked.

The recorded root holds the folder ``work`` and nothing else, so that what happens to the repository's own
name is seen too.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections.abc import Collection

import mvc
from mvc.history import reflog
from mvc.history.context import Context
from mvc.history.expired import GONE, read
from mvc.history.files import chunks
from mvc.history.git import Git
from mvc.history.refs import BRANCHES, OPERATIONS, Refs
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.repository import Repository
from mvc.store.fs import Disk

WHO = Signature("Ada", "ada@example.org", 1_700_000_000, 60)
Files = dict[str, bytes]


def model(**tensors: int) -> bytes:
    """A safetensors file; each tensor is 64 F32 elements that its number decides."""
    header, data = {}, b""
    for name, seed in tensors.items():
        values = struct.pack("<64f", *(seed + position / 64 for position in range(64)))
        header[name] = {
            "dtype": "F32",
            "shape": [8, 8],
            "data_offsets": [len(data), len(data) + 256],
        }
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


ONE = {"model.safetensors": model(a=1, b=2, c=3), "config.json": b'{"layers": 1}\n'}
TWO = {**ONE, "model.safetensors": model(a=1, b=20, c=3), "sub/extra.bin": bytes(range(200)) * 3}
AMENDED = {**TWO, "config.json": b'{"layers": 2}\n'}
TOPIC = {
    "model.safetensors": model(a=100, b=2, c=3),
    "config.json": b'{"layers": 1}\n',
    "sub/deeper/new.safetensors": model(z=9),
}
MERGED = {**TWO, **TOPIC, "model.safetensors": model(a=100, b=20, c=3)}

#: What a commit with this subject holds, wherever it is found.
HOLDS: dict[str, Files] = {
    "one": ONE,
    "two": TWO,
    "two, amended": AMENDED,
    "topic": TOPIC,
    "merged": MERGED,
}


def work(root: str) -> str:
    return os.path.join(root, "work")


def user_files(root: str) -> Files:
    """Everything in the work tree but ``.mvc``."""
    found = {}
    for folder, below, names in os.walk(work(root)):
        below[:] = [name for name in below if name != ".mvc"]
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, work(root))] = file.read()
    return found


def save(root: str, files: Files) -> None:
    """The user makes the work tree hold ``files`` and what was in it besides (settled: no power cut)."""
    for path, data in files.items():
        target = os.path.join(work(root), path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(data)


def opened(root: str, disk: Disk | None = None) -> Repository:
    return mvc.open(work(root), who=WHO, disk=disk)


def begun(root: str, disk: Disk) -> None:
    """A repository without a commit."""
    os.makedirs(work(root), exist_ok=True)
    mvc.init(work(root), who=WHO, disk=disk)


def commit(root: str, disk: Disk, message: str, *, amend: bool = False) -> str:
    repository = opened(root, disk)
    repository.add(sorted(HOLDS[message]))
    return repository.commit(message, amend=amend).id


def with_one(root: str, disk: Disk) -> None:
    begun(root, disk)
    save(root, ONE)
    commit(root, disk, "one")


def with_two(root: str, disk: Disk) -> None:
    with_one(root, disk)
    save(root, TWO)
    commit(root, disk, "two")


def with_branches(root: str, disk: Disk) -> None:
    """``topic`` forks off after one and changes another tensor than two, on ``main``, does."""
    with_one(root, disk)
    opened(root, disk).switch("topic", create="new")
    save(root, TOPIC)
    commit(root, disk, "topic")
    opened(root, disk).switch("main")
    save(root, TWO)
    commit(root, disk, "two")
    save(root, {"mine.txt": b"not tracked"})


def check_history(repository: Repository, *, more: bool = False) -> dict[str, set[str]]:
    """P1, P3, P4: every commit that a ref reaches is complete and holds what its message says.

    With ``more`` it may hold other files besides: another writer had staged them. Gives back the commits
    that each ref reaches.
    """
    git, refs = Git(repository.folder), Refs(repository.folder)
    whole = _Contents(repository._context)
    gone = read(repository._context, GONE)
    reached: dict[str, set[str]] = {}
    for name, tip in refs.list("refs/").items():
        if git.kind(tip) == "tree":
            whole.files(tip)
            continue
        start = git.tag_target(tip) if git.kind(tip) == "tag" else tip
        reached[name] = set(git.walk([start]))
        for id_ in reached[name]:
            found = git.commit(id_)
            if id_ in gone:
                continue
            files = whole.files(found.tree)
            if found.subject in HOLDS and '"mvc-operation"' not in found.message:
                if more:
                    files = {path: files.get(path) for path in HOLDS[found.subject]}
                assert files == HOLDS[found.subject], (
                    f"{id_} ({found.subject}) holds something else"
                )
    return reached


class _Contents:
    """Trees as the bytes of their files, each read and verified once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._trees: dict[str, Files] = {}
        self._blobs: dict[str, bytes] = {}

    def files(self, tree: str) -> Files:
        if tree not in self._trees:
            snapshot = Snapshot.of_tree(self._context.git, tree)
            self._trees[tree] = {path: self._bytes(snapshot, path) for path in snapshot}
        return self._trees[tree]

    def _bytes(self, snapshot: Snapshot, path: str) -> bytes:
        blob = snapshot[path][1]
        if blob not in self._blobs:
            self._blobs[blob] = b"".join(map(bytes, chunks(self._context, snapshot, path)))
        return self._blobs[blob]


def check_repository(root: str, kept: Collection[str] = (), *, more: bool = False) -> Repository:
    """Open (which recovers) and check P1 to P5; every commit of ``kept`` is reachable."""
    repository = opened(root)
    reached = check_history(repository, more=more)
    branches = [ids for name, ids in reached.items() if name.startswith(BRANCHES)]
    assert set(kept) <= set().union(*branches, reached.get(OPERATIONS, set())), "a commit was lost"
    for name in repository.branches:
        moves = reflog.read(repository.folder, BRANCHES + name)
        assert moves and moves[0].new == repository.branches[name], f"the reflog of {name} lags"
    return repository


def git_agrees(root: str) -> None:
    """``git fsck --strict`` finds nothing wrong."""
    folder = os.path.join(work(root), ".mvc")
    command = ["git", f"--git-dir={folder}", "fsck", "--strict", "--no-dangling", "--no-progress"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
