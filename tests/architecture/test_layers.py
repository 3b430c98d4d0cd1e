"""Every part of mvc has its place in the import contract, so that none escapes it unnoticed."""

from __future__ import annotations

import tomllib
from pathlib import Path


def test_every_part_of_mvc_stands_in_a_layer(root: Path) -> None:
    config = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    (layers,) = (c for c in config["tool"]["importlinter"]["contracts"] if c["id"] == "layers")
    words = " ".join(layers["layers"]).replace("|", " ").replace(":", " ").split()
    placed = {word.strip("()") for word in words}

    parts = {
        f"mvc.{path.stem}"
        for path in (root / "mvc").iterdir()
        if (path.is_dir() and any(path.rglob("*.py"))) or path.suffix == ".py"
    }
    assert not parts - placed - {"mvc.__init__", "mvc.__main__"}


def test_every_folder_is_a_package(root: Path, modules: list[Path]) -> None:
    """The import contract does not see into a folder without ``__init__.py``."""
    folders = {path.parent for path in modules}
    assert not [str(f.relative_to(root)) for f in folders if not (f / "__init__.py").exists()]
