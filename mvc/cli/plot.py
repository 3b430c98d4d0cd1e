"""``mvc plot``."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import click

from mvc.cli import completing
from mvc.cli.app import Session
from mvc.errors import UsageError
from mvc.history.revisions import shorten

if TYPE_CHECKING:
    from mvc.cli.chart import Chart


@click.command("plot")
@click.argument("name")
@click.argument(
    "revision", default="HEAD", metavar="[REVISION|A..B]", shell_complete=completing.revisions
)
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    help="Write a drawing: FILE.svg, or FILE.png (with the extra mvc-weights[plot]).",
    shell_complete=completing.files,
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(session: Session, name: str, revision: str, file: str | None, as_json: bool) -> None:
    """Show how a metric went along the first parents of HEAD, of a commit or of a range.

    Metrics come from mvc metric, mvc run and mvc bisect run; a trailer of a message (NAME: 1.23) counts, too.
    """
    points = session.repository.metrics.along(name, revision)
    if as_json:
        from mvc.history.metrics import plain

        found = [
            {"commit": one.commit.id, "value": None if one.value is None else plain(one.value)}
            for one in points
        ]
        session.output.document("plot", {"metric": name, "points": found})
        return
    from mvc.cli.chart import Chart, lines

    labels = tuple(f"{shorten(one.commit.id)} {one.commit.subject}" for one in points)
    chart = Chart(name, tuple(one.value for one in points), labels)
    if file is None:
        session.output.page(lines(chart, shutil.get_terminal_size().columns))
        return
    from mvc.store.fs import Disk

    Disk().write_whole(os.path.abspath(file), _drawn(chart, file))


def _drawn(chart: Chart, file: str) -> bytes:
    ending = os.path.splitext(file)[1].lower()
    if ending == ".svg":
        from mvc.cli.chart_svg import svg

        return svg(chart).encode()
    if ending == ".png":
        from mvc.cli.chart_png import png

        return png(chart)
    raise UsageError(f"'{file}' is neither .svg nor .png", hint="mvc plot NAME -o plot.svg")
