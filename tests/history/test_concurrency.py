"""P5: of several writers at once, every commit that was acknowledged stays reachable."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mvc

_WRITER = """
import sys
import mvc
from mvc.errors import MvcError

root, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
repo = mvc.open(root, who=(name, "writer@example.org"))
for step in range(rounds):
    with open(f"{root}/{name}.txt", "w") as file:
        file.write(str(step))
    try:
        repo.add([f"{name}.txt"])
        print(repo.commit(f"{name} {step}").id, flush=True)
    except MvcError as error:
        # Another writer's commit may have taken our staged file along: then there is nothing to do.
        if "nothing to commit" not in error.message:
            raise
"""


def test_no_acknowledged_commit_is_lost(tmp_path: Path) -> None:
    mvc.init(str(tmp_path))
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path), name, "8"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two", "three", "four")
    ]
    outputs = [writer.communicate() for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4, outputs
    acknowledged = {line for out, _ in outputs for line in out.split()}
    repository = mvc.open(str(tmp_path))
    assert acknowledged and acknowledged == {commit.id for commit in repository.log()}
    assert all(
        (tmp_path / f"{name}.txt").read_text() == "7" for name in ("one", "two", "three", "four")
    )
    assert repository.status().clean
    assert list(repository.upkeep.fsck(full=True)) == []
