"""Random histories in which weights expire: what was not let go is there after any collection and any undo."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from maintenance.garbage import check

import mvc
from mvc.errors import MvcError, UsageError, WeightsExpired
from mvc.history.signature import Signature
from mvc.maintenance.expire import Rules
from mvc.repository import Repository

NAME = "data.bin"
#: At one time, so that a seed always gives the same ids.
WHO = Signature("Ada", "ada@example.org", 1_700_000_000)


def reopened(repository: Repository) -> Repository:
    return mvc.open(repository.root, who=WHO)


@contextmanager
def undurable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
        yield


def read(repository: Repository, commit: str) -> bytes | None:
    try:
        return b"".join(map(bytes, repository.read_file(NAME, commit)))
    except WeightsExpired:
        return None


def deed(repository: Repository, chance: random.Random, held: dict[str, bytes]) -> None:
    """Do something, and remember what each commit holds."""
    known = sorted(commit.id for commit in repository.log(all=True))
    what = chance.choice(
        ["commit"] * 4 + ["branch", "switch", "expire", "expire", "name", "undo", "gc", "gc", "all"]
    )
    if what == "commit":
        old = (
            chance.choice([held[one] for one in known]) if known and chance.random() < 0.3 else b""
        )
        data = old or bytes([255]) + chance.randbytes(300)
        Path(repository.root, NAME).write_bytes(data)
        repository.add([NAME])
        held[repository.commit(f"c{len(held)}", allow_empty=True).id] = data
    elif what == "branch":
        repository.branches.create(f"b{chance.random()}", chance.choice(known))
    elif what == "switch":
        repository.switch(chance.choice(sorted(repository.branches)), discard=True)
    elif what == "expire":
        repository.upkeep.expire(rules=Rules(last=chance.randint(0, 2)))
    elif what == "name":
        some = chance.sample(known, min(2, len(known)))
        repository.upkeep.expire(some, force=chance.random() < 0.3)
    elif what == "undo":
        repository.undo()
    else:
        forget = {"prune": "now", "expire": "now"} if chance.random() < 0.6 else {"prune": "now"}
        repository.upkeep.gc(**forget, aggressive=what == "all")


@settings(max_examples=5, deadline=None)
@example(seed=2520331)  # the new list of what is gone was there before, as garbage
@given(seed=st.integers(0, 9_999_999))
def test_what_was_not_let_go_is_there(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    chance = random.Random(seed)
    held: dict[str, bytes] = {}
    with undurable():
        repository = mvc.init(str(tmp_path_factory.mktemp("expiring")), who=WHO)
        for _ in range(3):
            Path(repository.root, NAME).write_bytes(bytes([255]) + chance.randbytes(300))
            repository.add([NAME])
            held[repository.commit("begin").id] = Path(repository.root, NAME).read_bytes()
        for _ in range(14):
            repository = reopened(repository)
            try:
                deed(repository, chance, held)
            except (UsageError, WeightsExpired):
                continue
            except MvcError as error:
                raise AssertionError(f"seed {seed}: {error}") from error
            _hold(reopened(repository), held)
        check(reopened(repository))


def _hold(repository: Repository, held: dict[str, bytes]) -> None:
    tombstones = repository.upkeep.expired()
    tips = set(repository.branches.values())
    for commit in repository.log(all=True):
        found = read(repository, commit.id)
        assert found in (held[commit.id], None)
        assert found is not None or commit.id in tombstones
        forced = commit.id in tombstones and tombstones[commit.id].forced
        if commit.id in tips and found is None and not forced:
            # Its weights had gone before the branch was made: the list says so, and damage it is not.
            assert repository._context.refs.raw("refs/mvc/gone") is not None
