"""The reference of the command line as a page, from the commands themselves.

``python -m mvc.cli.reference > docs/reference/cli.md`` writes it; ``tests/cli/test_reference.py`` holds it
to be current. The page depends on the code alone: neither on a terminal's width nor on colours.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from mvc import errors
from mvc.cli.app import GROUPS, VERBS, program

_INTRODUCTION = """\
# Command line

The verbs, their flags and their words are Git's wherever Git has them. Each says the same of itself with
`mvc VERB --help` and `mvc help VERB`. A REVISION is anything that `gitrevisions(7)` allows: `HEAD~2`,
`main@{1}`, a tag, the first letters of an id, `A..B`, `A...B`. A GLOB matches whole names of tensors, dots and
all: `'layers.0.*'`. The numbers of `mvc diff` have [a page of their own](diff.md), as has
[the JSON](json.md) of every verb that reads.

On a terminal long answers go through a pager: `MVC_PAGER`, your Git's `core.pager`, `PAGER`, or `less`.
`NO_COLOR` in the environment, or `--no-color`, leaves out colours; they never go into a pipe or a file."""

_SINGULAR = {
    0: "it is done; what was committed survives a power cut",
    1: "`diff --exit-code` found a difference, `config` no such option; or an error without a class of its own",
    130: "interrupted from the keyboard",
    141: "who read the output has gone, as `head` does",
}


def page() -> str:
    """The page, as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    root = click.Context(program, info_name="mvc")
    yield _INTRODUCTION
    yield ""
    yield from _command(program, root)
    for group, title in GROUPS.items():
        yield f"**{title[0].upper()}{title[1:]}**"
        yield ""
        verbs = [verb for verb, (_, in_) in VERBS.items() if in_ == group]
        yield from (f"- [`mvc {verb}`](#mvc-{verb}): {_lower(VERBS[verb][0])}" for verb in verbs)
        yield ""
    for verb in VERBS:
        command = program.get_command(root, verb)
        assert command is not None
        yield f"## mvc {verb}"
        yield ""
        context = click.Context(command, parent=root, info_name=verb)
        yield from _command(command, context)
        if isinstance(command, click.Group):
            yield from _inner(command, context)
    yield from _exit_codes()


def _inner(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.commands[name]
        yield f"### {context.command_path} {name}"
        yield ""
        yield from _command(command, click.Context(command, parent=context, info_name=name))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from ("```text", usage, "```", "")
    yield inspect.cleandoc(command.help or "")
    yield ""
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    if options:
        yield from ("| option | |", "|---|---|")
        for option in options:
            yield f"| {_spelling(option)} | {option.help} |"
        yield ""
    if command.epilog:
        examples = command.epilog.removeprefix("\b\nExamples:\n")
        yield from ("```text", inspect.cleandoc(examples), "```", "")


def _spelling(option: click.Option) -> str:
    """The option as it is typed: ``-n, --max-count N``."""
    names = ", ".join(name for name in option.opts if name.strip())
    against = [name for name in option.secondary_opts if name.strip()]
    if against:
        names += " / " + ", ".join(against)
    if not option.is_flag and not option.count:
        names += f" {option.metavar or option.type.name.upper()}"
    return f"`{names}`"


def _exit_codes() -> Iterator[str]:
    yield from ("## Exit codes", "", "| code | error | |", "|---:|---|---|")
    codes: dict[int, list[tuple[str, str]]] = {
        code: [("", text)] for code, text in _SINGULAR.items()
    }
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.MvcError) and kind.exit_code != 1:
            codes.setdefault(kind.exit_code, []).append((f"`{name}`", kind.__doc__ or ""))
    for code in sorted(codes):
        for error, text in codes[code]:
            yield f"| {code} | {error} | {_lower(inspect.cleandoc(text).rstrip('.'))} |"
    yield from (
        "",
        "What a program should read is on the output stream; errors, hints and progress are on the error",
        "stream. A message says what and where, and the hint after it what to type next.",
        "",
    )


def _lower(text: str) -> str:
    """``text`` as it goes on in a line."""
    return text[:1].lower() + text[1:]


if __name__ == "__main__":
    # As bytes: UTF-8 and plain line ends whatever the terminal or the system is.
    click.echo(page().encode(), nl=False)
