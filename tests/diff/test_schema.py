"""The JSON form of a difference is plain data, and has the documented keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mvc.diff.models import Difference, compare_sides
from mvc.diff.schema import as_json
from mvc.history.manifest import Conflict

Side = Callable[[], Any]
ONE = np.array([1.0, 2.0], "f4")
TWO = np.array([1.0, 3.0], "f4")


def everything(side: Side) -> Difference:
    """A difference in which every optional part is there."""
    old = side().add_model("m.pt", {"a": ONE, "c": ONE, "gone": ONE[:1]}).add_text("t", "1\n")
    terms = Conflict("c", None, old.entry("c", ONE), old.entry("c", TWO))
    new = side().add_model("m.pt", {"a": TWO, "come": TWO}, conflicts=(terms,)).add_text("t", "2\n")
    return compare_sides(old, new.add_bytes("v.bin", b"xyz"))


def keys(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(keys, value))
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set()


def test_the_json_form_is_plain_and_complete(side: Side) -> None:
    plain = as_json(everything(side))
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    changed, conflict, _, added = plain["models"][0]["tensors"]
    assert changed["stats"]["changed_share"] == 0.5
    assert changed["old"]["shape"] == [2]
    assert (conflict["status"], conflict["conflict"]["base"]) == ("conflict", None)
    assert (added["status"], added["new"]) == ("removed", None)
    assert plain["files"][1]["text"]["lines"][-2:] == ["-1", "+2"]
    assert plain["files"][2]["new"] == {
        "path": "v.bin",
        "mode": "100644",
        "blob": plain["files"][2]["new"]["blob"],
        "size": 3,
        "kind": "bytes",
    }


def test_every_key_of_the_json_form_is_documented(side: Side) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "diff.md"
    documented = set(re.findall(r"`([a-z0-9_]+)`", page.read_text("utf-8")))
    assert keys(as_json(everything(side))) <= documented


def test_numbers_beyond_float64_are_null(side: Side) -> None:
    old = side().add_model("m.pt", {"a": np.array([-1.7e308, 1.0])})
    new = side().add_model("m.pt", {"a": np.array([1.7e308, 1.0])})
    stats = as_json(compare_sides(old, new))["models"][0]["tensors"][0]["stats"]
    assert stats["max_abs"] is None
    assert stats["relative_l2"] == 2.0


def test_nothing_is_an_empty_form(side: Side) -> None:
    nothing = compare_sides(side(), side())
    assert as_json(nothing) == {"files": [], "models": []}
