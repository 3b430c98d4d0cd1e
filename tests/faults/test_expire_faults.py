"""``expire`` and the collection after it under power cuts: what is kept stays; what is gone is no damage."""

from __future__ import annotations

import contextlib

import pytest
from faults.crash_states import FULL, Budget
from faults.deeds import harms
from faults.harness import explore
from faults.worlds import begun, opened, save

from mvc.errors import WeightsExpired
from mvc.maintenance.expire import Rules
from mvc.store.fs import Disk

FILES = [bytes([number]) * 3000 + b"\xff" for number in range(4)]
RULES = Rules(last=1)


def line(root: str, disk: Disk) -> None:
    """Four commits of a file that is never the same."""
    begun(root, disk)
    for number, data in enumerate(FILES):
        save(root, {"data.bin": data})
        opened(root, disk).add(["data.bin"])
        opened(root, disk).commit(f"step {number}")


def run(root: str, disk: Disk) -> None:
    opened(root, disk).upkeep.expire(rules=RULES)
    opened(root, disk).upkeep.gc(prune="now", expire="now")


def check(root: str, again: bool = True) -> None:
    repository = opened(root)
    assert not (problems := harms(repository, full=True)), problems
    for number, data in enumerate(FILES):
        try:
            found = b"".join(map(bytes, repository.read_file("data.bin", f"HEAD~{3 - number}")))
            assert found == data
        except WeightsExpired:
            assert number < 3
            assert repository.resolve(f"HEAD~{3 - number}") in repository.upkeep.expired()
    if again:
        run(root, Disk())
        check(root, again=False)
        with pytest.raises(WeightsExpired):
            b"".join(map(bytes, opened(root).read_file("data.bin", "HEAD~2")))
        with contextlib.suppress(Exception):
            opened(root).undo()
        assert not harms(opened(root), full=True)


def test_a_power_cut_while_weights_expire_makes_no_damage() -> None:
    explore(
        run,
        lambda root, _: check(root),
        prepare=line,
        limit=6,
        budget=Budget(),
        name="expire (sampled)",
    )


@pytest.mark.faults_full
def test_no_power_cut_while_weights_expire_makes_damage() -> None:
    explore(run, lambda root, _: check(root), prepare=line, limit=1500, budget=FULL, name="expire")
