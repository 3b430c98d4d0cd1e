"""A chart as SVG: one file that needs nothing else, for light and dark pages."""

from __future__ import annotations

from html import escape

from mvc.cli.chart import Chart
from mvc.cli.chart_shapes import HEIGHT, WIDTH, Dot, Line, shapes

_STYLE = """\
  text { font: 12px system-ui, sans-serif; fill: #4b5563 }
  .title { font-size: 15px; font-weight: 600; fill: #111827 }
  .sheet { fill: #ffffff }
  .grid { stroke: #e5e7eb }
  .data { stroke: #2563eb; stroke-width: 2; fill: none; stroke-linejoin: round }
  .dot { fill: #2563eb }
  @media (prefers-color-scheme: dark) {
    text { fill: #9ca3af }
    .title { fill: #f3f4f6 }
    .sheet { fill: #111827 }
    .grid { stroke: #374151 }
    .data { stroke: #60a5fa }
    .dot { fill: #60a5fa }
  }"""


def svg(chart: Chart) -> str:
    """The file."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>{_text(chart.name)}</title>",
        f"<style>\n{_STYLE}\n</style>",
        f'<rect class="sheet" width="{WIDTH}" height="{HEIGHT}"/>',
    ]
    for shape in shapes(chart):
        if isinstance(shape, Line):
            points = " ".join(f"{x:g},{y:g}" for x, y in shape.points)
            lines.append(f'<polyline class="{shape.kind}" points="{points}"/>')
        elif isinstance(shape, Dot):
            says = f"<title>{_text(shape.says)}</title>"
            lines.append(
                f'<circle class="dot" cx="{shape.x:g}" cy="{shape.y:g}" r="3">{says}</circle>'
            )
        else:
            kind = ' class="title"' if shape.title else ""
            at = f'x="{shape.x:g}" y="{shape.y:g}" text-anchor="{shape.anchor}"'
            lines.append(f"<text{kind} {at}>{_text(shape.text)}</text>")
    return "\n".join([*lines, "</svg>", ""])


def _text(text: str) -> str:
    """``text`` for XML, which has no place for most control characters."""
    return escape("".join(c if c.isprintable() else "�" for c in text))
