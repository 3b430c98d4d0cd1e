"""A chart as PNG, drawn by Pillow, which the extra ``plot`` brings: it has fonts of its own."""

from __future__ import annotations

import io

from mvc.cli.chart import Chart
from mvc.cli.chart_shapes import HEIGHT, WIDTH, Dot, Line, shapes
from mvc.errors import MvcError

#: Pixels for one of the sheet's; drawn twice as large again and shrunk, as Pillow draws with hard edges.
_SCALE, _FINE = 2, 2
_COLORS = {"grid": "#e5e7eb", "data": "#2563eb"}
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png(chart: Chart) -> bytes:
    """The file.

    Raises:
        MvcError: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise MvcError(
            "a PNG needs Pillow, which is not installed",
            hint="pip install 'mvc-weights[plot]', or write a file that ends in .svg",
        ) from error
    scale = _SCALE * _FINE
    image = Image.new("RGB", (WIDTH * scale, HEIGHT * scale), "white")
    draw = ImageDraw.Draw(image)
    plain, title = (ImageFont.load_default(points * scale) for points in (12, 15))
    for shape in shapes(chart):
        if isinstance(shape, Line):
            points = [(x * scale, y * scale) for x, y in shape.points]
            width = scale * 2 if shape.kind == "data" else scale
            draw.line(points, fill=_COLORS[shape.kind], width=width, joint="curve")
        elif isinstance(shape, Dot):
            x, y, r = shape.x * scale, shape.y * scale, 3 * scale
            draw.ellipse((x - r, y - r, x + r, y + r), fill=_COLORS["data"])
        else:
            place = (shape.x * scale, shape.y * scale)
            font, color = (title, "#111827") if shape.title else (plain, "#4b5563")
            draw.text(place, shape.text, fill=color, font=font, anchor=_ANCHORS[shape.anchor])
    file = io.BytesIO()
    small = image.resize((WIDTH * _SCALE, HEIGHT * _SCALE), Image.Resampling.LANCZOS)
    small.save(file, "PNG", optimize=True)
    return file.getvalue()
