"""``mvc config``."""

from __future__ import annotations

import click

from mvc.cli.app import Session
from mvc.errors import UsageError


@click.command("config")
@click.argument("key", required=False)
@click.argument("value", required=False)
@click.option("--get", is_flag=True, help="Print the value (the default with a key alone).")
@click.option("--unset", is_flag=True, help="Remove the option.")
@click.option("-l", "--list", "listing", is_flag=True, help="Print all options.")
@click.option("--json", "as_json", is_flag=True, help="For programs, with --list.")
@click.pass_obj
def command(
    session: Session,
    key: str | None,
    value: str | None,
    get: bool,
    unset: bool,
    listing: bool,
    as_json: bool,
) -> int:
    """Get and set options of this repository (.mvc/config, in Git's form).

    user.name and user.email are also read from Git's own configuration.
    """
    repository, output = session.repository, session.output
    if as_json and not listing:
        raise UsageError("--json is for --list", hint="mvc config --list --json")
    if listing and as_json:
        options = [{"name": name, "value": value} for name, value in repository.config.list()]
        output.document("config", {"options": options})
        return 0
    if listing:
        output.show(f"{name}={value}" for name, value in repository.config.list())
        return 0
    if key is None:
        raise UsageError("which option?", hint="mvc config --list")
    if unset or value is not None:
        repository.config.put(key, None if unset else value)
        return 0
    found = repository.config.get(key)
    if found is None:
        return 1
    output.show([found])
    return 0
