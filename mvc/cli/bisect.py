"""``mvc bisect``."""

from __future__ import annotations

import click

from mvc.cli import completing, documents
from mvc.cli.app import Session
from mvc.cli.bisected import show
from mvc.cli.options import quiet
from mvc.cli.output import quoted
from mvc.cli.revisions import Separated
from mvc.cli.switched import switched
from mvc.errors import MvcError, UsageError

_WAYS = ("max-increase", "max-decrease", "above", "below")


class _Verbs(click.Group):
    """The words of the search in progress are verbs, too: ``mvc bisect fast`` after ``--term-bad=fast``."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        if found is not None or ctx.obj is None:
            return found
        search = ctx.obj.repository.bisect.search
        return _marking(cmd_name) if search and cmd_name in search.words else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None:
            raise UsageError(f"unknown subcommand: '{args[0]}'", hint="mvc bisect --help")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group("bisect", cls=_Verbs)
def command() -> None:
    """Find the commit that broke something, in as few tests as there can be.

    Say which commit is bad and which was good; each test halves what is left. `bisect run` does all of them.
    Every answer is one operation: mvc undo takes it back. Exit code 2 says that only skipped commits are left,
    3 that a merge base is bad, 4 that no commit changed the paths.
    """


@command.command(
    "start",
    cls=Separated,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument(
    "words",
    nargs=-1,
    metavar="[--term-(bad|new)=TERM] [--term-(good|old)=TERM] [--first-parent] [BAD [GOOD]...] "
    "[--] [PATH]...",
    type=click.UNPROCESSED,
    shell_complete=completing.revisions_or_tracked,
)
@click.pass_obj
def start(session: Session, words: tuple[str, ...]) -> int:
    """Begin a search: between BAD and GOODs, in commits that changed PATHs; a search before it ends."""
    return show(session, session.repository.bisect.start(words))


def _marking(state: str) -> click.Command:
    @click.command(state, help=_MEANING.get(state, f"Say that a commit (HEAD) is {state}."))
    @click.argument(
        "revisions", nargs=-1, metavar="[REVISION]...", shell_complete=completing.revisions
    )
    @click.pass_obj
    def mark(session: Session, revisions: tuple[str, ...]) -> int:
        bisect = session.repository.bisect
        return show(session, bisect.mark(state, revisions or ("HEAD",)))

    return mark


_MEANING = {
    "bad": "Say that a commit (HEAD) is bad.",
    "good": "Say that commits (HEAD) are good.",
    "new": "Say that a commit (HEAD) has what changed: another word for bad.",
    "old": "Say that commits (HEAD) are as they were: another word for good.",
    "skip": "Say that commits (HEAD), or all of A..B, can't be tested.",
}
for _state in ("bad", "good", "new", "old", "skip"):
    command.add_command(_marking(_state))


@command.command("next")
@click.pass_obj
def next_(session: Session) -> int:
    """Choose the commit to test anew, and check it out."""
    return show(session, session.repository.bisect.next())


@command.command("terms")
@click.option("--term-good", "--term-old", "which", flag_value="good", help="Only good's.")
@click.option("--term-bad", "--term-new", "which", flag_value="bad", help="Only bad's.")
@click.pass_obj
def terms(session: Session, which: str | None) -> None:
    """Say what good and bad are called in this search."""
    search = session.repository.bisect.search
    if search is None or search.terms is None:
        raise MvcError("no terms defined", hint="mvc bisect start --term-bad=slow --term-good=fast")
    bad, good = map(quoted, search.terms)
    if which is not None:
        session.output.show([good if which == "good" else bad])
        return
    both = [f"Your current terms are {good} for the old state", f"and {bad} for the new state."]
    session.output.show(both)


@command.command("log")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def log(session: Session, as_json: bool) -> None:
    """Show what was said so far, as `bisect replay` understands it."""
    search = session.repository.bisect.search
    if search is None:
        raise MvcError("We are not bisecting.", hint="mvc bisect start BAD GOOD")
    if as_json:
        session.output.document("bisect-log", documents.bisection(search))
        return
    session.output.page(map(quoted, search.log))


@command.command("replay")
@click.argument("file", shell_complete=completing.files)
@click.pass_obj
def replay(session: Session, file: str) -> int:
    """Say again what a log says, mvc's or Git's, without the lines that were wrong."""
    try:
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise MvcError(f"cannot read file '{file}' for replaying") from error
    return show(session, session.repository.bisect.replay(text))


def _visualizing(name: str) -> click.Command:
    @click.command(name, help="Show the commits that it could still be, as `mvc log` does.")
    @click.option("--oneline", is_flag=True, help="One line a commit.")
    @click.option("--stat", is_flag=True, help="Which files changed.")
    @click.pass_context
    def visualize(context: click.Context, oneline: bool, stat: bool) -> None:
        from mvc.cli.log import command as log_command

        search = context.obj.repository.bisect.search
        if search is None:
            raise MvcError("We are not bisecting.", hint="mvc bisect start BAD GOOD")
        words = (search.bad or "HEAD", *(f"^{id_}" for id_ in search.good), "--", *search.paths)
        context.invoke(
            log_command, arguments=words, oneline=oneline, changes="stat" if stat else None
        )

    return visualize


for _name in ("visualize", "view"):
    command.add_command(_visualizing(_name))


@command.command("reset")
@click.argument("commit", required=False, shell_complete=completing.revisions)
@quiet
@click.pass_obj
def reset(session: Session, commit: str | None) -> None:
    """End the search, and go back to where it was started, or to COMMIT."""
    repository = session.repository
    before = repository.branch
    if not repository.bisect.reset(commit) and commit is None:
        session.output.show(["We are not bisecting."])
        return
    way = "Already on" if repository.branch == before is not None else "Switched to branch"
    session.output.note([switched(repository, way)])


@command.command(
    "run", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False}
)
@click.option("--metric", metavar="NAME", help="Judge by a number that the command prints.")
@click.option("--max-increase", metavar="X|X%", help="Bad: more than this above the good commit.")
@click.option("--max-decrease", metavar="X|X%", help="Bad: more than this below the good commit.")
@click.option("--above", metavar="X", help="Bad: above X.")
@click.option("--below", metavar="X", help="Bad: below X.")
@click.option("--again", is_flag=True, help="Measure also what was measured before.")
@click.option(
    "--data", multiple=True, metavar="FILE", help="What a built-in evaluator measures on."
)
@click.option(
    "--layers", metavar="COMMIT", help="Which layer of this one step is bad; needs no search."
)
@click.option("--json", "as_json", is_flag=True, help="With --layers: for programs.")
@click.argument("cmd", nargs=-1, metavar="[--] CMD...", type=click.UNPROCESSED)
@click.pass_obj
def run(
    session: Session,
    /,
    cmd: tuple[str, ...],
    metric: str | None,
    again: bool,
    data: tuple[str, ...],
    layers: str | None,
    as_json: bool,
    **ways: str | None,
) -> int:
    """Test with a command: exit code 0 is good, 125 can't be tested, 1 to 127 is bad, others end it.

    With --metric the command prints a number, or JSON that has NAME. Without a command a built-in evaluator of
    that name measures on --data, and nothing is checked out. What was measured is remembered with the weights
    (mvc metric), also for the next search; with --data only what was measured on the same files counts.

    With --layers it is layers that are halved: of the commit named, against its parent. Nothing is written.
    """
    from mvc.cli import bisect_layers, bisect_run
    from mvc.history.tolerance import Tolerance

    given = [(way, text) for way in _WAYS if (text := ways[way.replace("-", "_")]) is not None]
    if metric is None:
        if given or again or data or layers is not None:
            raise UsageError("a limit needs --metric", hint="mvc bisect run --metric NAME … -- CMD")
        if not cmd:
            raise UsageError(
                "bisect run failed: no command provided.", hint="mvc bisect run ./test.sh"
            )
        return bisect_run.run(session, cmd)
    if len(given) != 1:
        raise UsageError(
            "--metric takes one of --max-increase, --max-decrease, --above and --below",
            hint=f"mvc bisect run --metric {metric} --max-increase 3% -- CMD",
        )
    way, text = given[0]
    tolerance = Tolerance.parse(way, text)  # type: ignore[arg-type]
    if cmd and (data or layers is not None):
        word = "--data" if data else "--layers"
        raise UsageError(f"{word} is for a built-in evaluator", hint="name files in the command")
    if layers is not None:
        if again:
            raise UsageError("--again is for a search over commits", hint="leave it out")
        return bisect_layers.run(session, layers, metric, tolerance, data=data, as_json=as_json)
    if as_json:
        raise UsageError("--json is for --layers", hint="mvc bisect log --json")
    return bisect_run.run_metric(session, cmd, metric, tolerance, again=again, data=data)
