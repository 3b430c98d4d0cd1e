"""Commands that people run all day start fast: what they don't need is not imported.

Times are the benchmark's affair; this holds their cause, and can't be flaky.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numpy", "ml_dtypes", "pygit2", "rich", "torch", "transformers")

_PROBE = """\
import sys
sys.argv[1:] = {words!r}
try:
    {code}
except SystemExit as done:
    if done.code:
        raise
finally:
    with open({report!r}, "w") as file:
        file.write(" ".join(name for name in {heavy!r} if name in sys.modules))
"""

_PERSON = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
}


def heavy_imports(
    folder: Path, code: str, *words: str, among: tuple[str, ...] = HEAVY
) -> list[str]:
    """Those modules ``among`` the heavy that are loaded once ``code`` has run in a fresh interpreter."""
    report = folder.with_name(folder.name + ".imports")
    probe = _PROBE.format(words=list(words), code=code, report=str(report), heavy=among)
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=folder,
        env={**os.environ, **_PERSON},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return report.read_text().split()


def mvc(folder: Path, *words: str, among: tuple[str, ...] = HEAVY) -> list[str]:
    return heavy_imports(folder, "from mvc.cli.main import run; run()", *words, among=among)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one committed model, written long enough ago to be trusted by its times."""
    folder = tmp_path / "work"
    folder.mkdir()
    header = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  '
    model = folder / "model.safetensors"
    model.write_bytes(len(header).to_bytes(8, "little") + header + bytes(range(8)))
    os.utime(model, (1_700_000_000, 1_700_000_000))
    mvc(folder, "init")
    mvc(folder, "add", "model.safetensors")
    mvc(folder, "commit", "-m", "first")
    return folder


def test_the_probe_sees_a_heavy_import(tmp_path: Path) -> None:
    assert heavy_imports(tmp_path, "import numpy") == ["numpy"]


def test_importing_mvc_imports_nothing_heavy(tmp_path: Path) -> None:
    assert not heavy_imports(tmp_path, "import mvc")


@pytest.mark.parametrize("words", [["--version"], ["--help"]])
def test_asking_for_help_imports_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    assert not mvc(tmp_path, *words)


def test_no_verb_imports_anything_heavy_to_explain_itself(tmp_path: Path) -> None:
    code = "from mvc.cli.app import VERBS, main; [main([verb, '--help']) for verb in VERBS]"
    assert not heavy_imports(tmp_path, code)


@pytest.mark.parametrize("words", [["log", "-n1"], ["branch"], ["tag"], ["grep", "a", "HEAD"]])
def test_looking_at_a_small_history_imports_nothing_heavy(
    words: list[str], repository: Path
) -> None:
    assert not mvc(repository, *words)


def test_an_empty_commit_imports_nothing_heavy(repository: Path) -> None:
    assert not mvc(repository, "commit", "--allow-empty", "-m", "nothing")


def test_a_commit_of_a_model_imports_neither_numpy_nor_libgit2(repository: Path) -> None:
    model = repository / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-1] + b"\xff")
    mvc(repository, "add", "model.safetensors")
    assert not mvc(repository, "commit", "-m", "second")


def test_a_full_id_and_a_diff_without_differences_import_nothing_heavy(repository: Path) -> None:
    head = (repository / ".mvc" / "refs" / "heads" / "main").read_text().strip()
    assert not mvc(repository, "log", "-n1", head)
    assert not mvc(repository, "diff")


@pytest.mark.parametrize("words", [["log", "-n1"], ["commit", "--allow-empty", "-m", "nothing"]])
def test_a_verb_without_weights_opens_no_store_and_compares_nothing(
    words: list[str], repository: Path
) -> None:
    parts = (
        "mvc.store.store",
        "mvc.diff.models",
        "mvc.cli.editor",
        "mvc.cli.difference",
        "zstandard",
    )
    assert not mvc(repository, *words, among=parts)


def test_status_with_nothing_changed_imports_nothing_heavy(repository: Path) -> None:
    assert not mvc(repository, "status")
