"""A step is all or nothing, leaves what it does not name alone, and can be refused off every branch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from merge.world import f32, index, safetensors

import mvc
from mvc.errors import DirtyWorktree, NothingToCommit, RefConflict, UsageError
from mvc.repository import Repository

WHO = ("Ada", "ada@example.org")


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    folder = tmp_path / "work"
    folder.mkdir()
    found = mvc.init(str(folder), who=WHO)
    (folder / "m.safetensors").write_bytes(safetensors({"a": f32(1, 2), "b": f32(3)}))
    (folder / "config.json").write_text('{"layers": 2}\n')
    found.add(["."])
    found.commit("one")
    return found


def step(**given: object) -> mvc.Step:
    said: dict[str, object] = {
        "onto": "HEAD",
        "message": "Halve",
        "operation": "halve",
        "model": "m.safetensors",
        "tensors": {"a": np.array([0.5, 1.0], np.float32)},
    }
    return mvc.Step(**{**said, **given})  # type: ignore[arg-type]


class Once(Mapping[str, object]):
    """Arrays that are made when they are asked for; ``asked`` says in which order."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names, self.asked = names, list[str]()

    def __getitem__(self, name: str) -> object:
        self.asked.append(name)
        return np.zeros(2, np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names


def test_a_step_commits_tensors_texts_and_its_record_at_once(repo: Repository) -> None:
    before = repo.snapshot()
    made = repo.steps.commit(
        step(
            files={"config.json": b'{"layers": 1}\n', "notes.md": b"new\n"},
            parameters={"factor": 0.5},
            seed=7,
            versions={"torch": "2"},
            metrics={"loss": 2.5},
        )
    )
    assert repo.head == made.id and repo.status().clean
    assert (Path(repo.root) / "config.json").read_bytes() == b'{"layers": 1}\n'
    assert repo.load()["a"].tolist() == [0.5, 1.0] and repo.load()["b"].tolist() == [3.0]
    record = repo.record()
    assert record is not None
    assert (record.operation, record.parameters, record.seed) == ("halve", {"factor": 0.5}, 7)
    assert record.versions["torch"] == "2" and record.metrics == {"loss": 2.5}
    assert repo.metrics.of()["loss"].value == 2.5
    ids = [
        {e.name: e.id for e in s.manifest("m.safetensors").tensors}
        for s in (before, repo.snapshot())
    ]  # type: ignore[union-attr]
    assert ids[0]["b"] == ids[1]["b"]


def test_each_tensor_is_asked_for_once(repo: Repository) -> None:
    tensors = Once(("a", "b"))
    repo.steps.commit(step(tensors=tensors))
    assert sorted(tensors.asked) == ["a", "b"]


def test_a_tensor_can_be_taken_out_and_others_take_its_place(repo: Repository) -> None:
    two = np.ones((2, 1), np.float32)
    repo.steps.commit(step(tensors={"a": None, "a.first": two, "a.second": two.T.copy()}))
    assert list(repo.load()) == ["a.first", "a.second", "b"]


def test_a_step_of_a_sharded_model_keeps_its_files_and_mends_its_index(tmp_path: Path) -> None:
    repo = mvc.init(str(tmp_path), who=WHO)
    (tmp_path / "m-1.safetensors").write_bytes(safetensors({"a": f32(1, 2)}))
    (tmp_path / "m-2.safetensors").write_bytes(safetensors({"b": f32(3)}))
    text = index({"a": "m-1.safetensors", "b": "m-2.safetensors"}, total_size=12)
    (tmp_path / "m.safetensors.index.json").write_bytes(text)
    repo.add(["."])
    repo.commit("one")
    one = np.ones(1, np.float32)
    repo.steps.commit(step(model="m.safetensors", tensors={"b": None, "b.0": one, "b.1": one}))
    told = json.loads((tmp_path / "m.safetensors.index.json").read_text())
    assert told["weight_map"] == dict(
        a="m-1.safetensors", **{"b.0": "m-2.safetensors", "b.1": "m-2.safetensors"}
    )
    assert told["metadata"] == {"total_size": 16}
    assert repo.status().clean


def test_a_refused_step_moves_no_branch_and_no_file_and_stays_until_it_is_forgotten(
    repo: Repository,
) -> None:
    head, text = repo.head, (Path(repo.root) / "m.safetensors").read_bytes()
    number, commit = repo.steps.refuse(step(metrics={"loss": 99.0}))
    assert repo.head == head and (Path(repo.root) / "m.safetensors").read_bytes() == text
    assert {n: c.id for n, c in repo.steps.refused().items()} == {number: commit.id}
    repo.upkeep.gc(prune="now", expire="now")
    assert repo.load(commit.id)["a"].tolist() == [0.5, 1.0]
    assert not list(repo.upkeep.fsck(full=True))
    assert repo.steps.refuse(step())[0] == number + 1
    repo.steps.forget(number)
    assert list(repo.steps.refused()) == [number + 1]
    with pytest.raises(UsageError, match="no refused try 7"):
        repo.steps.forget(7)


def test_undo_takes_a_step_back(repo: Repository) -> None:
    head = repo.head
    repo.steps.commit(step())
    repo.undo()
    assert repo.head == head and repo.load()["a"].tolist() == [1.0, 2.0]


def test_an_amended_message_keeps_what_the_record_says(repo: Repository) -> None:
    repo.steps.commit(step(metrics={"loss": 2.5}))
    repo.commit("Halve the bias", amend=True)
    record = repo.record()
    assert record is not None and record.operation == "halve" and record.metrics == {"loss": 2.5}


def test_a_step_made_of_another_commit_than_head_is_refused_and_changes_nothing(
    repo: Repository,
) -> None:
    before = repo.head
    assert before is not None
    repo.commit("meanwhile", allow_empty=True)
    with pytest.raises(RefConflict, match="HEAD moved"):
        repo.steps.commit(step(onto=before))
    assert repo.load()["a"].tolist() == [1.0, 2.0]


def test_unsaved_work_is_never_overwritten(repo: Repository) -> None:
    edited = safetensors({"a": f32(8, 8), "b": f32(3)})
    (Path(repo.root) / "m.safetensors").write_bytes(edited)
    with pytest.raises(DirtyWorktree):
        repo.steps.commit(step())
    assert (Path(repo.root) / "m.safetensors").read_bytes() == edited


def test_nothing_changed_is_no_step(repo: Repository) -> None:
    with pytest.raises(NothingToCommit):
        repo.steps.commit(step(tensors={"a": np.array([1.0, 2.0], np.float32)}))


@pytest.mark.parametrize("model", ["config.json", "gone.safetensors"])
def test_what_is_no_model_is_named(repo: Repository, model: str) -> None:
    with pytest.raises(UsageError, match=f"'{model}' is no model"):
        repo.steps.commit(step(model=model))


def test_staged_changes_are_not_mixed_in(repo: Repository) -> None:
    (Path(repo.root) / "config.json").write_text("{}\n")
    repo.add(["config.json"])
    with pytest.raises(UsageError, match="staged"):
        repo.steps.ready()
    with pytest.raises(UsageError, match="staged"):
        repo.steps.commit(step())
