"""How a commit looks in ``log`` and ``show``, in Git's form."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from mvc.cli.output import quoted
from mvc.errors import IntegrityError
from mvc.history.git import Commit
from mvc.history.revisions import shorten
from mvc.history.signature import Signature
from mvc.repository import Repository

if TYPE_CHECKING:
    from mvc.history.expired import Tombstone
    from mvc.ids import CommitId

Names = dict[str, list[str]]


def decorations(repository: Repository) -> Names:
    """The refs of each commit, styled: ``HEAD -> main, tag: v1``."""
    found: Names = {}
    current = repository.branch
    head = repository.head
    if head is not None:
        label = click.style("HEAD", fg="cyan", bold=True)
        if current:
            label += click.style(" -> ", fg="cyan", bold=True) + _branch(current)
        found[head] = [label]
    for tag in repository.tags:
        found.setdefault(repository.resolve(f"refs/tags/{tag}"), []).append(
            click.style(f"tag: {tag}", fg="yellow", bold=True)
        )
    for name, id_ in repository.branches.items():
        if name != current:
            found.setdefault(id_, []).append(_branch(name))
    for id_ in tombstones(repository):
        found.setdefault(id_, []).append(click.style("expired", fg="red", bold=True))
    return found


def tombstones(repository: Repository) -> Mapping[CommitId, Tombstone]:
    """Commits whose weights were let go; none where that can't be read, which fsck tells."""
    try:
        return repository.upkeep.expired()
    except IntegrityError:
        return {}


def _branch(name: str) -> str:
    return click.style(name, fg="green", bold=True)


def headline(commit: Commit, names: Names, *, whole: bool = False) -> str:
    """``1a2b3c4 (HEAD -> main) subject``; ``whole``: with all digits of the id."""
    id_ = click.style(commit.id if whole else shorten(commit.id), fg="yellow")
    return f"{id_}{decorated(commit, names)} {quoted(commit.subject)}"


def date(who: Signature) -> str:
    """Git's default date, in the zone of the signature: ``Sun Nov 22 06:27:56 2026 +0000``."""
    moment = time.gmtime(who.time + who.offset * 60)
    sign, minutes = ("-" if who.offset < 0 else "+"), abs(who.offset)
    zone = f"{sign}{minutes // 60:02}{minutes % 60:02}"
    clock = time.strftime("%H:%M:%S %Y", moment)
    return f"{time.strftime('%a %b', moment)} {moment.tm_mday} {clock} {zone}"


def iso_date(who: Signature) -> str:
    """Git's ISO form, in the zone of the signature: ``2026-11-22 06:27:56 +0000``."""
    sign, minutes = ("-" if who.offset < 0 else "+"), abs(who.offset)
    moment = time.gmtime(who.time + who.offset * 60)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', moment)} {sign}{minutes // 60:02}{minutes % 60:02}"


def decorated(commit: Commit, names: Names) -> str:
    """`` (HEAD -> main, tag: v1)``; nothing where nothing names the commit."""
    refs = names.get(commit.id)
    if not refs:
        return ""
    yellow = (
        click.style(" (", fg="yellow"),
        click.style(", ", fg="yellow"),
        click.style(")", fg="yellow"),
    )
    return yellow[0] + yellow[1].join(refs) + yellow[2]
