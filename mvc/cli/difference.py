"""How a difference reads: a table of tensors for a model, a patch for a text, a line a file for ``--stat``."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

import click

from mvc.cli.output import columns, counted, quoted, size
from mvc.cli.rendering import shape
from mvc.diff.changes import Difference, FileChange, FileStatus, ModelChange, TensorChange
from mvc.diff.renames import Gist, Rule, gist, rule_between
from mvc.diff.stats import TensorStats
from mvc.diff.text import header

#: Rows of a table before it is cut; ``--all-tensors`` shows every one.
ROWS = 40

_HEADINGS = ("tensor", "dtype", "shape", "changed", "rel L2", "cosine", "max |Δ|", "max ULP")
_ALIGN = "<<<>>>>>"
_LETTERS = {"added": "A", "deleted": "D", "modified": "M", "mode": "M"}


def difference_lines(difference: Difference, *, rows: int | None = ROWS) -> Iterator[str]:
    """The whole difference; at most ``rows`` tensors a model (None: all)."""
    models = {model.name: model for model in difference.models}
    for index, change in enumerate(difference.in_order()):
        if index:
            yield ""
        if isinstance(change, ModelChange):
            files = [file for file in difference.files if file.model == change.name]
            yield from _model(models[change.name], files, rows)
        else:
            yield from _file(change)


def stat_lines(difference: Difference) -> Iterator[str]:
    """`` path | what changed``, then a line that sums up."""
    rows = [_stat_row(difference, change) for change in difference.in_order()]
    yield from (f" {line}" for line in columns(rows, "<<", " "))
    yield from stat_total(difference)


def name_lines(files: Iterable[tuple[FileStatus, str, str]], *, status: bool) -> Iterator[str]:
    """Paths of files that differ; with ``status`` as Git's ``--name-status``: a letter, a tab, and the path,
    or the old and the new one. Of two files of different names it is, as in Git, the old one's."""
    for what, old, new in files:
        if not status:
            yield quoted(new)
        elif what == "renamed":
            yield f"R100\t{quoted(old)}\t{quoted(new)}"
        else:
            yield f"{_LETTERS[what]}\t{quoted(old)}"


def stat_total(difference: Difference) -> Iterator[str]:
    """`` 2 files changed, 3 of 104 tensors``."""
    files = len(difference.files)
    if not files:
        return
    text = f" {counted(files, 'file')} changed"
    changed = sum(_differing(model) for model in difference.models)
    total = sum(_total(model) for model in difference.models)
    if total:
        text += f", {changed} of {total} tensors"
    inserted = sum(file.text.insertions for file in difference.files if file.text)
    deleted = sum(file.text.deletions for file in difference.files if file.text)
    if inserted:
        text += f", {counted(inserted, 'insertion')}(+)"
    if deleted:
        text += f", {counted(deleted, 'deletion')}(-)"
    yield text


def _differing(model: ModelChange) -> int:
    return model.count("added", "removed", "changed", "transposed", "conflict")


def _total(model: ModelChange) -> int:
    """Of how many tensors: the new ones, and those that were removed."""
    return model.new_tensors + model.count("removed")


def _stat_row(difference: Difference, change: ModelChange | FileChange) -> list[str]:
    if isinstance(change, ModelChange):
        files = [file for file in difference.files if file.model == change.name]
        return [quoted(change.name), f"| {_model_summary(change, files)}"]
    if change.text is not None:
        counts = f"{change.text.insertions + change.text.deletions}"
        marks = click.style("+" * min(change.text.insertions, 20), fg="green") + click.style(
            "-" * min(change.text.deletions, 20), fg="red"
        )
        return [quoted(change.path), f"| {counts} {marks}".rstrip()]
    return [quoted(change.path), f"| {_sizes(change)}"]


def _model_summary(model: ModelChange, files: Sequence[FileChange]) -> str:
    if not model.old_tensors:
        return f"new, {counted(model.new_tensors, 'tensor')}"
    if not model.new_tensors:
        return f"deleted, {counted(model.old_tensors, 'tensor')}"
    differing = _differing(model)
    if differing:
        return f"{differing} of {_total(model)} tensors changed"
    if model.other_content:
        return "no tensor changed, only what is around them"
    if len(files) == 1 and files[0].status in ("renamed", "mode"):
        return _sizes(files[0])
    return "no tensor changed"


def _sizes(change: FileChange) -> str:
    if change.status == "renamed" and change.old is not None:
        return f"renamed from {quoted(change.old.path)}"
    if change.status == "mode" and change.old and change.new:
        return f"mode {change.old.mode:o} → {change.new.mode:o}"
    old = size(change.old.size) if change.old else "0"
    new = size(change.new.size) if change.new else "0"
    return f"Bin {old} -> {new}"


def _model(model: ModelChange, files: Sequence[FileChange], rows: int | None) -> Iterator[str]:
    for file in files:
        yield from (click.style(line, bold=True) for line in _header(file))
    yield f"{quoted(model.name)}: {_model_summary(model, files)}"
    if model.old_tensors and model.new_tensors:
        yield from _table(model.tensors, rows)
    named = [line for file in files for line in _metadata(file)]
    yield from named
    if model.other_content and not named:
        yield "  other content of the file changed (metadata, or what is pickled with the tensors)"


def _metadata(file: FileChange) -> Iterator[str]:
    for one in file.metadata:
        if one.old is not None:
            yield click.style(f"  - __metadata__ {quoted(one.key)}: {quoted(one.old)}", fg="red")
        if one.new is not None:
            yield click.style(f"  + __metadata__ {quoted(one.key)}: {quoted(one.new)}", fg="green")


