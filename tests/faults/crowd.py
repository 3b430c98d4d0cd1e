"""One of many processes that use a repository at once: ``python crowd.py ROLE ROOT NAME ROUNDS LOG``.

What was acknowledged goes to LOG, a line each, in the moment in which a user would have been told:
``added PATH SHA256`` and ``committed ID``. What was refused goes there too: ``refused CLASS WORDS``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

import mvc
from mvc.errors import DirtyWorktree, Locked, MvcError, RefConflict
from mvc.repository import Repository


class Actor:
    """Somebody at work."""

    def __init__(self, root: str, name: str, rounds: int, log: TextIO) -> None:
        self.root, self.name, self.rounds, self.log = root, name, rounds, log
        self.chance = random.Random(name)

    def tell(self, *words: str) -> None:
        print(*words, file=self.log, flush=True)

    def open(self) -> Repository:
        """A fresh look, as a new command has it."""
        return mvc.open(self.root, who=(self.name, f"{self.name}@example.org"))

    @contextlib.contextmanager
    def refusals(self) -> Iterator[None]:
        """Others may be in the way; anything but these refusals ends the process."""
        try:
            yield
        except (Locked, RefConflict, DirtyWorktree) as error:
            self.tell("refused", type(error).__name__, error.message.replace("\n", " "))

    def keep_trying(self, act: Callable[[], object]) -> object:
        """Until nobody is in the way; a minute is more than ten others can take."""
        deadline = time.monotonic() + 120
        while True:
            try:
                return act()
            except (Locked, RefConflict) as error:
                self.tell("refused", type(error).__name__, error.message.replace("\n", " "))
                assert time.monotonic() < deadline

    def write(self) -> None:
        """Add a new file and commit, again and again."""
        for step in range(self.rounds):
            path = f"{self.name}/{step}.safetensors"
            data = model(self.chance)
            os.makedirs(os.path.join(self.root, self.name), exist_ok=True)
            with open(os.path.join(self.root, path), "wb") as file:
                file.write(data)
            self.keep_trying(lambda path=path: self.open().add([path]))
            self.tell("added", path, hashlib.sha256(data).hexdigest())
            made = self.keep_trying(
                lambda step=step: self.open().commit(f"{self.name} {step}", allow_empty=True)
            )
            self.tell("committed", str(made.id))

    def switch(self) -> None:
        """Go from branch to branch."""
        for step in range(self.rounds):
            with self.refusals():
                self.open().switch(("side", "main")[step % 2])
                self.tell("switched")

    def watch(self) -> None:
        """Look at everything; nobody may ever be in a reader's way."""
        for _ in range(self.rounds):
            repository = self.open()
            repository.status()
            for commit in repository.log(limit=5):
                files = [*repository.snapshot(commit.id)]
                for path in files[:3]:
                    for _ in repository.read_file(path, commit.id):
                        pass
            self.tell("looked")

    def collect(self) -> None:
        """Collect garbage."""
        for _ in range(self.rounds):
            with self.refusals():
                self.open().upkeep.gc()
                self.tell("collected")


def model(chance: random.Random) -> bytes:
    data = chance.randbytes(4096)
    tensor = {"dtype": "F32", "shape": [len(data) // 4], "data_offsets": [0, len(data)]}
    text = json.dumps({"w": tensor}).encode()
    return struct.pack("<Q", len(text)) + text + data


if __name__ == "__main__":
    role, root, name, rounds, log = sys.argv[1:]
    with open(log, "a", encoding="utf-8") as stream:
        actor = Actor(root, name, int(rounds), stream)
        try:
            getattr(actor, role)()
        except MvcError as error:
            sys.exit(f"{type(error).__name__}: {error.message}")
