"""Files built ahead are those that a checkout would build; of those that nobody wants nothing is left."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from worktree.work import Work, model

from mvc.errors import CorruptPack
from mvc.history import log
from mvc.history.snapshot import Snapshot
from mvc.worktree import ahead as module
from mvc.worktree.ahead import Ahead, building_ahead
from mvc.worktree.checkout import prepared


@pytest.fixture
def versions(work: Work) -> list[Snapshot]:
    """Three commits of two models and a text; the work tree has the first."""
    found = []
    for seed in (1, 2, 3):
        work.write("a.safetensors", model(seed))
        work.write("same.safetensors", model(9))
        work.write("notes.txt", f"{seed}\n")
        work.add("a.safetensors", "same.safetensors", "notes.txt")
        found.append(log.snapshot(work.context, work.commit()))
    work.write("a.safetensors", model(1))
    work.write("notes.txt", "1\n")
    return found


def temporary(work: Work) -> list[str]:
    return os.listdir(Path(work.context.folder, "tmp"))


def wait(ahead: Ahead) -> None:
    assert ahead._ended.wait(60)


def test_a_checkout_takes_what_is_built_and_removes_what_is_not_wanted(
    work: Work, versions: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    with building_ahead(work.context) as ahead:
        ahead.begin(versions[0], versions[1:])
        wait(ahead)
        assert len(temporary(work)) == 2  # no text, and nothing that stays
        built: list[str] = []
        rebuild = module.rebuild

        def counted(context: Any, files: Any, path: str, *rest: Any, **more: Any) -> object:
            built.append(path)
            return rebuild(context, files, path, *rest, **more)

        monkeypatch.setattr("mvc.worktree.checkout.rebuild", counted)
        with prepared(work.context, versions[0], versions[2], ahead=ahead) as files:
            files.put_in_place()
    assert built == ["notes.txt"]
    assert (work.read("a.safetensors"), work.read("notes.txt")) == (model(3), b"3\n")
    assert temporary(work) == []


def test_what_nobody_took_is_gone_in_the_end(work: Work, versions: list[Snapshot]) -> None:
    with building_ahead(work.context) as ahead:
        ahead.begin(versions[0], versions[1:])
        wait(ahead)
    assert temporary(work) == []


def test_a_file_under_way_is_given_up_when_another_is_wanted(
    work: Work, versions: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    started, given_up = threading.Event(), threading.Event()

    def endless(context: Any, files: Any, path: str, advance: Any, **_: Any) -> None:
        started.set()
        try:
            while True:
                advance(1)
        finally:
            given_up.set()

    monkeypatch.setattr(module, "rebuild", endless)
    with building_ahead(work.context) as ahead:
        ahead.begin(versions[0], versions[1:2])
        assert started.wait(60)
        assert ahead.take(versions[2], ["a.safetensors"]) == []
    assert given_up.is_set()


def test_what_can_not_be_built_or_would_fill_the_disk_is_left_to_the_checkout(
    work: Work, versions: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: Any, **__: Any) -> None:
        raise CorruptPack("damaged")

    with building_ahead(work.context) as ahead:
        with monkeypatch.context() as patch:
            patch.setattr(module, "rebuild", damaged)
            ahead.begin(versions[0], versions[1:])
            wait(ahead)
            assert ahead.take(versions[1], ["a.safetensors"]) == []
        monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Full", (), {"free": 99}))
        ahead.begin(versions[0], versions[1:])
        wait(ahead)
        with prepared(work.context, versions[0], versions[1], ahead=ahead) as files:
            files.put_in_place()
    assert work.read("a.safetensors") == model(2)


def test_what_gc_took_meanwhile_is_built_again(work: Work, versions: list[Snapshot]) -> None:
    with building_ahead(work.context) as ahead:
        ahead.begin(versions[0], versions[1:])
        wait(ahead)
        for name in temporary(work):
            Path(work.context.folder, "tmp", name).unlink()
        with prepared(work.context, versions[0], versions[1], ahead=ahead) as files:
            files.put_in_place()
    assert work.read("a.safetensors") == model(2)


def test_an_interrupt_while_a_file_is_waited_for_leaves_none(
    work: Work, versions: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild, waiting = module.rebuild, threading.Event()

    def slow(context: Any, files: Any, path: str, advance: Any, **_: Any) -> object:
        def slowly(more: int) -> None:
            assert waiting.wait(60)
            advance(more)

        return rebuild(context, files, path, slowly)

    def interrupted() -> None:
        waiting.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "rebuild", slow)
    with pytest.raises(KeyboardInterrupt), building_ahead(work.context) as ahead:
        ahead.begin(versions[0], versions[1:])
        with monkeypatch.context() as patch:
            patch.setattr(ahead._ended, "wait", interrupted)
            ahead.take(versions[1], ["a.safetensors"])
    assert temporary(work) == []
