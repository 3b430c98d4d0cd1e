"""A run that was cut off keeps its finished blocks, and goes on only where it would come out the same."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_steps import QUICK, take

from compress.operations.prune import Prune
from compress.streaming.journal import Journal
from compress.unworkable import Unworkable
from mvc.errors import CorruptPack, Locked, MvcError, OutOfSpace, UnsupportedDtype, UsageError
from mvc.repository import Repository

pytestmark = pytest.mark.torch


class _CutError(Exception):
    """The run was cut off."""


def cut_after(block: int) -> Any:
    def hear(event: str, /, **fields: Any) -> None:
        if event == "layer" and fields["block"] == block:
            raise _CutError("cut off")

    return hear


def resume(repo: Repository, **more: Any) -> Any:
    from compress.resuming import resume as run

    return run(repo, **more)


def test_what_is_resumed_comes_out_as_if_never_cut_off(repo: Repository) -> None:
    take(repo)
    whole = repo.record()
    repo.reset("HEAD~1", mode="hard")
    with pytest.raises(_CutError):
        take(repo, report=cut_after(1))
    assert Journal(repo.folder).finished() == ["0000", "0001"]
    heard: list[bool] = []

    def hear(event: str, /, **fields: Any) -> None:
        if event == "layer":
            heard.append(fields["resumed"])

    resume(repo, report=hear)
    record = repo.record()
    assert heard == [True, True, False]
    assert record is not None and whole is not None and record.result == whole.result
    assert Journal(repo.folder).run() is None and repo.status().clean


def test_from_layer_takes_over_only_the_blocks_before_it(repo: Repository) -> None:
    with pytest.raises(_CutError):
        take(repo, report=cut_after(2))
    heard: list[bool] = []

    def hear(event: str, /, **fields: Any) -> None:
        if event == "layer":
            heard.append(fields["resumed"])

    resume(repo, report=hear, first=1)
    assert heard == [True, False, False]


def test_another_head_is_another_run(repo: Repository) -> None:
    with pytest.raises(_CutError):
        take(repo, report=cut_after(0))
    repo.commit("meanwhile", allow_empty=True)
    with pytest.raises(UsageError, match="began with other head"):
        resume(repo)


def test_another_seed_is_another_run(repo: Repository) -> None:
    with pytest.raises(_CutError):
        take(repo, report=cut_after(0))
    with pytest.raises(UsageError, match="began with other calibration, seed than"):
        resume(repo, seed=7)
    resume(repo, seed=QUICK.seed)


def test_a_dry_run_tells_what_would_go_on_and_moves_nothing(repo: Repository) -> None:
    from compress.resuming import resumable

    with pytest.raises(UsageError, match="no run to resume"):
        resumable(repo)
    with pytest.raises(_CutError):
        take(repo, report=cut_after(1))
    found = resumable(repo)
    assert (found.summary, found.blocks) == ("Prune to 0.5 with sparsegpt", 2)
    assert resumable(repo, first=1).blocks == 1
    assert Journal(repo.folder).finished() == ["0000", "0001"]
    repo.commit("meanwhile", allow_empty=True)
    with pytest.raises(UsageError, match="began with other head"):
        resumable(repo)


def test_a_heal_that_was_interrupted_is_resumed_from_its_beginning(repo: Repository) -> None:
    from compress.operations.heal import Heal

    def hear(event: str, /, **fields: Any) -> None:
        if fields.get("what") == "training":
            raise KeyboardInterrupt

    take(repo)
    before = repo.head
    with pytest.raises(KeyboardInterrupt):
        take(repo, Heal(steps=2, batch=2), report=hear)
    assert repo.head == before and Journal(repo.folder).run() is not None
    taken = resume(repo)
    assert taken.commit.id == repo.head != before
    assert taken.commit.subject.startswith("Heal with lora, 2 steps")


def test_other_data_are_another_run(repo: Repository) -> None:
    with pytest.raises(_CutError):
        take(repo, report=cut_after(0))
    Path("known.txt").write_text(Path("held.txt").read_text("utf-8"), "utf-8")
    with pytest.raises(UsageError, match="began with other calibration"):
        resume(repo)


def test_the_same_texts_may_lie_elsewhere_and_the_limit_may_be_another(repo: Repository) -> None:
    from compress.rerunning import rerun
    from compress.running import Refused

    with pytest.raises(_CutError):
        take(repo, report=cut_after(0))
    Path("known.txt").rename("moved.txt")
    with pytest.raises(Refused, match="the limit is 0%"):
        resume(repo, data=["moved.txt"], limit="0%")
    Path("moved.txt").rename("known.txt")
    take(repo)
    Path("known.txt").rename("moved.txt")
    assert rerun(repo, "HEAD", data=["moved.txt"]).same
    with pytest.raises(UsageError, match="not what they were") as caught:
        rerun(repo, "HEAD", data=["held.txt"])
    assert "--data FILE" in str(caught.value.hint) and "known.txt" in str(caught.value.hint)


def test_there_must_be_a_run_to_resume(repo: Repository) -> None:
    with pytest.raises(UsageError, match="no run to resume"):
        resume(repo)


def test_a_damaged_block_is_named(repo: Repository) -> None:
    with pytest.raises(_CutError):
        take(repo, report=cut_after(0))
    (file,) = Path(repo.folder, "compress", "journal").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(CorruptPack, match="0000") as caught:
        resume(repo)
    assert "--from-layer K" in str(caught.value.hint)
    resume(repo, first=0)
    assert Journal(repo.folder).run() is None


def test_kill_9_leaves_the_last_finished_block(repo: Repository) -> None:
    script = (
        "import os, signal, sys, mvc\n"
        "from compress.operations.prune import Prune\n"
        "from compress.running import take\n"
        f"from compress.options import Options\noptions = {QUICK!r}\n"
        "def hear(event, /, **fields):\n"
        "    if event == 'group' and fields['block'] == 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "repo = mvc.open('.', who=('Ada', 'ada@example.org'))\n"
        "take(repo, Prune(), options, report=hear)\n"
    )
    head = repo.head
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repo.root, check=False, env=os.environ
    )
    assert done.returncode == -signal.SIGKILL
    assert repo.head == head and Journal(repo.folder).finished() == ["0000", "0001"]
    resume(repo)
    assert repo.head != head and not list(repo.upkeep.fsck())


def test_a_new_run_forgets_an_old_one(repo: Repository) -> None:
    with pytest.raises(_CutError):
        take(repo, report=cut_after(0))
    take(repo, Prune(method="magnitude"))
    assert Journal(repo.folder).run() is None


def test_a_step_that_is_run_again_comes_out_the_same(repo: Repository) -> None:
    from compress.rerunning import rerun

    taken = take(repo)
    operations = len(list(repo.operations()))
    found = rerun(repo, "HEAD")
    assert found.known.commit == taken.commit.id and found.same
    assert found.exact == found.tensors == 21
    assert len(list(repo.operations())) == operations


def test_a_step_run_again_by_another_seed_says_what_hangs_on_the_draw(repo: Repository) -> None:
    from compress.rerunning import again, rerun

    take(repo)
    found = rerun(repo, "HEAD", seed=7)
    assert not found.same and "places of the mask are others" in "".join(found.differing.values())
    assert again(repo, "HEAD", seed=7).options.seed == 7
    with pytest.raises(UsageError, match="not what they were"):
        again(repo, "HEAD", seed=7, data=["held.txt"])


def test_a_step_on_other_texts_is_not_run_again(repo: Repository) -> None:
    from compress.rerunning import rerun

    take(repo)
    Path("known.txt").write_text(Path("held.txt").read_text("utf-8"), "utf-8")
    with pytest.raises(UsageError, match="not what they were"):
        rerun(repo, "HEAD")
    with pytest.raises(UsageError, match="records no step"):
        rerun(repo, "HEAD~1")


def test_what_a_killed_dry_run_left_goes_with_the_next_run(repo: Repository) -> None:
    left = Path(repo.folder, "compress", "scratch-1")
    left.mkdir(parents=True)
    (left / "0000.safetensors").write_bytes(b"half")
    take(repo, Prune(method="magnitude"), dry_run=True)
    assert sorted(path.name for path in left.parent.iterdir()) == ["lock"]


def test_two_runs_at_once_are_one_too_many(repo: Repository) -> None:
    with Journal(repo.folder).held(), pytest.raises(Locked, match="another compression runs"):
        take(repo)


@pytest.mark.parametrize("kind", [UsageError, Unworkable, UnsupportedDtype])
def test_what_a_later_block_does_not_bear_leaves_nothing_to_resume(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, kind: type[MvcError]
) -> None:
    fail_at_block(1, kind("not this block"), monkeypatch)
    with pytest.raises(kind, match="not this block"):
        take(repo)
    assert Journal(repo.folder).run() is None and not Journal(repo.folder).finished()


@pytest.mark.parametrize("kind", [MemoryError, OutOfSpace, OSError])
def test_what_depends_on_the_machine_can_be_resumed(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    fail_at_block(1, kind("not now"), monkeypatch)
    with pytest.raises((MvcError, OSError)) as caught:
        take(repo)
    assert kind is OSError or "mvc compress resume" in str(caught.value.hint)  # type: ignore[union-attr]
    assert Journal(repo.folder).finished() == ["0000"]
    monkeypatch.undo()
    monkeypatch.chdir(repo.root)
    resume(repo)
    assert Journal(repo.folder).run() is None


def fail_at_block(number: int, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the driver raise ``error`` when it comes to that block."""
    from compress.streaming import driver

    known: Any = driver._worked

    def worked(work: Any, block: int, *rest: Any) -> Any:
        if block == number:
            raise error
        return known(work, block, *rest)

    monkeypatch.setattr(driver, "_worked", worked)


