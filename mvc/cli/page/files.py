"""What changed beside the tensors: configuration and tokenizer by key, metadata, and all other files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mvc.cli.page.figures import shown
from mvc.cli.wording import file_fate
from mvc.diff.changes import FileChange
from mvc.diff.report import Document, Report

#: Lines of a patch that the page has, and letters of a line.
_LINES, _LETTERS = 400, 400


def documents(found: Sequence[Document]) -> Iterator[str]:
    """The JSON files, key by key."""
    if not found:
        return
    yield '<section id="keys"><h2>Configuration and tokenizer</h2>\n'
    for one in found:
        keys = one.keys
        parts = [
            f"{count} {word}"
            for count, word in (
                (keys.changed, "changed"),
                (keys.added, "added"),
                (keys.removed, "removed"),
            )
            if count
        ]
        yield f'<h3>{shown(one.path)}</h3>\n<p class="faint">Keys: {", ".join(parts)}.</p>\n'
        yield from _keys((change.key, change.old, change.new) for change in keys.changes)
        left = keys.changed + keys.added + keys.removed - len(keys.changes)
        if left:
            yield f'<p class="faint">{left} more keys are not listed.</p>\n'
    yield "</section>\n"


def metadata(files: Iterable[FileChange]) -> Iterator[str]:
    """The key-values of model files."""
    for file in files:
        if file.metadata:
            yield f"<h3>Metadata of {shown(file.path)}</h3>\n"
            yield from _keys((one.key, one.old, one.new) for one in file.metadata)


def others(report: Report) -> Iterator[str]:
    """Every file that changed, with the patch of a text."""
    if not report.difference.files:
        return
    yield '<section id="files"><h2>Files</h2>\n'
    for file in report.difference.files:
        head = (
            f'<code>{shown(file.path)}</code> <span class="faint">{shown(file_fate(file))}</span>'
        )
        if file.text is None or not file.text.lines:
            yield f"<p>{head}</p>\n"
            continue
        lines = "\n".join(map(_line, file.text.lines[:_LINES]))
        left = len(file.text.lines) - _LINES
        more = f'\n<span class="hunk">… {left} more lines</span>' if left > 0 else ""
        yield f"<details><summary>{head}</summary><pre>{lines}{more}</pre></details>\n"
    yield "</section>\n"


def _keys(rows: Iterable[tuple[str, str | None, str | None]]) -> Iterator[str]:
    yield (
        '<table class="keys"><thead><tr><th scope="col">key</th><th class="left" scope="col">before'
        '</th><th class="left" scope="col">after</th></tr></thead><tbody>\n'
    )
    for key, old, new in rows:
        before = '<span class="faint">–</span>' if old is None else f"<del>{shown(old)}</del>"
        after = '<span class="faint">–</span>' if new is None else f"<ins>{shown(new)}</ins>"
        yield f'<tr><td class="mono">{shown(key)}</td><td>{before}</td><td>{after}</td></tr>\n'
    yield "</tbody></table>\n"


def _line(line: str) -> str:
    text = shown(line if len(line) <= _LETTERS else f"{line[:_LETTERS]}…")
    if line.startswith("@@"):
        return f'<span class="hunk">{text}</span>'
    if line.startswith("+"):
        return f'<span class="added">{text}</span>'
    if line.startswith("-"):
        return f'<span class="removed">{text}</span>'
    return text
