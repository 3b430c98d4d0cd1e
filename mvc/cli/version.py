"""``mvc version``."""

from __future__ import annotations

import click

from mvc.cli.app import Session
from mvc.version import VERSION


@click.command("version")
@click.option("--build-options", is_flag=True, help="Also what this installation has and lacks.")
@click.pass_obj
def command(session: Session, build_options: bool) -> None:
    """Show the version."""
    lines = [f"mvc version {VERSION}"]
    if build_options:
        import platform

        from mvc.store.kernel import kernel

        kinds = {
            "native": "compiled",
            "numpy": "NumPy (no C compiler at installation: commits take longer)",
        }
        lines += [
            f"kernel: {kinds[kernel().name]}",
            f"python: {platform.python_version()}",
            f"cpu: {platform.machine()}",
        ]
    session.output.show(lines)
