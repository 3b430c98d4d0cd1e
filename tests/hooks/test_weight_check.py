"""What stops a commit or CI: --check, protected weights, files that are not what they seem."""

from __future__ import annotations

import errno
import io
import os
import pickle
import struct
import zipfile

import pytest
from cli.terminal import safetensors
from weights_repo import WeightsRepo

from hooks.weight_hashes import NAME

A = {"bias": [1.0, 2.0], "weight": [3.0, 4.0, 5.0]}


def _evil() -> bytes:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("touch pwned",)

    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("m/data.pkl", pickle.dumps(Evil(), protocol=2))
        archive.writestr("m/version", "3\n")
    return data.getvalue()


WHOLE = safetensors(A)
BAD = {
    "truncated.safetensors": WHOLE[:-1],
    "extended.safetensors": WHOLE + b"\0",
    "empty.safetensors": b"",
    "lying.safetensors": struct.pack("<Q", 2**63) + WHOLE[8:],
    "nested.safetensors": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "page.pt": b"<!DOCTYPE html><html></html>",
    "evil.pt": _evil(),
    "cut.pt": _evil()[:-30],
}


def test_check_passes_over_what_is_recorded_and_writes_nothing(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    before = sorted(os.listdir(repo.root))
    done = repo.hook("--check")
    assert (done.code, done.text) == (0, "")
    assert sorted(os.listdir(repo.root)) == before


def test_check_refuses_a_weight_without_its_hashes(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    good = (repo.root / NAME).read_bytes()
    repo.add("m.safetensors", {**A, "bias": [7.0, 7.0]})
    done = repo.hook("--check")
    assert done.code == 1
    assert "changed  m.safetensors: weights only, 1 changed of 2 tensors" in done.out
    assert f"error: {NAME} does not say so of 1 file" in done.err
    assert (repo.root / NAME).read_bytes() == good


def test_check_reads_a_file_whose_times_and_size_are_the_same(
    repo: WeightsRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hooks.stat_cache.settled", lambda *_: True)
    monkeypatch.setattr("hooks.stat_cache.fingerprint", lambda status: str(status.st_size))
    repo.add("m.safetensors", A)
    repo.settle()
    repo.add("m.safetensors", {**A, "bias": [7.0, 7.0]})
    assert repo.hook().code == 0  # the cache is deceived
    assert repo.hook("--check").code == 1


def test_check_wants_the_file_in_git(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    assert f"there is no {NAME}" in repo.hook("--check").err
    repo.hook()
    assert f"{NAME} is not in Git yet" in repo.hook("--check").err


def test_check_refuses_a_damaged_file(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    repo.add(NAME, b"<<<<<<< ours\n")
    assert "has conflict markers" in repo.hook("--check").err


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_fails_the_hook_in_words(repo: WeightsRepo, name: str) -> None:
    repo.add("good.safetensors", A)
    repo.settle()
    before = (repo.root / NAME).read_bytes()
    repo.add(name, BAD[name])
    for arguments in ((), ("--check",)):
        done = repo.hook(*arguments)
        assert done.code == 1
        assert f"error: {name}" in done.err
        assert f"--exclude {name}" in done.err
        assert "Traceback" not in done.err
    assert (repo.root / NAME).read_bytes() == before
    assert not (repo.root / "pwned").exists()
    assert repo.hook("--opaque", name).err.startswith(f"error: {NAME} is brought up to date")


def test_every_bad_file_is_named(repo: WeightsRepo) -> None:
    for name, data in BAD.items():
        repo.add(name, data)
    done = repo.hook()
    assert all(f"error: {name}" in done.err for name in BAD)
    assert not (repo.root / NAME).exists()


def test_an_unreadable_file_fails_the_hook_in_words(
    repo: WeightsRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.add("m.safetensors", A)

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("mvc.store.source.read_at", broken)
    done = repo.hook()
    assert (done.code, "can't read m.safetensors" in done.err) == (1, True)
    assert not (repo.root / NAME).exists()


def test_a_file_that_changes_while_it_is_read_is_not_recorded(
    repo: WeightsRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hooks import weight_file

    path = repo.write("m.safetensors", A)
    repo.git("add", ".")
    real = weight_file.digests

    def slow(*arguments: object) -> object:
        result = real(*arguments)  # type: ignore[arg-type]
        path.write_bytes(safetensors({**A, "late": [1.0]}))
        return result

    monkeypatch.setattr(weight_file, "digests", slow)
    done = repo.hook()
    assert (done.code, "changed while it was read" in done.err) == (1, True)
    assert not (repo.root / NAME).exists()


PROTECTED = ("--protect", "base/", "--protect-tensor", "embed*")


@pytest.fixture
def guarded(repo: WeightsRepo) -> WeightsRepo:
    repo.add("base/m.safetensors", A)
    repo.add("other.safetensors", {"embed.w": [1.0], "head.w": [1.0]})
    repo.settle(*PROTECTED)
    return repo


def test_what_is_not_protected_may_change(guarded: WeightsRepo) -> None:
    guarded.add("other.safetensors", {"embed.w": [1.0], "head.w": [2.0], "embed.new": [1.0]})
    guarded.add("base/new.safetensors", A | {"x": [1.0]})
    assert "brought up to date" in guarded.hook(*PROTECTED).err


@pytest.mark.parametrize(
    ("path", "tensors", "said"),
    [
        ("base/m.safetensors", {"bias": [1.0]}, "base/m.safetensors is protected, and was changed"),
        ("base/m.safetensors", None, "base/m.safetensors is protected, and was deleted"),
        (
            "other.safetensors",
            {"embed.w": [3.0], "head.w": [1.0]},
            "other.safetensors is protected, and was changed",
        ),
        ("other.safetensors", {"head.w": [1.0]}, "other.safetensors is protected, and was changed"),
        ("other.safetensors", None, "other.safetensors is protected, and was deleted"),
    ],
)
def test_a_protected_weight_does_not_change_until_it_is_allowed(
    guarded: WeightsRepo,
    path: str,
    tensors: dict[str, list[float]] | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = (guarded.root / NAME).read_bytes()
    if tensors is None:
        guarded.git("rm", "-q", path)
    else:
        guarded.add(path, tensors)
    for _ in range(2):  # it does not wear off
        done = guarded.hook(*PROTECTED)
        assert done.code == 1
        assert f"error: {said}" in done.err
        assert f"MVC_ALLOW={path} git commit" in done.err
        assert (guarded.root / NAME).read_bytes() == before

    monkeypatch.setenv("MVC_ALLOW", path)
    assert "brought up to date" in guarded.hook(*PROTECTED).err
    monkeypatch.delenv("MVC_ALLOW")
    guarded.git("add", NAME)
    assert guarded.hook(*PROTECTED).code == 0


def test_a_protected_weight_does_not_move(guarded: WeightsRepo) -> None:
    guarded.git("mv", "base/m.safetensors", "m.safetensors")
    done = guarded.hook(*PROTECTED)
    assert "error: base/m.safetensors is protected, and was renamed" in done.err


def test_taking_the_hashes_away_lifts_no_protection(guarded: WeightsRepo) -> None:
    guarded.add("base/m.safetensors", {"bias": [1.0]})
    for damage in (None, b"{", b"<<<<<<< HEAD\n"):
        if damage is None:
            (guarded.root / NAME).unlink()
        else:
            (guarded.root / NAME).write_bytes(damage)
        assert "is protected, and was changed" in guarded.hook(*PROTECTED).err