def test_a_run_that_goes_on_is_not_told_as_cut_off_and_keeps_its_blocks(repo: Repository) -> None:
    from compress.reading import status

    with pytest.raises(_CutError):
        take(repo, report=cut_after(1))
    assert (
        status(repo)["unfinished"] | {"layers": 2, "running": False} == status(repo)["unfinished"]
    )
    with Journal(repo.folder).held():
        assert status(repo)["unfinished"]["running"]
        with pytest.raises(Locked, match="another compression runs"):
            resume(repo, first=0)
    assert Journal(repo.folder).finished() == ["0000", "0001"]


def test_a_repository_that_another_command_holds_is_not_another_compression(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at_block(1, Locked("another mvc process holds it"), monkeypatch)
    with pytest.raises(Locked, match="another mvc process"):
        take(repo)


def test_whoever_resumes_may_be_asked_too(repo: Repository) -> None:
    head = repo.head
    with pytest.raises(_CutError):
        take(repo, report=cut_after(1))
    taken = resume(repo, confirm=lambda verdict: False)
    assert taken.commit is None and repo.head == head and Journal(repo.folder).run() is None


def test_a_run_that_ended_before_its_first_block_leaves_nothing_to_resume(repo: Repository) -> None:
    with pytest.raises(UsageError, match="nothing measured bleu"):
        take(repo, options=dataclasses.replace(QUICK, metric="bleu"))
    assert Journal(repo.folder).run() is None
