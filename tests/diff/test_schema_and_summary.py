"""The JSON form has the documented keys, and the summary says in words what was counted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mvc.diff.models import Difference, compare_sides
from mvc.diff.schema import as_json
from mvc.diff.summary import Stat, summary
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


def test_nothing_is_an_empty_form_and_an_empty_summary(side: Side) -> None:
    nothing = compare_sides(side(), side())
    assert as_json(nothing) == {"files": [], "models": []}
    assert summary(nothing) == ()


def test_the_summary_counts_tensors_and_lines(side: Side) -> None:
    assert summary(everything(side)) == (
        Stat("m.pt", "1 of 3 tensors changed, 1 added, 1 removed, 1 in conflict"),
        Stat("t", "2", insertions=1, deletions=1),
        Stat("v.bin", "Bin 0 -> 3 bytes"),
    )


def words(old: Any, new: Any) -> list[str]:
    return [stat.words for stat in summary(compare_sides(old, new))]


def test_the_summary_names_what_else_may_happen_to_a_model(side: Side) -> None:
    def model(*tensors: str, **more: Any) -> Any:
        return side().add_model("m.pt", dict.fromkeys(tensors, ONE), **more)

    assert words(side(), model("a")) == ["1 tensor added"]
    assert words(model("a", "b"), side()) == ["2 tensors removed"]
    assert words(model("a", "b"), model("a")) == ["1 of 2 tensors removed"]
    assert words(model("a"), model("b")) == ["1 of 1 tensor renamed"]
    assert words(model("a"), model("a", header="x")) == ["header changed"]
    assert words(model("a"), model("a", mode=0o100755)) == ["mode 100644 → 100755"]
    (stat,) = summary(compare_sides(model("a"), side().add_model("n.pt", {"a": ONE})))
    assert (stat.name, stat.old_name, stat.words) == ("n.pt", "m.pt", "renamed")
