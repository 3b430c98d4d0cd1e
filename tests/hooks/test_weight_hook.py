"""The hook in real Git repositories: what it records, what it says, when it stops a commit."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from weights_repo import WeightsRepo

from hooks import weight_file
from hooks.weight_hashes import NAME, decode, encode
from mvc.ids import object_id

posix = pytest.mark.skipif(sys.platform == "win32", reason="no such names or links there")

A = {"bias": [1.0, 2.0], "weight": [3.0, 4.0, 5.0]}


def test_nothing_is_made_where_there_are_no_weights(repo: WeightsRepo) -> None:
    repo.add("code.py", b"print()\n")
    done = repo.hook()
    assert (done.code, done.text) == (0, "")
    assert not (repo.root / NAME).exists()


def test_a_new_weight_is_recorded_and_stops_the_commit_once(repo: WeightsRepo) -> None:
    repo.add("models/m.safetensors", A)
    first = repo.hook()
    assert first.code == 1
    assert "new      models/m.safetensors (164 B, 2 tensors)" in first.out
    assert first.err == (
        f"error: {NAME} is brought up to date\nhint: git add {NAME}, then commit again\n"
    )
    repo.git("add", NAME)
    again = repo.hook()
    assert (again.code, again.err) == (0, "")
    assert "new      models/m.safetensors" in again.out


def test_the_digests_are_those_of_everyone_else(repo: WeightsRepo) -> None:
    path = repo.write("m.safetensors", A)
    repo.git("add", ".")
    repo.hook()
    entry = repo.hashes()["m.safetensors"]
    data = path.read_bytes()
    assert entry["sha256"] == hashlib.sha256(data).hexdigest()
    assert entry["size"] == len(data)
    assert entry["format"] == "safetensors"
    assert entry["tensors"]["bias"] == {
        "dtype": "F32",
        "id": object_id(data[-20:-12]),
        "shape": [2],
    }
    assert entry["tensors"]["weight"]["id"] == object_id(data[-12:])
    assert entry["metadata"] == object_id(data[:-20])


def test_an_updated_file_that_nobody_added_stops_the_commit_again(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    repo.hook()
    done = repo.hook()
    assert (done.code, f"{NAME} is not in Git yet" in done.err) == (1, True)

    repo.git("add", NAME)
    repo.settle()
    repo.add("m.safetensors", {**A, "bias": [1.0, 9.0]})
    repo.hook()
    done = repo.hook()
    assert (done.code, f"{NAME} is not staged as it is" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("tensors", "metadata", "said"),
    [
        ({**A, "bias": [1.0, 9.0]}, {}, "weights only, 1 changed of 2 tensors"),
        (A, {"step": "7"}, "metadata only"),
        ({**A, "bias": [9.0, 9.0]}, {"step": "7"}, "1 changed of 2 tensors, and metadata"),
        ({**A, "extra": [1.0]}, {}, "1 new of 2 tensors"),
        ({"bias": [1.0, 2.0]}, {}, "1 gone of 2 tensors"),
        ({"bias": [1.0], "weight": [3.0, 4.0, 5.0]}, {}, "1 changed of 2 tensors"),
    ],
)
def test_a_change_is_told_in_words(
    repo: WeightsRepo, tensors: dict[str, list[float]], metadata: dict[str, str], said: str
) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    repo.add("m.safetensors", tensors, **metadata)
    done = repo.hook()
    assert done.code == 1
    assert done.out.splitlines()[0] == f"changed  m.safetensors: {said}"


def test_changed_tensors_are_named_with_what_they_are(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", {"a": [1.0], "b": [1.0], "c": [1.0]})
    repo.settle()
    repo.add("m.safetensors", {"a": [2.0], "b": [1.0, 1.0], "d": [1.0]})
    assert [line.strip() for line in repo.hook().out.splitlines()[1:]] == [
        "~ a  F32 [1]",
        "~ b  F32 [1] -> F32 [2]",
        "- c  F32 [1]",
        "+ d  F32 [1]",
    ]


def test_a_long_list_of_tensors_is_cut(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", {f"t{n:02}": [1.0] for n in range(30)})
    repo.settle()
    repo.add("m.safetensors", {f"t{n:02}": [2.0] for n in range(30)})
    lines = repo.hook().out.splitlines()
    assert (len(lines), lines[-1].strip()) == (12, "and 20 more")


def test_a_rename_and_a_deletion_are_called_so(repo: WeightsRepo) -> None:
    repo.add("a.safetensors", A)
    repo.add("b.gguf", b"GGUF" + bytes(100))
    repo.settle()
    repo.git("mv", "a.safetensors", "sub.safetensors")
    repo.git("rm", "-q", "b.gguf")
    done = repo.hook()
    assert done.code == 1
    assert done.out == "deleted  b.gguf\nrenamed  a.safetensors -> sub.safetensors\n"
    assert list(repo.hashes()) == ["sub.safetensors"]


def test_other_formats_are_bytes(repo: WeightsRepo) -> None:
    repo.add("m.gguf", b"GGUF" + bytes(1000))
    repo.settle()
    assert repo.hashes()["m.gguf"].keys() == {"format", "sha256", "size"}
    repo.add("m.gguf", b"GGUF" + bytes(2000))
    assert "changed  m.gguf: other bytes (1.0 kB -> 2.0 kB)" in repo.hook().out


def test_an_unchanged_file_is_not_read_again(
    repo: WeightsRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.add("m.safetensors", A)
    repo.age("m.safetensors")
    os.utime(repo.root, None)
    repo.settle()
    monkeypatch.setattr("hooks.stat_cache.settled", lambda *_: True)  # no waiting for the clock

    def unexpected(*_: object, **__: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(weight_file, "look", unexpected)
    assert repo.hook().code == 0
    with pytest.raises(AssertionError, match="read"):
        repo.hook("--check")


def test_times_that_may_lie_are_not_trusted(
    repo: WeightsRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was written within the clock's tick of its hashing is read again."""
    repo.add("m.safetensors", A)
    repo.settle()
    looks = []
    real = weight_file.look
    monkeypatch.setattr(
        weight_file,
        "look",
        lambda *a, **k: looks.append(a) or real(*a, **k),  # type: ignore[func-returns-value]
    )
    monkeypatch.setattr("hooks.stat_cache.settled", lambda *_: False)
    repo.hook()
    assert len(looks) == 1


