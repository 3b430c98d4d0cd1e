"""What the page promises of the package ``compress``: its example runs as printed, every name is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import compress
from mvc.repository import Repository

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "compression.md"


def section() -> str:
    """The part of the page that is about Python."""
    return PAGE.read_text("utf-8").partition("\n## From Python\n")[2].partition("\n## ")[0]


def test_the_page_has_every_name_and_no_other() -> None:
    rows = [line.split(" | ")[0] for line in section().splitlines() if line.startswith("| `")]
    told = set(re.findall(r"\b(\w+)(?:`|\()", "".join(rows)))
    assert told <= set(compress.__all__)
    assert set(compress.__all__) - told == {"Refused", "Taken"}  # said beside the table
    assert "`compress.Refused`" in section() and "`Taken`" in section()


def test_importing_it_imports_no_framework_and_no_name_is_missing() -> None:
    code = (
        "import sys, compress\n"
        "assert not {'torch', 'numpy', 'yaml', 'click'} & sys.modules.keys()\n"
        "compress.Prune, compress.Options, compress.status, compress.Schedule\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'shrink'"):
        compress.shrink  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.torch
def test_the_example_runs_as_it_is_printed(repo: Repository) -> None:
    (code,) = re.findall(r"```python\n(.+?)```", section(), re.DOTALL)
    Path("known.txt").rename("corpus.txt")
    head = repo.head
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    )
    assert repo.head != head and done.stdout.startswith(str(repo.head))
    assert all(getattr(compress, name) is not None for name in compress.__all__)
    refused = code.replace('limit="5%"', 'limit="0%"').replace("0.3", "0.9")
    done = subprocess.run(
        [sys.executable, "-c", refused], stdout=subprocess.PIPE, text=True, check=True
    )
    assert "refs/mvc/refused/1" in done.stdout
