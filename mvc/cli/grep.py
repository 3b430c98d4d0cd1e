"""``mvc grep``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import click

from mvc.cli import completing, documents
from mvc.cli.app import Session
from mvc.cli.output import quoted
from mvc.cli.revisions import Separated, split_revisions
from mvc.errors import UsageError
from mvc.repository import Repository
from mvc.searching import Found

#: A tensor, and the revision that was asked for it; None for the work tree.
_Hit = tuple[str | None, Found]


@click.command("grep", cls=Separated)
@click.argument(
    "arguments",
    nargs=-1,
    metavar="PATTERN [REVISION]... [--] [PATH]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.option(
    "-e", "patterns", multiple=True, metavar="PATTERN", help="A pattern; may be repeated."
)
@click.option("-i", "--ignore-case", is_flag=True, help="Capitals or not.")
@click.option("-E", "--extended-regexp", is_flag=True, help="Regular expressions (the default).")
@click.option("-F", "--fixed-strings", is_flag=True, help="PATTERN as it is, dots and all.")
@click.option("-w", "--word-regexp", is_flag=True, help="Whole words: 'q' not in 'qkv'.")
@click.option("-v", "--invert-match", is_flag=True, help="Names that don't match.")
@click.option("-l", "--files-with-matches", is_flag=True, help="Only the names of files.")
@click.option("-c", "--count", is_flag=True, help="How many tensors match in each file.")
@click.option("-q", "--quiet", is_flag=True, help="Only the exit code.")
@click.option("--cached", is_flag=True, help="The stage, not the work tree.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def command(
    session: Session,
    arguments: tuple[str, ...],
    patterns: tuple[str, ...],
    ignore_case: bool,
    extended_regexp: bool,
    fixed_strings: bool,
    word_regexp: bool,
    invert_match: bool,
    files_with_matches: bool,
    count: bool,
    quiet: bool,
    cached: bool,
    as_json: bool,
) -> int:
    """Find tensors by name in the tracked files: of the work tree, or of REVISIONs.

    PATTERN is a regular expression and matches anywhere in the name. Exits with 1 when nothing matches.
    """
    if not patterns:
        if not arguments or arguments[0] == "--":
            raise UsageError("no pattern given", hint="mvc grep PATTERN")
        patterns, arguments = arguments[:1], arguments[1:]
    repository, output = session.repository, session.output
    revisions, paths = split_revisions(repository, arguments)
    if cached and revisions:
        raise UsageError("--cached takes no revision")
    expression = _expression(patterns, fixed_strings, word_regexp)
    found = _hits(
        repository,
        expression,
        revisions or ["" if cached else None],
        paths,
        ignore_case,
        invert_match,
    )
    if quiet:
        return 0 if next(found, None) else 1
    hits = list(found)
    if as_json:
        tensors = [documents.named(one, revision) for revision, one in hits]
        output.document("grep", {"pattern": expression, "tensors": tensors})
    elif files_with_matches:
        output.page(dict.fromkeys(_place(hit) for hit in hits))
    elif count:
        output.page(f"{place}{_colon()}{n}" for place, n in Counter(map(_place, hits)).items())
    else:
        highlight = re.compile(expression, re.IGNORECASE if ignore_case else 0)
        output.page(_lines(hits, None if invert_match else highlight))
    return 0 if hits else 1


def _expression(patterns: Iterable[str], fixed: bool, word: bool) -> str:
    parts = [re.escape(pattern) if fixed else pattern for pattern in patterns]
    if word:
        parts = [rf"\b(?:{part})\b" for part in parts]
    return parts[0] if len(parts) == 1 else "|".join(f"(?:{part})" for part in parts)


def _hits(
    repository: Repository,
    expression: str,
    revisions: Iterable[str | None],
    paths: list[str],
    ignore_case: bool,
    invert: bool,
) -> Iterator[_Hit]:
    for revision in revisions:
        for one in repository.search(
            expression, revision, paths=paths, ignore_case=ignore_case, invert=invert
        ):
            yield revision or None, one


def _place(hit: _Hit) -> str:
    revision, found = hit
    path = click.style(quoted(found.path), fg="magenta")
    return f"{revision}{_colon()}{path}" if revision else path


def _colon() -> str:
    return click.style(":", fg="cyan")


def _lines(hits: Iterable[_Hit], highlight: re.Pattern[str] | None) -> Iterator[str]:
    for hit in hits:
        name = hit[1].name
        yield f"{_place(hit)}{_colon()}{_marked(name, highlight) if highlight else quoted(name)}"


def _marked(name: str, highlight: re.Pattern[str]) -> str:
    parts, position = [], 0
    for match in highlight.finditer(name):
        parts.append(quoted(name[position : match.start()]))
        if match[0]:
            parts.append(click.style(quoted(match[0]), fg="red", bold=True))
        position = match.end()
    return "".join([*parts, quoted(name[position:])])
