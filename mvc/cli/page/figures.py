"""The heat map of a model's layers, as SVG; and ``shown``, through which all text of a page goes."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator

from mvc.cli.output import counted, quoted
from mvc.diff.changes import TensorStatus
from mvc.diff.grid import Cell
from mvc.diff.report import ModelReport

#: Lower ends of the colours ``h2`` … ``h9``; a smaller change has ``h1``.
STEPS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
_WIDTH, _HEIGHT, _GAP, _LEFT = 26, 17, 2, 34
#: The labels of columns rise at this angle; a letter is so wide.
_ANGLE, _LETTER = 52, 6.1
#: Tensors in no layer that are drawn, and layers and kinds; names are cut to so many letters in pictures.
_OUTSIDE, _LAYERS, _KINDS, _LETTERS = 24, 256, 96, 56
_CLASSES: dict[TensorStatus, str] = {
    "added": "added",
    "removed": "removed",
    "changed": "odd",
    "conflict": "odd",
    "renamed": "other",
    "moved": "other",
    "transposed": "other",
}


def shown(text: object) -> str:
    """``text`` for HTML: control and direction characters made visible, the rest escaped."""
    return html.escape(quoted(str(text)))


def abridged(name: str, most: int = 400) -> str:
    """``shown``, of a name that is too long its two ends."""
    return shown(name if len(name) <= most else f"{name[: most // 2]}…{name[-most // 2 :]}")


def _cut(name: str) -> str:
    """A name for a picture: of a long one the end, which says more; not escaped."""
    visible = quoted(name[-_LETTERS - 1 :])
    return visible if len(visible) <= _LETTERS else f"…{visible[-_LETTERS + 1 :]}"


def heat(number: int, model: ModelReport) -> Iterator[str]:
    """Model ``number`` of the page: rows are layers, columns kinds of tensors."""
    found = model.grid
    layers, kinds = found.layers[:_LAYERS], found.kinds[:_KINDS]
    labels = [_cut(label) for label in found.labels[:_KINDS]]
    longest = max(map(len, labels)) * _LETTER
    slope = math.radians(_ANGLE)
    top = math.ceil(longest * math.sin(slope)) + 14
    right = math.ceil(longest * math.cos(slope)) + 8
    width = _LEFT + len(kinds) * (_WIDTH + _GAP) + right
    height = top + len(layers) * (_HEIGHT + _GAP) + 4
    yield (
        f'<div class="scroll"><svg class="heat" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="group" aria-label="Relative change of each tensor">\n'
    )
    for at, label in enumerate(labels):
        x = _LEFT + at * (_WIDTH + _GAP) + _WIDTH / 2
        yield (
            f'<text x="{x}" y="{top - 8}" transform="rotate(-{_ANGLE} {x} {top - 8})">'
            f"{html.escape(label)}</text>"
        )
    for row, layer in enumerate(layers):
        y = top + row * (_HEIGHT + _GAP)
        yield f'\n<text x="{_LEFT - 7}" y="{y + 13}" text-anchor="end">{layer}</text>'
        for at, kind in enumerate(kinds):
            cell = found.cells.get((layer, kind))
            if cell is not None:
                x = _LEFT + at * (_WIDTH + _GAP)
                yield _cell(number, kind.replace("*", str(layer), 1), cell, x, y)
    yield "\n</svg></div>\n"
    if len(layers) < len(found.layers) or len(kinds) < len(found.kinds):
        left = (
            f"{len(layers)} of {len(found.layers)} layers, {len(kinds)} of {len(found.kinds)} kinds"
        )
        yield f'<p class="faint">Drawn: {left}.</p>\n'


def outside(number: int, model: ModelReport) -> Iterator[str]:
    """Tensors in no layer, those that changed first."""
    cells = sorted(model.grid.outside.items(), key=lambda item: not item[1].changes)
    listed = cells[:_OUTSIDE]
    line = _HEIGHT + 5
    width = 48 + math.ceil(max(len(_cut(name)) for name, _ in listed) * _LETTER * 1.1)
    height = line * len(listed)
    yield (
        f'<div class="scroll"><svg class="heat" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="group" aria-label="Tensors in no layer">\n'
    )
    for place, (name, cell) in enumerate(listed):
        yield _cell(number, name, cell, 0, line * place)
        yield f'<text x="{_WIDTH + 7}" y="{line * place + 13}">{html.escape(_cut(name))}</text>\n'
    yield "</svg></div>\n"
    if len(listed) < len(cells):
        yield f'<p class="faint">and {len(cells) - len(listed)} more</p>\n'


def step(relative: float) -> str:
    """The class of the colour for a relative change."""
    return f"h{1 + sum(relative >= one for one in STEPS)}"


def _cell(number: int, name: str, cell: Cell, x: int, y: int) -> str:
    look = _look(cell)
    what: str = "unchanged" if cell.status is None else cell.status
    if cell.relative_l2 is not None:
        what += f", relative L2 {cell.relative_l2:.3g}"
    if cell.tensors > 1:
        what = f"{len(cell.changes)} of {counted(cell.tensors, 'tensor')} {what}"
    drawn = (
        f'<rect class="{look}" x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="2">'
        f"<title>{abridged(name)}: {shown(what)}</title></rect>"
    )
    if not cell.changes:
        return drawn
    return f'<a href="#m{number}t{cell.changes[0]}">{drawn}</a>'


def _look(cell: Cell) -> str:
    if cell.status is None:
        return "same"
    if cell.status == "changed" and cell.relative_l2:
        return step(cell.relative_l2)
    return _CLASSES[cell.status]


def legend(model: ModelReport) -> str:
    """What the colours that occur mean."""
    cells = (*model.grid.cells.values(), *model.grid.outside.values())
    looks = {_look(cell) for cell in cells}
    items = [("same", "unchanged")] if "same" in looks else []
    ends = ("0", *(f"{one:.0e}".replace("e-0", "e-") for one in STEPS))
    items += [
        (f"h{n + 1}", f"≥ {end}" if n else f"< {ends[1]}")
        for n, end in enumerate(ends)
        if f"h{n + 1}" in looks
    ]
    names = {
        "odd": "changed, without a distance",
        "added": "added",
        "removed": "removed",
        "other": "transposed, renamed or moved",
    }
    items += [(look, text) for look, text in names.items() if look in looks]
    inner = "".join(
        f'<li><svg width="14" height="14" aria-hidden="true">'
        f'<rect class="{look}" width="14" height="14" rx="2"/></svg>{shown(text)}</li>'
        for look, text in items
    )
    return f'<ul class="legend">{inner}</ul>\n'
