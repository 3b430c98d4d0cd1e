"""Many processes in one repository, at full speed: P3, P5, P6, with a log outside of it as the oracle."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest
from faults.deeds import harms
from faults.harness import CHECKED, scratch
from faults.worlds import WHO, model

import mvc

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


def begin(root: str) -> None:
    repository = mvc.init(root, who=WHO)
    with open(os.path.join(root, "model.safetensors"), "wb") as file:
        file.write(model(a=1, b=2))
    repository.add(["model.safetensors"])
    repository.commit("one")
    repository.switch("side", create="new")
    with open(os.path.join(root, "model.safetensors"), "wb") as file:
        file.write(model(a=1, b=3))
    repository.commit("two", all=True)
    repository.switch("main")


def let_loose(folder: str, crowd: dict[str, tuple[str, int]]) -> dict[str, list[list[str]]]:
    """Run everybody of ``crowd`` (name → role, rounds) at once; what each was told."""
    root = os.path.join(folder, "work")
    os.mkdir(root)
    begin(root)
    logs = {name: os.path.join(folder, f"{name}.log") for name in crowd}
    environment = {**os.environ, "PYTHONPATH": TOP, "OPENBLAS_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, f"{HERE}/crowd.py", role, root, name, str(rounds), logs[name]],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for name, (role, rounds) in crowd.items()
    ]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(crowd), "\n".join(errors)
    told = {}
    for name, path in logs.items():
        with open(path, encoding="utf-8") as file:
            told[name] = [line.split() for line in file]
    return told


def check(folder: str, told: dict[str, list[list[str]]]) -> Counter[str]:
    """Everything that was acknowledged is there."""
    root = os.path.join(folder, "work")
    repository = mvc.open(root, who=WHO)
    reachable = {commit.id for commit in repository.log(all=True)}
    lines = [line for said in told.values() for line in said]
    committed = {line[1] for line in lines if line[0] == "committed"}
    assert committed <= reachable, f"{len(committed - reachable)} acknowledged commits are lost"
    found: dict[str, str] = {}
    for id_ in reachable:
        snapshot = repository.snapshot(id_)
        for path in snapshot.keys() - found.keys():
            data = b"".join(map(bytes, repository.read_file(path, id_)))
            found[path] = hashlib.sha256(data).hexdigest()
    for line in lines:
        if line[0] == "added":
            assert found.get(line[1]) == line[2], f"{line[1]} is in no commit as it was added"
    assert not (problems := harms(repository, full=True)), problems
    return Counter(line[0] for line in lines)


def crowd(name: str, **people: tuple[str, int]) -> Counter[str]:
    with scratch() as folder:
        done = check(folder, let_loose(folder, people))
    CHECKED[f"crowds: {name}, acknowledged"] = done.total() - done["refused"]
    return done


def test_what_a_few_processes_were_told_is_true():
    writers = {f"w{number}": ("write", 3) for number in range(2)}
    done = crowd("a few", **writers, s=("switch", 3), g=("collect", 1))
    assert done["committed"] == 6


@pytest.mark.faults_full
def test_eight_writers_of_a_hundred_commits_lose_none():
    done = crowd("8 × 100 commits", **{f"w{n}": ("write", 100) for n in range(8)})
    assert done["committed"] == 800


@pytest.mark.faults_full
def test_add_against_checkout_against_status_against_gc_loses_nothing():
    writers = {f"w{number}": ("write", 40) for number in range(3)}
    done = crowd(
        "all verbs",
        **writers,
        s=("switch", 80),
        t=("switch", 80),
        r=("watch", 60),
        q=("watch", 60),
        g=("collect", 30),
    )
    assert done["committed"] == 120
    assert done["switched"] > 10
    assert done["collected"] > 5
