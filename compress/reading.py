"""What can be told of a repository's steps without computing anything: for ``status`` and programs."""

from __future__ import annotations

import json
from typing import Any

from compress.chain import chain, step_of, steps, taken_back
from compress.streaming.journal import Journal
from mvc.history.record import Json
from mvc.repository import Repository


def status(repo: Repository) -> dict[str, Any]:
    """``steps`` (newest first), ``dense``, ``invariants``, ``refused``, ``unfinished`` (``running``: still)."""
    found: dict[str, Any] = {"steps": [], "dense": None, "invariants": [], "refused": []}
    found["unfinished"] = _unfinished(repo)
    if repo.head is None:
        return found
    known = chain(repo)
    back = taken_back(repo)
    for step in steps(repo):
        by, whole = back.get(step.commit.id, (None, False))
        taken: dict[str, Json] | None = None if by is None else {"by": by, "whole": whole}
        found["steps"].append(
            {
                "commit": step.commit.id,
                "summary": step.commit.subject,
                "recipe": step.recipe,
                "metrics": dict(sorted(step.record.metrics.items())),
                "verdict": step.record.parameters.get("verdict"),
                "taken_back": taken,
            }
        )
    if known.newest is not None:
        found["dense"] = known.dense
        groups: dict[str, int] = {}
        for held in known.standing.held.values():
            text = json.dumps(dict(held), sort_keys=True)
            groups[text] = groups.get(text, 0) + 1
        found["invariants"] = [
            {"what": json.loads(text), "count": count} for text, count in sorted(groups.items())
        ]
    for number, commit in repo.steps.refused().items():
        tried = step_of(repo, commit)
        verdict = {} if tried is None else tried.record.parameters.get("verdict")
        reasons = verdict.get("reasons") if isinstance(verdict, dict) else []
        found["refused"].append(
            {
                "number": number,
                "commit": commit.id,
                "summary": commit.subject,
                "reasons": reasons or [],
                "metrics": {} if tried is None else dict(tried.record.metrics),
            }
        )
    return found


def _unfinished(repo: Repository) -> dict[str, Json] | None:
    journal = Journal(repo.folder)
    run = journal.run()
    if run is None:
        return None
    recipe = run.get("recipe")
    name = recipe.get("operation") if isinstance(recipe, dict) else None
    return {
        "summary": str(name),
        "recipe": recipe,
        "head": run.get("head"),
        "layers": len(journal.finished()),
        "running": journal.in_use(),
    }
