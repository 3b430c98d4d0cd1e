"""Git objects and the operation log under power cuts: P1 (atomic), P2 (durable), P5 (no lost update)."""

from __future__ import annotations

import errno
import os

import pytest
from faults.crash_states import FULL, Budget
from faults.harness import as_found, explore, places, scratch, survive_a_kill
from faults.recording import FailingDisk

from mvc.errors import StorageError
from mvc.history import reflog
from mvc.history.git import Git
from mvc.history.gitobjects import FILE_MODE, ObjectWriter
from mvc.history.operation import Change, Operation
from mvc.history.operations import OperationLog
from mvc.history.refs import Refs
from mvc.history.signature import Signature
from mvc.store.fs import Disk

WHO = Signature("Ada", "ada@example.org", 1_700_000_000, 60)
MAIN, TOPIC = "refs/heads/main", "refs/heads/topic/one"


def empty_repository(root: str, disk: Disk) -> None:
    """The least that Git takes for a bare repository, all durable."""
    for folder in ("objects", "refs/heads", "refs/mvc", "locks", "logs"):
        disk.make_folder(os.path.join(root, folder))
    disk.write_whole(os.path.join(root, "HEAD"), f"ref: {MAIN}\n".encode())
    config = b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
    disk.write_whole(os.path.join(root, "config"), config)


def move(root: str, disk: Disk, ref: str, text: bytes) -> str:
    """One operation: a commit with one file, and ``ref`` moved to it."""
    refs = Refs(root)
    log = OperationLog(root, disk, refs)
    with log.locked():
        old = refs.raw(ref)
        writer = ObjectWriter(os.path.join(root, "objects"), disk)
        tree = writer.files({"config.json": (FILE_MODE, writer.blob(text))})
        new = writer.commit(tree, [old] if old else [], WHO, WHO, text.decode())
        log.append(writer, Operation("commit", text.decode(), (Change(ref, old, new),), WHO))
    return new


def two_moves(root, disk):
    for number, ref in enumerate((MAIN, TOPIC, MAIN)):
        disk.acknowledge(ref, move(root, disk, ref, b"version %d" % number))


def complete(root: str) -> dict[str, list[str]]:
    """Every ref with its whole history, all objects of which are there and readable."""
    git, refs = Git(root), Refs(root)
    histories = {}
    for name, tip in refs.list("refs/").items():
        histories[name] = list(git.walk([tip]))
        for commit in histories[name]:
            for _, blob in git.files(git.commit(commit).tree).values():
                git.blob(blob)
    return histories


def holds_promises(root, acknowledged):
    log = OperationLog(root, Disk(), Refs(root))
    log.recover()
    histories = complete(root)
    for mark in acknowledged:
        assert mark.payload in histories[mark.label], f"{mark.label} lost {mark.payload}"
        assert mark.payload in {step.new for step in reflog.read(root, mark.label)}
    done = len(list(log.walk()))
    assert done - len(acknowledged) in (0, 1)  # at most the one that was under way
    move(root, Disk(), MAIN, b"afterwards")
    assert len(list(log.walk())) == done + 1


def test_an_operation_survives_every_power_cut_whole_or_not_at_all():
    summary = explore(
        two_moves, holds_promises, prepare=empty_repository, limit=200, name="history: operations"
    )
    assert summary.states > 100


@pytest.mark.faults_full
def test_an_operation_survives_every_power_cut_in_full():
    explore(
        two_moves,
        holds_promises,
        prepare=empty_repository,
        budget=FULL,
        name="history: operations, full",
    )


def test_a_power_cut_while_recovering_is_recovered_from():
    def crash_again(root, acknowledged):
        def recover(inner_root, disk):
            OperationLog(inner_root, disk, Refs(inner_root)).recover()

        def check(inner_root, _):
            holds_promises(inner_root, acknowledged)

        explore(recover, check, prepare=as_found(root), limit=12, budget=Budget(32, 2))

    explore(two_moves, crash_again, prepare=empty_repository, limit=24, name="history: recovery")


def test_what_a_killed_process_left_is_not_built_upon_before_it_is_durable():
    def act(root, disk):
        return move(root, disk, TOPIC, b"topic")

    def check(root, acknowledged):
        log = OperationLog(root, Disk(), Refs(root))
        log.recover()
        histories = complete(root)
        for mark in acknowledged:
            assert mark.payload in histories[TOPIC]

    everywhere = range(0, len(places(act, prepare=empty_repository)), 6)
    survive_a_kill(
        act, check, prepare=empty_repository, at=everywhere, limit=12, name="history: after a kill"
    )


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("forever", [False, True])
def test_a_disk_that_fails_at_any_call_leaves_the_old_or_the_new_and_a_retry_succeeds(
    code, forever
):
    with scratch() as root:
        empty_repository(root, Disk())
        first = move(root, Disk(), MAIN, b"one")
        counting = FailingDisk(root, None, code)
        move(root, counting, MAIN, b"two")
        places = len(counting.actions)
    for place in range(places):
        with scratch() as root:
            empty_repository(root, Disk())
            move(root, Disk(), MAIN, b"one")
            failing = FailingDisk(root, place, code, forever=forever)
            try:
                acknowledged = move(root, failing, MAIN, b"two")
            except StorageError:
                acknowledged = None
            assert failing.struck
            OperationLog(root, Disk(), Refs(root)).recover()
            history = complete(root)[MAIN]
            assert first in history
            assert acknowledged is None or acknowledged in history, failing.struck
            retried = move(root, Disk(), MAIN, b"two")
            assert retried in complete(root)[MAIN]


@pytest.mark.parametrize("cut", [0, 1, 40, 90, 110, 125])
@pytest.mark.parametrize("filling", [b"", b"\0" * 9])
def test_a_reflog_line_that_a_cut_left_in_part_is_made_whole_or_left_out(tmp_path, cut, filling):
    one = reflog.Move("1" * 40, "2" * 40, WHO, "one")
    two = reflog.Move("2" * 40, "3" * 40, WHO, "two, with more words")
    reflog.append(str(tmp_path), Disk(), MAIN, [one])
    target = tmp_path / "logs" / MAIN
    target.write_bytes(target.read_bytes() + two.encode()[:cut] + filling)
    for _ in range(2):
        reflog.append(str(tmp_path), Disk(), MAIN, [two])
    assert reflog.read(str(tmp_path), MAIN) == [two, one]


@pytest.mark.parametrize("filled", [False, True])
def test_reflog_lines_of_one_operation_are_made_whole_from_any_cut(tmp_path, filled):
    one, *trail = (reflog.Move(str(n) * 40, str(n + 1) * 40, WHO, f"step {n}") for n in range(1, 5))
    block = b"".join(move.encode() for move in trail)
    for cut in range(len(block) + 1):
        target = tmp_path / str(cut) / "logs" / MAIN
        reflog.append(str(tmp_path / str(cut)), Disk(), MAIN, [one])
        zeros = b"\0" * (len(block) - cut) if filled else b""
        target.write_bytes(target.read_bytes() + block[:cut] + zeros)
        for _ in range(2):
            reflog.append(str(tmp_path / str(cut)), Disk(), MAIN, trail)
        *found, first = reflog.read(str(tmp_path / str(cut)), MAIN)
        assert (found[: len(trail)], first) == (trail[::-1], one), cut
        again = found[len(trail) :]  # lines before one that the cut filled with zeros
        assert again == (trail[: len(again)][::-1] if filled else []), cut
