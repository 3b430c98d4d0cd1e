"""Modules stay small and are named for what they own."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

HARD_CAP = 500
MEDIAN = 150
GRAB_BAGS = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "tools"}


def _lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_no_module_or_test_is_longer_than_the_hard_cap(root: Path, modules: list[Path]) -> None:
    files = [*modules, *(root / "tests").rglob("*.py"), *(root / "benchmarks").rglob("*.py")]
    assert not {str(p.relative_to(root)): n for p in files if (n := _lines(p)) > HARD_CAP}


def test_the_median_module_is_short(modules: list[Path]) -> None:
    sizes = [lines for path in modules if (lines := _lines(path))]  # an empty __init__ is no module
    assert statistics.median(sizes) <= MEDIAN


def test_no_module_is_a_grab_bag(root: Path, modules: list[Path]) -> None:
    assert not [
        str(path.relative_to(root))
        for path in modules
        if GRAB_BAGS & {part.removesuffix(".py") for part in path.relative_to(root).parts}
    ]


def test_every_module_says_what_it_owns(root: Path, modules: list[Path]) -> None:
    bare = []
    for path in modules:
        text = path.read_text("utf-8")
        if text and not ast.get_docstring(ast.parse(text)):
            bare.append(str(path.relative_to(root)))
    assert not bare
