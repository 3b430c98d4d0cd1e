"""A report as one HTML page that needs nothing else: no network, no fonts, no second file.

Owns the page's frame and order. Every word that comes from data goes through ``shown``, which makes odd
characters visible and escapes the rest; besides, a policy in the page lets no script run but its own. It
computes nothing that is not a matter of looks.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib import resources

from mvc.cli.page.data import embedded
from mvc.cli.page.figures import heat, legend, outside, shown
from mvc.cli.page.files import documents, metadata, others
from mvc.cli.page.tables import tensors
from mvc.cli.wording import cards, told
from mvc.diff.report import ModelReport, Report
from mvc.version import VERSION

#: How a page begins: by it ``--output`` knows one that it may replace.
MARK = "<!DOCTYPE html>\n<!-- made by mvc diff -->\n"


def page(report: Report, titles: tuple[str, str], rows: int | None) -> Iterator[str]:
    """The page in pieces; at most ``rows`` tensors of each model are listed (None: all)."""
    style, script = _asset("style.css"), _asset("script.js")
    old, new = map(shown, titles)
    yield MARK
    yield f"""<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src '{_digest(style)}'; script-src '{_digest(script)}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>mvc diff: {old} → {new}</title>
<style>{style}</style></head><body>
<header><h1><code>{old}</code><span class="arrow">→</span><code>{new}</code></h1>
<button id="theme" class="needs-js" type="button">Dark</button></header>
"""
    yield from _contents(report)
    if not report.difference:
        yield "<p>Nothing differs.</p>\n"
    for number, model in enumerate(report.models):
        yield from _model(report, number, model, rows)
    yield from documents(report.documents)
    yield from others(report)
    yield f"<footer>mvc {VERSION}: <code>mvc diff --html</code></footer>\n"
    yield f'<script type="application/json" id="data">{embedded(report, rows)}</script>\n'
    yield f"<script>{script}</script>\n</body></html>\n"


def _contents(report: Report) -> Iterator[str]:
    links = [(f"m{number}", model.change.name) for number, model in enumerate(report.models)]
    if len(links) == 1:
        links = [("m0heat", "Heat map"), ("m0tensors", "Tensors")]
    links += [("keys", "Configuration")] if report.documents else []
    links += [("files", "Files")] if report.difference.files else []
    if len(links) > 1:
        inner = " ".join(f'<a href="#{anchor}">{shown(text)}</a>' for anchor, text in links)
        yield f'<nav aria-label="Contents">{inner}</nav>\n'


def _model(report: Report, number: int, model: ModelReport, rows: int | None) -> Iterator[str]:
    yield f'<section id="m{number}"><h2>{shown(model.change.name)}</h2>\n<ul class="cards">'
    for value, what in cards(model):
        yield f"<li><b>{shown(value)}</b><span>{shown(what)}</span></li>"
    yield "</ul>\n"
    lines = list(told(model))
    if lines:
        yield '<ul class="told">' + "".join(f"<li>{shown(line)}</li>" for line in lines) + "</ul>\n"
    if model.change.old_tensors and model.change.new_tensors and model.change.tensors:
        yield f'<h3 id="m{number}heat">How far each tensor moved</h3>\n'
        yield '<p class="faint">‖new − old‖ / ‖old‖; a cell leads to its tensor.</p>\n'
        yield '<div class="maps">'
        if model.grid.cells:
            yield '<div class="map"><h4>Layers × matrices</h4>'
            yield from heat(number, model)
            yield "</div>"
        if model.grid.outside:
            yield '<div class="map"><h4>In no layer</h4>'
            yield from outside(number, model)
            yield "</div>"
        yield f"</div>\n{legend(model)}"
        yield f'<h3 id="m{number}tensors">Tensors</h3>\n'
        yield from tensors(number, model, rows)
    yield from metadata(file for file in report.difference.files if file.model == model.change.name)
    yield "</section>\n"


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
