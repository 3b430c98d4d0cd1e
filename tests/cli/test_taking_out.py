"""``archive``, ``export``, ``verify``: the files of a commit elsewhere, and whether they still are the same."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.terminal import Terminal, safetensors

import mvc
from mvc.errors import UsageError
from mvc.history.gitobjects import FILE_MODE
from mvc.history.signature import Signature
from mvc.store.fs import Disk


@pytest.fixture
def filled(terminal: Terminal, clock: Callable[[int], None]) -> Terminal:
    """A commit of a model in a folder, a text that may be executed, plain bytes, and an empty file."""
    clock(1_700_000_001)
    terminal.write("d/model.safetensors", safetensors({"a": [1.0] * 300, "b": [2.0]}))
    terminal.write("run.sh", "#!/bin/sh\n").chmod(0o755)
    terminal.write("data.bin", bytes(range(256)) * 9)
    terminal.write(f"{'long' * 40}.txt", "é\n")
    terminal.write("empty.txt", "")
    terminal("add", "-A")
    terminal("commit", "-m", "all kinds")
    return terminal


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".mvc" not in path.relative_to(root).parts
    }


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz"])
def test_a_tar_holds_every_file_as_it_is(filled: Terminal, tmp_path: Path, name: str) -> None:
    expected = contents(filled.root)
    filled("archive", "HEAD", "-o", str(tmp_path / name), "--prefix", "p/")
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "xf", str(tmp_path / name)], cwd=tmp_path / "out", check=True)
    assert contents(tmp_path / "out" / "p") == expected
    with tarfile.open(tmp_path / name) as tar:
        members = {one.name: one for one in tar}
    assert {one.mtime for one in members.values()} == {1_700_000_001}
    assert members["p/run.sh"].mode == 0o775 and members["p/empty.txt"].mode == 0o664


def test_a_tar_names_its_commit_as_gits_does(filled: Terminal, tmp_path: Path) -> None:
    filled("archive", "HEAD", "-o", str(tmp_path / "a.tar"))
    data = (tmp_path / "a.tar").read_bytes()
    done = subprocess.run(["git", "get-tar-commit-id"], input=data, capture_output=True, check=True)
    assert done.stdout.decode().strip() == filled.head()
    assert len(data) % 10_240 == 0


def test_a_zip_holds_every_file_as_it_is(filled: Terminal, tmp_path: Path) -> None:
    filled("archive", "HEAD", "-o", str(tmp_path / "a.zip"))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents(filled.root)
        assert archive.comment.decode() == filled.head()
        assert archive.getinfo("run.sh").external_attr >> 16 == 0o100755
        assert archive.getinfo("run.sh").date_time == (2023, 11, 14, 22, 13, 20)


@pytest.mark.parametrize("form", ["tar", "tar.gz", "zip"])
def test_the_same_commit_gives_the_same_bytes(
    filled: Terminal, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    def made() -> str:
        sink = io.BytesIO()
        mvc.open(str(filled.root)).archive("HEAD", sink.write, format=form)
        return hashlib.sha256(sink.getvalue()).hexdigest()

    first = made()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    before = os.umask(0o077)
    try:
        assert made() == first
    finally:
        os.umask(before)


def test_only_the_paths_that_are_named_are_put_in(filled: Terminal, tmp_path: Path) -> None:
    filled("archive", "HEAD", "d", "*.sh", "-o", str(tmp_path / "a.tar"))
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert tar.getnames() == ["d/model.safetensors", "run.sh"]
    said = filled.run("archive", "HEAD", "nope", "-o", str(tmp_path / "a.tar"))
    assert said.code == 2 and "did not match any files" in said.err


def test_an_archive_that_fails_leaves_the_one_before(filled: Terminal, tmp_path: Path) -> None:
    target = tmp_path / "a.tar"
    target.write_bytes(b"before")
    for pack in (filled.root / ".mvc" / "store" / "packs").iterdir():
        pack.unlink()
    assert filled.run("archive", "HEAD", "-o", str(target)).code == 90
    assert target.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.tar"]


def test_an_archive_is_gzip_without_name_or_time(filled: Terminal, tmp_path: Path) -> None:
    filled("archive", "HEAD", "-o", str(tmp_path / "a.tar.gz"))
    data = (tmp_path / "a.tar.gz").read_bytes()
    assert data[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\x03"
    assert gzip.decompress(data)[257:262] == b"ustar"


def test_an_export_is_the_files(filled: Terminal, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"
    assert filled("export", "HEAD", str(target)) == f"Wrote 5 files to {target}\n"
    assert contents(target) == contents(filled.root)
    assert os.access(target / "run.sh", os.X_OK)
    assert not [path for path in target.rglob("*") if path.name.startswith(".mvc")]


def test_an_export_writes_over_nothing_unless_it_is_told_to(
    filled: Terminal, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    filled("export", "HEAD", str(target), "run.sh")
    (target / "run.sh").write_text("mine\n")
    (target / "other").write_text("mine\n")
    said = filled.run("export", "HEAD", str(target))
    assert said.code == 5 and "run.sh" in said.err and "--force" in said.err
    assert contents(target) == {"run.sh": b"mine\n", "other": b"mine\n"}
    filled("export", "HEAD", str(target), "--force")
    assert contents(target) == {**contents(filled.root), "other": b"mine\n"}


def test_an_export_that_fails_leaves_no_part_of_a_file(filled: Terminal, tmp_path: Path) -> None:
    for pack in (filled.root / ".mvc" / "store" / "packs").iterdir():
        pack.unlink()
    target = tmp_path / "out"
    assert filled.run("export", "HEAD", str(target), "d", "run.sh").code == 90
    assert [*target.iterdir()] == []


def test_what_a_killed_export_left_is_removed_by_the_next(
    filled: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    script = (
        "import os\n"
        "from mvc.store.fs import Disk\n"
        "from mvc.cli.app import main\n"
        "Disk.replace = lambda *_: os._exit(9)\n"
        f"main(['export', 'HEAD', {str(target)!r}])\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    (left,) = target.glob(".mvc-export-*")
    assert len([*left.iterdir()]) == 6
    with Disk().lock(str(left / "lock")):
        filled("export", "HEAD", str(target), "run.sh")
        assert left.exists()
    (target / "run.sh").unlink()
    filled("export", "HEAD", str(target))
    assert contents(target) == contents(filled.root)
    assert not left.exists()


def test_an_export_stays_out_of_the_work_tree(filled: Terminal, tmp_path: Path) -> None:
    for target in (".", "out", ".mvc/x"):
        assert filled.run("export", "HEAD", target).code == 2
    (tmp_path / "link").symlink_to(filled.root)
    assert filled.run("export", "HEAD", str(tmp_path / "link")).code == 2
    assert filled("status", "--porcelain") == ""


def test_an_export_does_not_go_through_links_nor_over_folders(
    filled: Terminal, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    (target / "run.sh").mkdir(parents=True)
    assert "in the way" in filled.run("export", "HEAD", str(target), "run.sh", "-f").err
    (tmp_path / "elsewhere").mkdir()
    (target / "d").symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in filled.run("export", "HEAD", str(target), "d", "-f").err
    (target / "d").unlink()
    (target / "d").write_text("a file\n")
    assert "in the way" in filled.run("export", "HEAD", str(target), "d", "-f").err
    assert not [*(tmp_path / "elsewhere").iterdir()]


def test_a_name_that_leads_out_of_the_folder_is_refused(filled: Terminal, tmp_path: Path) -> None:
    repository = mvc.open(str(filled.root))
    writer = repository._context.writer()
    who = Signature("Eve", "eve@example.org", 1, 0)
    inner = writer.files({"evil": (FILE_MODE, writer.blob(b"x"))})
    body = b"40000 ..\0" + bytes.fromhex(inner)
    tree = writer.put("tree", body)
    id_ = writer.commit(tree, [], who, who, "evil\n")  # type: ignore[arg-type]
    writer.flush()
    with pytest.raises(UsageError, match="part"):
        repository.export(id_, str(tmp_path / "out" / "in"))
    with pytest.raises(UsageError, match="part"):
        repository.archive(id_, str(tmp_path / "a.tar"))
    assert not (tmp_path / "out").exists() and not (tmp_path / "a.tar").exists()


def test_a_file_is_equal_wherever_it_lies(filled: Terminal, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes((filled.root / "d" / "model.safetensors").read_bytes())
    said = filled("verify", str(copy), "d/model.safetensors")
    assert said == f"{copy}: equal to {filled.head()[:7]}:d/model.safetensors, byte for byte\n"
    for name in ("run.sh", "data.bin", "empty.txt", "d/model.safetensors"):
        assert "equal to" in filled("verify", name)
    copy.rename(tmp_path / "model.safetensors")
    assert "equal to" in filled("verify", str(tmp_path / "model.safetensors"))


def test_other_metadata_is_told_from_other_tensors(filled: Terminal) -> None:
    model = "d/model.safetensors"
    filled.write(model, safetensors({"a": [1.0] * 300, "b": [2.0]}, note="x"))
    said = filled.run("verify", model)
    assert said.code == 1 and "the same tensors" in said.out and "other metadata" in said.out
    assert filled.run("verify", model, "--tensors").code == 0
    filled.write(model, safetensors({"a": [1.0] * 300, "b": [3.0], "c": [1.0]}))
    said = filled.run("verify", model, "--at", "HEAD", "--tensors")
    assert said.code == 1 and "2 of 3 tensors differ" in said.out
    assert said.out.splitlines()[1:] == ["  changed  b  F32  1", "  added    c  F32  1"]
    assert filled.run("verify", "-q", model).out == ""


def test_a_file_that_is_something_else_differs(filled: Terminal, tmp_path: Path) -> None:
    filled.write("run.sh", "#!/bin/bash\n")
    said = filled.run("verify", "run.sh")
    assert said.code == 1 and "differs from" in said.out
    (tmp_path / "broken").write_bytes(b"no model")
    assert filled.run("verify", str(tmp_path / "broken"), "d/model.safetensors").code == 1
    said = filled.run("verify", str(tmp_path / "broken"))
    assert said.code == 2 and "no tracked files are called 'broken'" in said.err
    assert "no such file" in filled.run("verify", "nowhere", "run.sh").err
    assert "not tracked" in filled.run("verify", "run.sh", "nowhere").err
