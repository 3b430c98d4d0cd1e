"""Large tensors that are no news are hashed and not offered to the writer; no looks are trusted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from worktree.work import Work, safetensors

from mvc import limits
from mvc.ids import ObjectId, object_id
from mvc.store.source import Incoming
from mvc.store.writing import PackWriter, Progress
from mvc.worktree import recognition

LENGTH = 2 * limits.FRAME + 64


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_LARGE", 4 * limits.KIB)


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of what the writer is asked to store."""
    lengths: list[int] = []
    put = PackWriter.add

    def add(
        self: PackWriter, items: Sequence[Incoming], progress: Progress | None = None
    ) -> list[ObjectId]:
        lengths.extend(item.source.length for item in items)
        return put(self, items, progress)

    monkeypatch.setattr(PackWriter, "add", add)
    return lengths


def version(**tensors: bytes) -> bytes:
    return safetensors({name: ("U8", [len(data)], data) for name, data in tensors.items()})


def filled(seed: int, length: int = LENGTH) -> bytes:
    return bytes((seed + n * n) % 251 for n in range(512)) * (length // 512) + bytes(length % 512)


def test_what_did_not_change_is_not_offered_to_the_writer(work: Work, offered: list[int]) -> None:
    work.write("m.safetensors", version(a=filled(1), b=filled(2), c=filled(3)))
    first = work.add("m.safetensors").report
    work.commit()
    changed = version(a=filled(1), b=filled(9, LENGTH + 8), c=filled(3))
    work.write("m.safetensors", changed)
    offered.clear()
    second = work.add("m.safetensors").report

    assert LENGTH + 8 in offered
    assert LENGTH not in offered
    assert (second.objects, second.raw_bytes) == (first.objects, first.raw_bytes + 8)
    assert second.new_raw_bytes - (LENGTH + 8) < limits.FRAME
    blob = work.staged().manifest("m.safetensors")
    assert blob is not None
    ids = {entry.name: entry.id for entry in blob.tensors}
    assert ids == {
        "a": object_id(filled(1)),
        "b": object_id(filled(9, LENGTH + 8)),
        "c": object_id(filled(3)),
    }


def test_a_tensor_that_only_begins_as_before_is_stored_anew(work: Work) -> None:
    before = filled(1)
    after = before[:-1] + bytes([before[-1] ^ 1])
    work.write("m.safetensors", version(a=before))
    work.add("m.safetensors")
    work.commit()
    work.write("m.safetensors", version(a=after))
    report = work.add("m.safetensors").report

    assert report.new_objects >= 1
    assert work.context.store.read(object_id(after)) == after


def test_progress_counts_what_is_recognized(work: Work) -> None:
    from mvc.worktree.ingest import take_in

    place = work.write("m.safetensors", version(a=filled(1), b=filled(2)))
    work.add("m.safetensors")
    work.commit()
    place.touch()
    seen: list[tuple[str, int, int]] = []
    take_in(
        work.context,
        work.context.writer(),
        ["m.safetensors"],
        progress=lambda *one: seen.append(one),
    )

    assert max(done for _, done, _ in seen) >= 2 * LENGTH


def test_an_earlier_version_that_cannot_be_read_is_no_hindrance(work: Work) -> None:
    work.write("m.safetensors", version(a=filled(1), b=filled(2)))
    work.add("m.safetensors")
    work.commit()
    for pack in (work.root / ".mvc/store/packs").iterdir():
        data = bytearray(pack.read_bytes())
        data[: len(data) // 2] = bytes(len(data) // 2)
        pack.chmod(0o644)
        pack.write_bytes(data)
    work.context = work.fresh()
    after = filled(1)[:-1] + b"!"
    work.write("m.safetensors", version(a=after, b=filled(7)))
    work.add("m.safetensors")

    assert work.context.store.read(object_id(after)) == after