def test_an_edited_entry_is_put_right(repo: WeightsRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    monkeypatch.setattr("hooks.stat_cache.settled", lambda *_: True)
    good = (repo.root / NAME).read_bytes()
    files = decode(good)
    entry = json.loads(good)
    entry["files"]["m.safetensors"]["tensors"]["bias"]["id"] = "0" * 64
    (repo.root / NAME).write_text(json.dumps(entry))
    repo.git("add", NAME)
    assert repo.hook().code == 1
    assert (repo.root / NAME).read_bytes() == good == encode(files)


def test_a_damaged_cache_costs_only_time(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    cache = repo.root / ".git" / "mvc-weight-hashes"
    for data in (b"", b"00000000 {}", cache.read_bytes()[:-3], os.urandom(100)):
        cache.write_bytes(data)
        assert repo.hook().code == 0


def test_the_layout_of_the_file_is_left_to_formatters(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    pretty = json.dumps(json.loads((repo.root / NAME).read_bytes()), indent=4).encode()
    (repo.root / NAME).write_bytes(pretty)
    repo.git("add", NAME)
    assert repo.hook().code == 0
    assert (repo.root / NAME).read_bytes() == pretty


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"files": {}}', b'{"files": {"a": 1}, "version": 1}']
)
def test_a_damaged_file_is_made_anew_and_called_so(repo: WeightsRepo, damage: bytes) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    good = (repo.root / NAME).read_bytes()
    (repo.root / NAME).write_bytes(damage)
    done = repo.hook()
    assert done.code == 1
    assert "is damaged" in done.err
    assert "made anew" in done.err
    assert (repo.root / NAME).read_bytes() == good


def test_a_file_of_a_newer_mvc_is_left_alone(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    newer = b'{"files": {}, "version": 2}'
    repo.add(NAME, newer)
    done = repo.hook()
    assert done.code == 20
    assert "has version 2" in done.err
    assert (repo.root / NAME).read_bytes() == newer


def test_what_changed_after_it_was_staged_is_no_part_of_the_commit(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    before = (repo.root / NAME).read_bytes()
    repo.write("m.safetensors", {"bias": [9.0]})
    done = repo.hook()
    assert done.code == 0
    assert "not looked at" in done.out
    assert (repo.root / NAME).read_bytes() == before

    repo.git("add", "m.safetensors")
    repo.write("m.safetensors", {"bias": [8.0]})
    done = repo.hook()
    assert done.code == 1
    assert "has changed since it was staged" in done.err
    assert (repo.root / NAME).read_bytes() == before


def test_many_files_are_read_at_once_and_told_in_order(repo: WeightsRepo) -> None:
    for number in range(20):
        repo.write(f"m{number:02}.safetensors", {"w": [float(number)]})
    repo.git("add", ".")
    lines = repo.hook().out.splitlines()
    assert [line.split()[1] for line in lines] == [f"m{n:02}.safetensors" for n in range(20)]
    assert len({entry["sha256"] for entry in repo.hashes().values()}) == 20


def test_a_touched_file_has_not_changed(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    repo.age("m.safetensors")
    assert repo.hook().text == ""


@posix
def test_links_are_passed_over(repo: WeightsRepo, tmp_path: Path) -> None:
    (tmp_path / "secret.pt").write_bytes(b"x")
    (repo.root / "m.pt").symlink_to(tmp_path / "secret.pt")
    repo.git("add", "m.pt")
    assert repo.hook().text == ""


def test_suffixes_count_in_any_case_and_globs_add_and_take_away(repo: WeightsRepo) -> None:
    repo.add("A.SafeTensors", A)
    repo.add("sub/b.weights", b"1")
    repo.add("tests/data/c.pt", b"2")
    repo.add("sub/d.bin", b"3")
    repo.hook("--include", "*.weights", "--exclude", "tests/data", "--exclude", "d.*")
    assert list(repo.hashes()) == ["A.SafeTensors", "sub/b.weights"]


def test_what_is_newly_excluded_is_called_left_out(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    done = repo.hook("--exclude", "m.*")
    assert done.out == "left out m.safetensors\n"
    assert repo.hashes() == {}


def test_opaque_files_have_no_tensors_and_switching_is_seen(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", A)
    repo.settle()
    assert repo.hook("--opaque", "*.safetensors").code == 1
    assert repo.hashes()["m.safetensors"]["format"] == "bytes"
    repo.hook()
    assert repo.hashes()["m.safetensors"]["format"] == "safetensors"


def test_weights_beside_git_are_recorded_and_outlive_their_absence(repo: WeightsRepo) -> None:
    repo.add(".gitignore", b"*.safetensors\n")
    repo.write("models/m.safetensors", A)
    repo.write("models/n.safetensors", A)
    here = ("--untracked", "models")
    assert repo.hook().text == ""
    repo.settle(*here)
    assert list(repo.hashes()) == ["models/m.safetensors", "models/n.safetensors"]

    (repo.root / "models" / "n.safetensors").unlink()
    done = repo.hook(*here)
    assert (done.code, done.out) == (
        0,
        "note: models/n.safetensors is not here: its entry stays\n",
    )
    assert repo.hook(*here, "--allow", "models/n.safetensors").code == 1
    assert list(repo.hashes()) == ["models/m.safetensors"]


def test_it_works_from_a_folder_inside(repo: WeightsRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.add("sub/m.safetensors", A)
    monkeypatch.chdir(repo.root / "sub")
    repo.hook()
    assert list(repo.hashes()) == ["sub/m.safetensors"]


def test_outside_of_git_it_says_so(
    repo: WeightsRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = repo.hook()
    assert done.code == 3
    assert "not a git repository" in done.err


def test_without_git_it_says_so(repo: WeightsRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "git was not found" in repo.hook().err


def test_a_commit_without_new_weights_loads_nothing_heavy(repo: WeightsRepo) -> None:
    """What the hook costs in every commit: neither arrays nor libgit2, no parsers, no click."""
    repo.add("m.safetensors", A)
    repo.settle()
    probe = (
        "import sys; from hooks import script, stat_cache; stat_cache.settled = lambda *_: True\n"
        "assert script.main([]) == 0; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"hooks.survey", "hooks.git"} <= loaded
    heavy = {"numpy", "pygit2", "rich", "click", "torch", "mvc.formats", "shutil", "mvc.repository"}
    assert not heavy & loaded


@posix
def test_names_cannot_steer_a_terminal(repo: WeightsRepo) -> None:
    repo.add("m.safetensors", {"\x1b[31mred\u202e": [1.0]})
    repo.add("\x1b]0;x\x07.gguf", b"GGUF")
    repo.settle()
    repo.add("m.safetensors", {"\x1b[31mred\u202e": [2.0]})
    repo.git("rm", "-q", "\x1b]0;x\x07.gguf")
    text = repo.hook().text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\\x1b[31mred\\u202e" in text


@pytest.mark.skipif(sys.platform != "linux", reason="names are text here")
def test_a_name_that_is_no_utf8_is_recorded(repo: WeightsRepo) -> None:
    name = os.fsdecode(b"m\xff.gguf")
    repo.add(name, b"GGUF")
    repo.settle()
    assert list(decode((repo.root / NAME).read_bytes())) == [name]