def _table(tensors: Sequence[TensorChange], rows: int | None) -> Iterator[str]:
    found = gist(tensors)
    if rows is None:
        left: Sequence[TensorChange] = tensors
    else:
        yield from _told_at_once(found)
        left = [tensors[index] for index in found.rest]
    shown = left[:rows]
    if not shown:
        return
    if dtypes := only_cast(tensors):
        yield f"  only the dtype changed: the same values as {', '.join(dtypes)}"
    told = {one.rule for one in found.compared if one.count > 1} if rows is not None else set()
    cells = [[*_row(tensor, told), _remark(tensor)] for tensor in shown]
    head, *body = columns([(*_HEADINGS, ""), *cells], f"{_ALIGN}<")
    yield "  " + click.style(head, dim=True)
    yield from (f"  {line}" for line in body)
    if len(shown) < len(left):
        yield f"  … and {len(left) - len(shown)} more (--all-tensors shows every one)"


def _told_at_once(found: Gist) -> Iterator[str]:
    for one in found.renamed:
        yield f"  {counted(one.count, 'tensor')} renamed: {renaming(one.rule)}"
    for one in found.compared:
        if one.count > 1:
            text = f"{counted(one.count, 'tensor')} compared under another name"
            yield f"  {text}: {renaming(one.rule)}"
    if found.moved:
        yield f"  {counted(found.moved, 'tensor')} moved to another shard, unchanged"


def only_cast(tensors: Sequence[TensorChange]) -> list[str]:
    """The new dtypes, where all that changed holds the old values in another dtype; else none."""
    changed = [one for one in tensors if one.status not in ("renamed", "moved")]
    if not all(one.recast for one in changed):
        return []
    return sorted({one.new.entry.dtype for one in changed if one.new})


def renaming(rule: Rule) -> str:
    """``'model.' put before the names``."""
    if not rule.old:
        return f"'{quoted(rule.new)}' put before the names"
    if not rule.new:
        return f"'{quoted(rule.old)}' taken off the names"
    return f"'{quoted(rule.old)}' became '{quoted(rule.new)}'"


def _remark(tensor: TensorChange) -> str:
    if tensor.stats is None or tensor.new is None or tensor.old is None:
        return ""
    if tensor.shape_changed:
        return f"the first {tensor.old.entry.shape[0]} rows"
    if tensor.recast is None:
        return ""
    text = f"same values as {tensor.new.entry.dtype}"
    return f"{text} (rounded)" if tensor.recast == "rounded" else text


def _row(tensor: TensorChange, told: Container[Rule]) -> list[str]:
    name = quoted(tensor.name)
    old = tensor.old.entry if tensor.old else None
    new = tensor.new.entry if tensor.new else None
    nothing = [""] * 4
    if tensor.status == "conflict":
        what = ["", "", "conflict"] if new is None else [new.dtype, shape(new.shape), "settled"]
        return [click.style(name, fg="magenta"), *what, *nothing]
    if new is None:
        assert old is not None
        return [
            click.style(f"- {name}", fg="red"),
            old.dtype,
            shape(old.shape),
            "removed",
            *nothing,
        ]
    if old is None:
        return [
            click.style(f"+ {name}", fg="green"),
            new.dtype,
            shape(new.shape),
            "added",
            *nothing,
        ]
    if tensor.name_changed and rule_between(old.name, new.name) not in told:
        name = f"{quoted(old.name)} -> {name}"
    if tensor.status == "moved":
        return [name, new.dtype, shape(new.shape), "moved to another shard", *nothing]
    if tensor.status == "renamed":
        return [name, new.dtype, shape(new.shape), tensor.status, *nothing]
    dtype = f"{old.dtype}->{new.dtype}" if tensor.dtype_changed else new.dtype
    extents = (
        f"{shape(old.shape)}->{shape(new.shape)}" if tensor.shape_changed else shape(new.shape)
    )
    if tensor.status == "transposed":
        return [name, dtype, extents, tensor.status, *nothing]
    return [name, dtype, extents, *_numbers(tensor.stats)]


def _numbers(stats: TensorStats | None) -> list[str]:
    if stats is None:
        return ["changed", "", "", "", ""]
    share = stats.changed_share
    return [
        f"{share:.1%}" if share >= 0.001 or not share else f"{share:.1e}",
        _number(stats.relative_l2),
        "" if stats.cosine is None else f"{stats.cosine:.6f}",
        _number(stats.max_abs),
        "" if stats.max_ulp is None else f"{stats.max_ulp:.3g}",
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _file(change: FileChange) -> Iterator[str]:
    yield from (click.style(line, bold=True) for line in _header(change))
    if change.text is not None:
        yield from map(_styled, change.text.lines)
    elif change.status not in ("renamed", "mode"):
        old = f"a/{change.old.path}" if change.old else "/dev/null"
        new = f"b/{change.new.path}" if change.new else "/dev/null"
        yield f"Binary files {quoted(old)} and {quoted(new)} differ ({_sizes(change)})"


def _header(change: FileChange) -> Sequence[str]:
    old, new = change.old, change.new
    return header(
        old.path if old else change.path,
        new.path if new else change.path,
        old.mode if old else None,
        new.mode if new else None,
        change.status == "renamed",
    )


def _styled(line: str) -> str:
    if line.startswith("@@"):
        return click.style(line, fg="cyan")
    if line.startswith("+") and not line.startswith("+++"):
        return click.style(quoted(line), fg="green")
    if line.startswith("-") and not line.startswith("---"):
        return click.style(quoted(line), fg="red")
    return quoted(line)
