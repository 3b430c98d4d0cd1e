"""A pipeline in a repository: a commit a step; one that is refused ends it, with those before it in place."""

from __future__ import annotations

from collections.abc import Callable

from compress.events import Report, unheard
from compress.operations import of as operation_of
from compress.pipelines.pipeline import Pipeline
from compress.running import Taken, take
from mvc.errors import MvcError, UsageError
from mvc.repository import Repository


def run(
    repo: Repository,
    pipeline: Pipeline,
    *,
    report: Report = unheard,
    begin: int = 1,
    dry_run: bool = False,
    landed: Callable[[Taken], None] = lambda taken: None,
) -> list[Taken]:
    """Take the steps from number ``begin`` on; ``landed`` hears of each.

    ``dry_run``: tell the first of them from a few blocks and commit nothing; what the others do to the model
    depends on it.

    Raises:
        Refused: the guard said no to one; those before it are commits.
        UsageError: there is no step ``begin``.
        As ``compress.running.take``.
    """
    count = len(pipeline.stages)
    if not 1 <= begin <= count:
        raise UsageError(f"there is no step {begin}: the pipeline has steps 1 to {count}")
    if dry_run:
        stage = pipeline.stages[begin - 1]
        if operation_of(stage.recipe).change is not None:
            report("note", text=f"what step {begin} does can't be told from a part of it")
            return []
        told = take(repo, stage.recipe, stage.options, report=report, dry_run=True, sample=True)
        landed(told)
        return [told]
    done = []
    for number, stage in enumerate(pipeline.stages[begin - 1 :], begin):
        operation = operation_of(stage.recipe)
        report("step", number=number, of=count, operation=operation.name)
        try:
            taken = take(repo, stage.recipe, stage.options, report=report)
        except MvcError:
            report(
                "note",
                text=f"step {number} of {count} did not land; --begin {number} goes on from it",
            )
            raise
        done.append(taken)
        landed(taken)
    return done
