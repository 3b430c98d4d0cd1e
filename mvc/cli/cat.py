"""``mvc cat``."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from mvc.cli import completing, documents
from mvc.cli.app import Session
from mvc.cli.output import columns, counted, quoted
from mvc.cli.rendering import shape
from mvc.errors import UsageError
from mvc.limits import WINDOW
from mvc.repository import Repository

if TYPE_CHECKING:
    from mvc.diff.describing import Described
    from mvc.diff.summing import TensorSummary

_HEADINGS = ("tensor", "dtype", "shape", "min", "max", "mean", "std", "norm", "zeros", "")
_ALIGN = "<<<>>>>>><"


@click.command("cat")
@click.argument("place", metavar="[REVISION:]PATH", shell_complete=completing.tracked)
@click.argument("globs", nargs=-1, metavar="[TENSOR|GLOB]...", shell_complete=completing.tensors)
@click.option("--stats", is_flag=True, help="The numbers of each tensor (the default).")
@click.option("--values", is_flag=True, help="The values; of a large tensor the first and last.")
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    help="Write one tensor to a .npy file, or any number to a .safetensors file.",
)
@click.option("-f", "--force", is_flag=True, help="With -o: replace a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="For programs; with --values every value.")
@click.pass_obj
def command(
    session: Session,
    place: str,
    globs: tuple[str, ...],
    stats: bool,
    values: bool,
    target: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Show what is in a model: extremes, mean, deviation and norm of each tensor, or its values.

    PATH is that of the work tree; REVISION:PATH that of a commit, :PATH the staged one. It may name a
    sharded model. Without tensors, all of them; a file that has none is printed as it is.
    """
    if stats and values:
        raise UsageError("options '--stats' and '--values' cannot be used together")
    repository, output = session.repository, session.output
    revision, path = _parted(repository, place)
    look = repository.inspect(path, revision)
    if target is not None:
        look.export(target, globs, force=force)
    elif not (globs or as_json or look.is_model):
        _print_file(repository, revision, path)
    elif as_json:
        tensors = look.tensors(globs, numeric=not values)
        arrays = dict(look.arrays(globs)) if values else {}
        content = {"revision": revision, "path": path, "tensors": _documents(tensors, arrays)}
        output.document("cat", content)
    elif values:
        output.page(_values(look.arrays(globs)))
    else:
        output.page(_table(look.tensors(globs)))


def _parted(repository: Repository, place: str) -> tuple[str | None, str]:
    """The revision (None: the work tree, ``""``: the stage), and the path seen from the current folder."""
    revision, colon, path = place.rpartition(":")
    if not colon:
        return None, place
    if not path:
        raise UsageError(f"'{place}' names no file", hint=f"mvc ls {revision} lists them")
    if path.startswith(("./", "../")):
        return revision, path
    return revision, os.path.relpath(os.path.join(repository.root, path), repository.cwd)


def _print_file(repository: Repository, revision: str | None, path: str) -> None:
    if revision is not None:
        for chunk in repository.read_file(path, revision):
            sys.stdout.buffer.write(chunk)
        return
    with open(os.path.join(repository.cwd, path), "rb") as file:
        while data := file.read(WINDOW):
            sys.stdout.buffer.write(data)


def _table(tensors: Sequence[Described]) -> Iterator[str]:
    head, *body = columns([_HEADINGS, *map(_row, tensors)], _ALIGN)
    yield click.style(head, dim=True)
    yield from body


def _row(tensor: Described) -> list[str]:
    found = tensor.summary
    known = [quoted(tensor.name), tensor.dtype, shape(tensor.shape)]
    said = "undecided: ours" if tensor.undecided else ""
    if found is None:
        return [*known, *[""] * (len(_HEADINGS) - len(known) - 1), said]
    numbers = map(_number, (found.min, found.max, found.mean, found.std, found.norm))
    return [*known, *numbers, _share(found), ", ".join(filter(None, [said, _odd(found)]))]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _share(found: TensorSummary) -> str:
    if not found.zeros:
        return "0"
    share = found.zeros / found.elements
    return f"{share:.1%}" if share >= 0.001 else f"{share:.1e}"


def _odd(found: TensorSummary) -> str:
    """What no arithmetic should have left in weights."""
    parts = [
        f"{count:,} {name}"
        for count, name in ((found.nan, "NaN"), (found.infinite, "Inf"))
        if count
    ]
    return click.style(", ".join(parts), fg="red") if parts else ""


def _values(arrays: Iterator[tuple[str, Any]]) -> Iterator[str]:
    import numpy as np

    for number, (name, array) in enumerate(arrays):
        if number:
            yield ""
        what = f"{array.dtype} {shape(array.shape)}, {counted(array.size, 'element')}"
        yield f"{click.style(quoted(name), bold=True)}  {what}"
        yield np.array2string(array, max_line_width=100)


def _documents(tensors: Sequence[Described], arrays: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for tensor in tensors:
        content = documents.described(tensor)
        if arrays:
            content["values"] = _plain(arrays[tensor.name].tolist())
        found.append(content)
    return found


def _plain(value: Any) -> Any:
    """JSON has no NaN, no infinity and no complex number."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, complex):
        return [_plain(value.real), _plain(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
