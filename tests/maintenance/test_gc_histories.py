"""Random histories with collections in between: what a ref, reflog or operation reaches always stays whole."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maintenance.garbage import WHO, age, check, commit, contents, git, reached, reopened, save

import mvc
from mvc.errors import MvcError
from mvc.repository import Repository

SEEDS = st.integers(0, 5)
NAMES = st.sampled_from(["main", "topic", "side"])

#: A verb, and what it is given.
STEPS = st.one_of(
    st.tuples(st.sampled_from(["commit", "amend", "stage", "other file"]), SEEDS),
    st.tuples(st.sampled_from(["branch", "switch", "delete", "merge"]), NAMES),
    st.tuples(st.sampled_from(["undo", "reset", "tag", "untag", "revert", "abort"]), st.none()),
    st.tuples(st.just("keep"), st.sampled_from(["refs/mvc/extra", "refs/notes/x"])),
    st.tuples(st.just("age"), st.sampled_from([1.0, 20.0])),
    st.tuples(st.just("gc"), st.sampled_from([{}, {"expire": "now"}, {"prune": "now"}])),
)


def act(repository: Repository, verb: str, what: object) -> None:
    """One step; what a verb refuses is not done."""
    verbs: dict[str, Callable[[], object]] = {
        "commit": lambda: commit(repository, int(str(what))),
        "amend": lambda: commit(repository, int(str(what)), amend=True),
        "stage": lambda: (save(repository, int(str(what))), repository.add(["m.safetensors"])),
        "other file": lambda: (save(repository, 9, f"{what}.safetensors"), repository.add(["."])),
        "branch": lambda: repository.branches.create(str(what)),
        "switch": lambda: repository.switch(str(what), discard=True),
        "delete": lambda: repository.branches.delete(str(what), force=True),
        "merge": lambda: repository.merge(str(what)),
        "undo": repository.undo,
        "reset": lambda: repository.reset("HEAD~1", mode="hard"),
        "tag": lambda: repository.tags.create("t", message="a tag", force=True),
        "untag": lambda: repository.tags.delete("t"),
        "revert": lambda: repository.revert("HEAD"),
        "abort": repository.abort,
        "keep": lambda: git(repository, "update-ref", str(what), repository.resolve("HEAD")),
        "age": lambda: age(repository, float(str(what))),
        "gc": lambda: repository.upkeep.gc(**what),  # type: ignore[arg-type]
    }
    with contextlib.suppress(MvcError):
        verbs[verb]()


@contextlib.contextmanager
def begun() -> Iterator[Repository]:
    memory = "/dev/shm"
    place = memory if os.access(memory, os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="mvc-gc-", dir=place) as folder,
        mock.patch("mvc.store.fs._full_sync", lambda descriptor: None),
    ):
        repository = mvc.init(os.path.realpath(folder), who=WHO)
        commit(repository, 0)
        yield repository


def collect_after(steps: list[tuple[str, object]]) -> None:
    with begun() as repository:
        for verb, what in steps:
            act(repository, verb, what)
        objects, holds = reached(repository), contents(repository)
        repository.upkeep.gc(prune="now")
        assert objects <= reached(repository)
        assert holds == contents(repository)
        check(repository)
        age(repository, 20.0)
        named = reached(repository, logs=False)
        tips = {tip: holds[tip] for tip in reopened(repository).branches.values()}
        said = repository.upkeep.gc(prune="now", expire="now", dry_run=True)
        done = repository.upkeep.gc(prune="now", expire="now")
        assert (said.objects, said.git_objects, said.freed) == (
            done.objects,
            done.git_objects,
            done.freed,
        )
        assert reached(repository) <= named
        left = contents(repository)
        assert tips.items() <= left.items()
        assert left.items() <= holds.items()
        check(repository)
        again = reopened(repository).upkeep.gc(prune="now", expire="now")
        assert not any((again.objects, again.git_objects, again.packed, again.gathered))


@settings(max_examples=8)
@given(st.lists(STEPS, max_size=12))
def test_nothing_reached_ever_goes(steps: list[tuple[str, object]]) -> None:
    collect_after(steps)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(STEPS, min_size=5, max_size=40))
def test_nothing_reached_ever_goes_from_longer_histories(steps: list[tuple[str, object]]) -> None:
    collect_after(steps)


def test_the_steps_are_real(tmp_path: Path) -> None:
    with begun() as repository:
        for verb, what in [("branch", "topic"), ("commit", 1), ("switch", "topic"), ("commit", 2)]:
            act(repository, verb, what)
        assert repository.branch == "topic" and len(list(repository.log())) == 2
        act(repository, "merge", "main")
        assert repository.unfinished() is not None
        act(repository, "abort", None)
        assert repository.unfinished() is None
