"""What is said of files that were written with undecided tensors in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mvc.cli.output import counted, quoted, some
from mvc.repository import Repository


def undecided_lines(repository: Repository, paths: Collection[str] | None = None) -> Iterator[str]:
    """That they are ours in the file, for each file of the stage, or of ``paths``, that has any."""
    found = repository.undecided()
    there = {path: names for path, names in found.items() if paths is None or path in paths}
    for path, names in there.items():
        tensors = counted(len(names), "undecided tensor")
        yield f"{quoted(path)}: {tensors} written as ours: {some([*map(quoted, names)])}"
    if there:
        yield '  (use "mvc conflicts" to see their sides, "mvc resolve" to settle them)'
