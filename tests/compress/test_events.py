"""The events of a run: what the page lists is what is said, in an order that programs can rely on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from test_command import QUICK, ada, typed  # noqa: F401

from mvc.repository import Repository

pytestmark = pytest.mark.torch

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "compression.md"
GOLDEN = Path(__file__).with_name("golden") / "events.json"


def told(*words: str) -> list[dict[str, Any]]:
    """The events of a command."""
    done, _ = typed(*words, "--json")
    return [json.loads(line) for line in done.output.splitlines()]


def shapes(events: list[dict[str, Any]]) -> list[list[Any]]:
    """Names and keys in their order, a run of one kind once, values by their kind."""
    found: list[list[Any]] = []
    for event in events:
        kinds = {key: _kind(key, value) for key, value in sorted(event.items()) if key != "event"}
        if not found or found[-1] != [event["event"], kinds]:
            found.append([event["event"], kinds])
    return found


def _kind(key: str, value: Any) -> str:
    fixed = key in ("schema", "of", "metric", "limit", "refused", "ref") and not isinstance(
        value, int
    )
    return value if fixed or isinstance(value, bool) else type(value).__name__


def listed() -> dict[str, set[str]]:
    """Of each event of the page its fields."""
    text = PAGE.read_text("utf-8").partition("## Events")[2]
    found: dict[str, set[str]] = {}
    for names, fields in re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", text, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", names):
            found[name] = set(re.findall(r"`(\w+)`", fields))
    return found


def test_a_run_s_events_are_those_of_the_golden_file(ada: Repository) -> None:  # noqa: F811
    runs = {
        "landed": told("prune", "--sparsity", "10%", *QUICK, "--limit", "none"),
        "refused": told("prune", "--sparsity", "90%", *QUICK),
        "rolled back, and refused": told(
            *("prune", "--sparsity", "90%", *QUICK, "--rollback", "model.layers.0.*")
        ),
        "dry run": told("prune", "--sparsity", "50%", *QUICK, "--dry-run"),
        "wave": told("prune", "--waves", "2", "--to", "90%", *QUICK, "--limit", "none"),
    }
    found = {name: shapes(events) for name, events in runs.items()}
    assert found == json.loads(GOLDEN.read_text("utf-8")), json.dumps(found, indent=1)

    page = listed()
    metrics = {"accuracy", "agreement", "kl", "loss", "perplexity"}
    for name, keys in [one for run in found.values() for one in run]:
        allowed = page[name] | (page["verdict"] if name == "foretold" else set())
        assert keys.keys() <= allowed | (metrics if name == "measured" else set()), name
