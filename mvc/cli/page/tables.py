"""The table of a model's tensors, those that changed most first."""

from __future__ import annotations

from collections.abc import Iterator

from mvc.cli.page.figures import abridged, shown
from mvc.cli.wording import dtype_of, fate, percent, rounded, shape_of
from mvc.diff.report import ModelReport

#: Rows that are seen before the rest is asked for.
FIRST = 20
_HEADS = (
    ("left", "tensor"),
    ("left minor", "dtype"),
    ("left minor", "shape"),
    ("", "changed"),
    ("", "rel. L2"),
    ("minor", "cosine"),
    ("minor", "max |Δ|"),
    ("minor", "zeros"),
    ("", "eff. rank"),
)


def tensors(number: int, model: ModelReport, rows: int | None) -> Iterator[str]:
    """Model ``number`` of the page; at most ``rows`` rows."""
    listed = model.order[:rows]
    yield (
        '<p class="faint needs-js">A name opens the histogram of its differences; '
        "a heading sorts.</p>\n"
        f'<div class="scroll"><table class="tensors" data-first="{FIRST}"><thead><tr>'
    )
    for classes, text in _HEADS:
        sort = ' aria-sort="descending"' if text == "rel. L2" else ""
        yield (
            f'<th class="{classes}" scope="col"{sort}><button type="button">{text}</button></th>'
        )
    yield "</tr></thead><tbody>\n"
    for place, index in enumerate(listed):
        yield _row(number, model, index, extra=place >= FIRST)
    yield "</tbody></table></div>\n"
    if len(listed) > FIRST:
        text = f"Show all {len(listed)}"
        yield f'<button type="button" class="more needs-js">{text}</button>\n'
    if len(listed) < len(model.order):
        left = len(model.order) - len(listed)
        yield f'<p class="faint">{left} more are not listed; --all-tensors lists every one.</p>\n'


def _row(number: int, model: ModelReport, index: int, *, extra: bool) -> str:
    tensor = model.change.tensors[index]
    stats = tensor.stats
    portrait, spectrum = model.portraits.get(index), model.spectra.get(index)
    zeros = rank = ("", "")
    if portrait is not None and (portrait.old_zeros or portrait.new_zeros):
        before, after = (
            percent(count, portrait.elements) for count in (portrait.old_zeros, portrait.new_zeros)
        )
        text = after if before == after else f"{before} → {after}"
        zeros = (text, str(portrait.new_zeros / portrait.elements))
    if spectrum is not None:
        value = spectrum.effective_rank or spectrum.stable_rank
        rank = (f"{value:.3g}", str(value))
    cells = [
        ("left minor nowrap", (dtype_of(tensor), None)),
        ("left minor nowrap", (shape_of(tensor), None)),
        (
            "nowrap",
            (percent(stats.changed, stats.elements), str(stats.changed_share))
            if stats
            else (fate(tensor), ""),
        ),
        ("", _number(stats.relative_l2 if stats else None)),
        ("minor", _number(stats.cosine if stats else None, ".6f")),
        ("minor", _number(stats.max_abs if stats else None)),
        ("minor nowrap", zeros),
        ("", rank),
    ]
    inner = "".join(
        f'<td class="{classes}"{_value(value)}>{shown(text)}</td>'
        for classes, (text, value) in cells
    )
    hidden = ' class="extra"' if extra else ""
    return (
        f'<tr id="m{number}t{index}"{hidden}><td class="name left">'
        f'<button type="button" aria-expanded="false">{_breakable(tensor.name)}</button></td>'
        f"{inner}</tr>\n"
    )


def _breakable(name: str) -> str:
    """A name that a narrow window breaks behind its dots first."""
    return abridged(name).replace(".", ".<wbr>")


def _value(value: str | None) -> str:
    return "" if value is None else f' data-v="{value}"'


def _number(value: float | None, form: str = ".3g") -> tuple[str, str]:
    return ("", "") if value is None else (rounded(value, form), repr(float(value)))
