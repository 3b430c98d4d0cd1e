"""A report as Markdown for a pull request: a short table, what changed most, the rest folded.

Everything that comes from data is escaped for GitHub's Markdown, in which HTML and tables have a meaning too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from mvc.cli.output import counted, quoted
from mvc.cli.wording import cards, dtype_of, fate, file_fate, percent, rounded, shape_of, told
from mvc.diff.changes import FileChange
from mvc.diff.report import Document, ModelReport, Report

#: How the text begins: by it ``--output``, or who posts it, knows one to replace.
MARK = "<!-- made by mvc diff -->\n"
#: Tensors that are shown, and those in the fold; GitHub cuts a comment at 65,536 characters.
_SHOWN, _FOLDED = 5, 200
#: Lines of a patch, and keys of a document.
_LINES, _KEYS = 100, 50
_HEADS = ("tensor", "dtype", "shape", "changed", "relative L2", "cosine", "max \\|Δ\\|")


def markdown(report: Report, titles: tuple[str, str], rows: int | None) -> Iterator[str]:
    """The text, line by line; at most ``rows`` tensors of each model are in the fold (None: all)."""
    yield MARK.rstrip()
    yield f"### {code(titles[0])} → {code(titles[1])}"
    yield ""
    if not report.difference:
        yield "Nothing differs."
    for model in report.models:
        yield from _model(model, rows)
    for document in report.documents:
        yield from _document(document)
    known = {document.path for document in report.documents}
    yield from _files([f for f in report.difference.files if f.model is None], known)


def code(text: str) -> str:
    """``text`` as code that may stand in a table: no backtick in it ends it, and no bar a cell."""
    inner = quoted(text)
    if "`" not in inner and "|" not in inner:
        return (
            f"`{inner}`"
            if inner.strip() == inner and inner
            else f"<code>{html.escape(inner)}</code>"
        )
    # As HTML with everything that means something written as a number.
    return "<code>" + re.sub(r"[^\w .,:/+-]", lambda m: f"&#{ord(m[0])};", inner) + "</code>"


def plain(text: str) -> str:
    """``text`` as nothing but text."""
    return re.sub(r"[\\`*_{}\[\]<>()#!|~&@$]", lambda m: f"&#{ord(m[0])};", quoted(text))


def _model(model: ModelReport, rows: int | None) -> Iterator[str]:
    yield f"**{plain(model.change.name)}**"
    yield ""
    found = list(cards(model))
    yield "| " + " | ".join(plain(what) for _, what in found) + " |"
    yield "|" + "---|" * len(found)
    yield "| " + " | ".join(plain(value) for value, _ in found) + " |"
    yield ""
    for line in (lines := list(told(model))):
        yield f"- {plain(line)}"
    if lines:
        yield ""
    whole = model.change.old_tensors and model.change.new_tensors
    order = [n for n in model.order if whole and n in set(model.gist.rest)]
    if order:
        yield from _table(model, order[:_SHOWN])
        yield ""
    rest = order[_SHOWN:]
    listed = rest[: _FOLDED if rows is not None else None]
    if listed:
        yield f"<details><summary>{len(listed)} more tensors</summary>"
        yield ""
        yield from _table(model, listed)
        if len(listed) < len(rest):
            yield ""
            yield f"… and {len(rest) - len(listed)} more."
        yield ""
        yield "</details>"
        yield ""


def _table(model: ModelReport, indexes: Iterable[int]) -> Iterator[str]:
    yield f"| {' | '.join(_HEADS)} |"
    yield "|---|---|---|--:|--:|--:|--:|"
    for index in indexes:
        tensor = model.change.tensors[index]
        stats = tensor.stats
        name = code(tensor.name)
        if tensor.name_changed and tensor.old and not model.gist.compared:
            name = f"{code(tensor.old.entry.name)} → {name}"
        cells = [name, dtype_of(tensor), shape_of(tensor)]
        if stats is None:
            cells += [fate(tensor), "", "", ""]
        else:
            numbers = ((stats.relative_l2, ".3g"), (stats.cosine, ".6f"), (stats.max_abs, ".3g"))
            cells.append(percent(stats.changed, stats.elements))
            cells += ["" if one is None else rounded(one, form) for one, form in numbers]
        yield f"| {' | '.join(cells)} |"


def _document(document: Document) -> Iterator[str]:
    keys = document.keys
    total = keys.changed + keys.added + keys.removed
    yield f"<details><summary>{plain(document.path)}: {counted(total, 'key')}</summary>"
    yield ""
    yield "| key | before | after |"
    yield "|---|---|---|"
    for one in keys.changes[:_KEYS]:
        before, after = ("–" if value is None else code(value) for value in (one.old, one.new))
        yield f"| {code(one.key)} | {before} | {after} |"
    if total > _KEYS:
        yield ""
        yield f"… and {total - min(_KEYS, len(keys.changes))} more."
    yield ""
    yield "</details>"
    yield ""


def _files(files: Sequence[FileChange], known: set[str]) -> Iterator[str]:
    for file in files:
        head = f"{plain(file.path)}: {plain(file_fate(file))}"
        if file.text is None or not file.text.lines or file.path in known:
            yield f"- {head}"
            continue
        lines = [quoted(line) for line in file.text.lines[:_LINES]]
        longest = max((len(ticks) for line in lines for ticks in re.findall("`+", line)), default=0)
        fence = "`" * max(3, longest + 1)
        yield f"<details><summary>{head}</summary>"
        yield ""
        yield f"{fence}diff"
        yield from lines
        yield fence
        if len(file.text.lines) > _LINES:
            yield ""
            yield f"… and {len(file.text.lines) - _LINES} more lines."
        yield ""
        yield "</details>"
        yield ""
