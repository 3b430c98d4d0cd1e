"""A pipeline in a repository: a commit a step; one that is refused ends it, with those before it in place."""

from __future__ import annotations

from compress.events import Report, unheard
from compress.operations import of as operation_of
from compress.pipelines.pipeline import Pipeline
from compress.running import Taken, take
from mvc.repository import Repository


def run(
    repo: Repository, pipeline: Pipeline, *, report: Report = unheard, begin: int = 1
) -> list[Taken]:
    """Take the steps from number ``begin`` on.

    Raises:
        Refused: the guard said no to one; those before it are commits.
        As ``compress.running.take``.
    """
    done = []
    for number, stage in enumerate(pipeline.stages, 1):
        if number < begin:
            continue
        operation = operation_of(stage.recipe)
        report("step", number=number, of=len(pipeline.stages), operation=operation.name)
        done.append(take(repo, stage.recipe, stage.options, report=report))
    return done
