"""Links in the documentation lead somewhere, and every page can be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SHELVES = {"how-to", "reference", "explanation", "design"}

_LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")


def _prose(path: Path) -> str:
    return _CODE.sub("", _FENCE.sub("", path.read_text("utf-8")))


def _anchors(path: Path) -> set[str]:
    """Headings as GitHub and mkdocs make anchors of them."""
    text = _FENCE.sub("", path.read_text("utf-8"))
    titles = re.findall(r"^#+\s+(.+?)\s*#*$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {re.sub(r"\s+", "-", title.strip()) for title in plain}


def _broken(page: Path) -> Iterator[str]:
    for target in _LINK.findall(_prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in _anchors(file)):
            yield target


@pytest.fixture
def pages(root: Path) -> list[Path]:
    return [*sorted((root / "docs").rglob("*.md")), *sorted((root / "examples").rglob("*.md"))]


def test_every_link_leads_to_a_file_and_heading(root: Path, pages: list[Path]) -> None:
    everything = [*sorted(root.glob("*.md")), *pages]
    assert not {
        str(page.relative_to(root)): broken
        for page in everything
        if (broken := list(_broken(page)))
    }


def test_every_page_stands_on_a_shelf(root: Path) -> None:
    docs = root / "docs"
    places = {path.relative_to(docs).parts[0] for path in docs.rglob("*.md")}
    tutorials = {"tutorial.md", "tutorial-merging.md", "tutorial-compression.md"}
    assert places <= {"index.md", *tutorials, "benchmarks", *SHELVES}


def test_decisions_are_numbered_without_gaps(root: Path) -> None:
    names = sorted(path.name for path in (root / "docs" / "design").glob("*.md"))
    assert [name[:5] for name in names] == [f"{n:04}-" for n in range(1, len(names) + 1)]
