"""What is merged, reverted, picked and rebased in ``verbs.py``: how it comes to that, and where it stops."""

from __future__ import annotations

import contextlib

from faults.deeds import Act
from faults.worlds import TOPIC, commit, model, opened, save, with_one, with_two

from mvc.errors import MergeConflict
from mvc.merge.abandoning import give_up
from mvc.repository import Repository
from mvc.store.fs import Disk

EDITED = {"config.json": b'{"layers": 99, "saved": false}\n'}
ADAPTER = {
    "net.safetensors": model(**{"q.weight": 4}),
    "lora/adapter_model.safetensors": model(**{"q.lora_A.weight": 1, "q.lora_B.weight": 2}),
    "lora/adapter_config.json": b'{"lora_alpha": 8, "r": 8}\n',
}
CLASH = {"model.safetensors": model(a=7, b=2, c=3), "config.json": b'{"layers": 7}\n'}


def clashing(root: str, disk: Disk) -> None:
    """``main`` and ``clash`` change the same tensor and the same text of their common parent."""
    with_one(root, disk)
    opened(root, disk).switch("clash", create="new")
    save(root, CLASH)
    repository = opened(root, disk)
    repository.commit("clash", all=True)
    repository.switch("main")
    save(root, {"model.safetensors": model(a=8, b=2, c=3), "config.json": b'{"layers": 8}\n'})
    opened(root, disk).commit("ours", all=True)
    save(root, {"mine.txt": b"not tracked"})


def with_adapter(root: str, disk: Disk) -> None:
    """A model, and an adapter that fits it."""
    with_one(root, disk)
    save(root, ADAPTER)
    opened(root, disk).add(everything=True)
    opened(root, disk).commit("adapter")


def merge_clash(repository: Repository) -> None:
    with contextlib.suppress(MergeConflict):
        repository.merge("clash")


def conflicted(root: str, disk: Disk) -> None:
    clashing(root, disk)
    merge_clash(opened(root, disk))


def resolved(root: str, disk: Disk) -> None:
    conflicted(root, disk)
    opened(root, disk).resolve_conflicts(["."], "theirs")


def clashing_tensors(root: str, disk: Disk) -> None:
    """``main`` and ``clash`` change the same tensor of their common parent, and no text."""
    with_one(root, disk)
    opened(root, disk).switch("clash", create="new")
    save(root, {"model.safetensors": model(a=7, b=2, c=3)})
    repository = opened(root, disk)
    repository.commit("clash", all=True)
    repository.switch("main")
    save(root, {"model.safetensors": model(a=8, b=2, c=3)})
    opened(root, disk).commit("ours", all=True)
    save(root, {"mine.txt": b"not tracked"})


def undecided(root: str, disk: Disk) -> None:
    clashing_tensors(root, disk)
    opened(root, disk).merge("clash", keep_conflicts=True)


def behind(root: str, disk: Disk) -> None:
    """``main`` is an ancestor of ``topic``."""
    with_one(root, disk)
    repository = opened(root, disk)
    repository.switch("topic", create="new")
    save(root, TOPIC)
    commit(root, disk, "topic")
    opened(root, disk).switch("main")


def reverting(root: str, disk: Disk) -> None:
    """HEAD's parent changed what HEAD changed again: reverting it conflicts."""
    with_two(root, disk)
    save(root, {"model.safetensors": model(a=1, b=30, c=3)})
    opened(root, disk).commit("three", all=True)


def revert_clash(repository: Repository) -> None:
    with contextlib.suppress(MergeConflict):
        repository.revert("HEAD~1")


def reverting_begun(root: str, disk: Disk) -> None:
    reverting(root, disk)
    revert_clash(opened(root, disk))


ROW = ("HEAD", "HEAD~2", "HEAD~1")


def row_begun(root: str, disk: Disk) -> None:
    """Of three reverts the first is made, the second has stopped."""
    reverting(root, disk)
    save(root, {"config.json": b"four"})
    repository = opened(root, disk)
    repository.commit("four", all=True)
    with contextlib.suppress(MergeConflict):
        repository.revert_each(ROW)


class _StoppedError(Exception):
    pass


def first_of_two(repository: Repository) -> None:
    def stop(id_: str) -> None:
        raise _StoppedError

    with contextlib.suppress(_StoppedError):
        repository.revert_each(["HEAD", "HEAD~1"], made=stop)


def skip_and_stop(repository: Repository) -> None:
    waiting = repository.unfinished()
    assert waiting is not None
    give_up(repository._context, waiting, waiting.sequel, who=repository._now)


def go_on_or(act: Act) -> Act:
    def run(repository: Repository) -> None:
        waiting = repository.unfinished()
        if waiting is not None and waiting.between:
            repository.continue_row("revert")
        else:
            act(repository)

    return run


def apart(root: str, disk: Disk) -> None:
    """``main`` and ``side`` change other files of their common parent."""
    with_one(root, disk)
    opened(root, disk).switch("side", create="new")
    save(root, {"model.safetensors": model(a=1, b=9, c=3)})
    repository = opened(root, disk)
    repository.commit("aside", all=True)
    repository.switch("main")
    save(root, EDITED)
    opened(root, disk).commit("mine", all=True)


def pick_clash(repository: Repository) -> None:
    with contextlib.suppress(MergeConflict):
        repository.cherry_pick(["clash"])


def rebase_clash(repository: Repository) -> None:
    with contextlib.suppress(MergeConflict):
        repository.rebase("clash")


def rebasing_begun(root: str, disk: Disk) -> None:
    clashing(root, disk)
    rebase_clash(opened(root, disk))
