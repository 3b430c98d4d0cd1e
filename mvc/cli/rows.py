"""What ``revert``, ``cherry-pick`` and ``rebase`` have in common: words, options, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mvc.cli.app import Session
from mvc.cli.committed import committed
from mvc.cli.editor import edited_text
from mvc.cli.signing import as_begun
from mvc.errors import UsageError
from mvc.ids import CommitId

if TYPE_CHECKING:
    from mvc.history.signature import Signature

Verb = TypeVar("Verb", bound=Callable[..., Any])
_NAMED = 3


def ends(verb: Verb) -> Verb:
    """``--continue``, ``--skip``, ``--abort`` and ``--quit``, as one word; only one may be given."""
    for flag, said in reversed(
        (
            ("continue", "Conclude it: all conflicts are settled."),
            ("skip", "Leave this commit out; go on with the next."),
            ("abort", "Give it up; everything as before."),
            ("quit", "Forget it; everything stays as it is now."),
        )
    ):
        verb = click.option(
            f"--{flag}", f"end_{flag}", is_flag=True, expose_value=False, callback=_end, help=said
        )(verb)
    return verb


def _end(context: click.Context, parameter: click.Parameter, given: bool) -> None:
    before = context.params.setdefault("end", None)
    if given:
        flag = parameter.opts[0]
        if before is not None:
            raise UsageError(f"--{before} and {flag} exclude each other", hint="mvc status")
        context.params["end"] = flag.removeprefix("--")


def by_tensor(verb: Verb) -> Verb:
    """``-X`` and ``--additive``: what becomes of tensors that both sides changed."""
    verb = click.option(
        "--additive",
        is_flag=True,
        help="Where the history went on, add or subtract the difference: -X additive.",
    )(verb)
    return click.option(
        "-X",
        "--strategy",
        metavar="NAME",
        help="For tensors that later commits changed too: ours, theirs, base, average, additive.",
    )(verb)


def strategy_of(strategy: str | None, additive: bool) -> str | None:
    """The strategy that the two options mean.

    Raises:
        UsageError: they do not mean the same one.
    """
    if additive and strategy not in (None, "additive"):
        raise UsageError(f"--additive and -X {strategy} exclude each other")
    return "additive" if additive else strategy


def split_globs(arguments: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Revisions, and behind ``--`` globs of tensors.

    Raises:
        UsageError: nothing is behind it.
    """
    if "--" not in arguments:
        return tuple(arguments), ()
    at = list(arguments).index("--")
    globs = tuple(arguments[at + 1 :])
    if not globs:
        raise UsageError("no tensor is named after '--'", hint="-- 'layers.0.*'")
    return tuple(arguments[:at]), globs


def require_alone(end: str | None, *others: object) -> None:
    """Raises: UsageError: ``--continue`` or its like is given with something to begin."""
    if end is not None and any(others):
        raise UsageError(f"--{end} goes alone", hint="mvc status")


def telling(session: Session, *, edit: bool | None = None) -> Callable[[CommitId], None]:
    """What to do with each commit as it is made: let it be edited, and say what it is."""
    repository = session.repository

    def made(id_: CommitId) -> None:
        taken = taken_lines(repository.record(id_))
        if edit:
            id_ = repository.commit(edited_text(repository.read_commit().message), amend=True).id
        session.output.note(committed(repository, repository.read_commit(id_)))
        session.output.note(taken)

    return made


def taken_lines(record: Any) -> Iterator[str]:
    """How many tensors came back to the bit, and which were computed."""
    taken = None if record is None else record.parameters.get("taken")
    if not isinstance(taken, Mapping):
        return
    for how, what in sorted(taken.items(), key=lambda one: one[0] != "exact"):
        if isinstance(what, int) and what:
            yield f" {how}: {_tensors(what)}"
        elif isinstance(what, Mapping):
            names = [name for found in what.values() for name in found]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            yield f" {how}: {_tensors(len(names))} ({', '.join(names[:_NAMED])}{more})"


def _tensors(count: int) -> str:
    return f"{count} tensor{'' if count == 1 else 's'}"


def finish(
    session: Session,
    kind: str,
    end: str,
    made: Callable[[CommitId], None],
    author: Signature | None = None,
) -> None:
    """Do what ``--continue`` or its like asks for."""
    repository = session.repository
    if end == "abort":
        abort(session, kind)
        return
    if end == "quit":
        repository.quit_row(kind)
        return
    as_begun(repository)
    if end == "continue":
        repository.continue_row(kind, author=author, made=made)
    else:
        repository.skip_row(kind, author=author, made=made)


def abort(session: Session, kind: str) -> None:
    """Give it up; say so where HEAD has moved since, and stays."""
    repository = session.repository
    waiting = repository.unfinished()
    repository.abort(kind)
    moved = waiting is not None and waiting.sequel is not None
    if moved and waiting.sequel.home is None and repository.head != waiting.sequel.start:
        session.output.note(
            ["warning: You seem to have moved HEAD. Not rewinding, check your HEAD!"]
        )
