"""``repair`` under power cuts: P1, P3. Cut off anywhere, it is run again and ends where it would have ended."""

from __future__ import annotations

import os

import pytest
from faults.crash_states import FULL, Budget
from faults.deeds import harms, picture
from faults.harness import explore, scratch
from faults.verbs import tagged
from faults.worlds import check_history, opened, save, user_files, work

from mvc.errors import MvcError
from mvc.store.fs import Disk


def damaged(root: str, disk: Disk) -> None:
    """A torn branch, a reflog that ends in zeros, no index, a damaged stage, a lost option."""
    tagged(root, disk)
    folder = os.path.join(work(root), ".mvc")
    indexes = os.path.join(folder, "store", "index")
    os.remove(os.path.join(indexes, sorted(os.listdir(indexes))[0]))
    save(root, {".mvc/refs/heads/topic": b"", ".mvc/refs/mvc/stage": b"\0" * 41})
    with open(os.path.join(folder, "logs", "HEAD"), "ab") as file:
        file.write(bytes(60))
    with open(os.path.join(folder, "config"), "r+b") as file:
        file.truncate(60)


def repair(root: str, disk: Disk) -> None:
    opened(root, disk).upkeep.repair()


def cut_everywhere(limit: int, budget: Budget, name: str) -> None:
    with scratch() as root:
        tagged(root, Disk())
        whole = picture(root)
    with scratch() as root:
        damaged(root, Disk())
        assert harms(opened(root))
        repair(root, Disk())
        goal = picture(root)
        assert not harms(opened(root), full=True)
    assert goal.same_repository(whole), "the damage was more than can be repaired"

    def scenario(root, disk):
        repair(root, disk)
        disk.acknowledge("done")

    def check(root, acknowledged):
        files = user_files(root)
        if acknowledged:
            assert not harms(opened(root), full=True)
        repair(root, Disk())
        assert user_files(root) == files == whole.files
        assert picture(root) == goal
        check_history(opened(root))
        assert not harms(opened(root), full=True)

    explore(scenario, check, prepare=damaged, limit=limit, budget=budget, name=name)


def test_a_power_cut_in_repair_costs_nothing_but_another_repair():
    cut_everywhere(12, Budget(), "repair (sampled)")


@pytest.mark.faults_full
def test_any_power_cut_in_repair_costs_nothing_but_another_repair():
    cut_everywhere(800, FULL, "repair")


def test_a_repository_that_repair_is_for_says_so():
    with scratch() as root:
        damaged(root, Disk())
        with pytest.raises(MvcError) as caught:
            opened(root).branches.create("new", "topic")
        assert "repair" in str(caught.value.hint)
