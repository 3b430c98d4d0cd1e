"""Which numbers a program's output has, and when one makes a commit a bad one."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import UsageError
from mvc.history.reported import last_number, numbers, value
from mvc.history.tolerance import Tolerance

LEAVES = st.none() | st.booleans() | st.text(max_size=5) | st.floats(allow_nan=False)
NESTED = st.recursive(
    LEAVES, lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=4), max_leaves=9
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("no numbers 3 {here}", {}),
        ('{"a": 1}\n{"a": 2, "b": {"c,none": 0.5}}\ndone\n', {"a": 2.0, "b.c,none": 0.5}),
        ('INFO: {"a": {"b": 1}, "c": 2} and more', {"a.b": 1.0, "c": 2.0}),
        ('{"a": 1}\n{"words": "only"}\n', {"a": 1.0}),
        ('{\n  "a": 1,\n  "b": [1, 2],\n  "c": true\n}\n', {"a": 1.0}),
        ('{"the name": 1, "x=y": 2}', {"the_name": 1.0, "x_y": 2.0}),
        ('{"a": 1} {"broken": ', {"a": 1.0}),
        ('{"a":' * 100_000, {}),
        ('{"a": ' + "9" * 5000 + '} {"b": 1}', {"b": 1.0}),
        ('{"a": ' + "9" * 400 + ', "b": 1}', {"b": 1.0}),
    ],
)
def test_the_last_object_with_numbers_counts(text: str, found: dict[str, float]) -> None:
    assert numbers(text) == found


@given(st.dictionaries(st.sampled_from("abcd"), NESTED, min_size=1, max_size=4), st.text())
def test_whatever_stands_around_it_an_object_is_read_as_a_whole(
    written: dict[str, object], before: str
) -> None:
    def leaves(one: object) -> int:
        if isinstance(one, dict):
            return sum(map(leaves, one.values()))
        return isinstance(one, float)

    text = f"{before.replace('{', '')}\n{json.dumps(written)}\nbye"
    assert len(numbers(text)) == leaves(written)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12.5\n", 12.5),
        ("step 3, loss = -1.5e-3", -1.5e-3),
        ("perplexity: 12.3.", 12.3),
        ("v1.2.3 nan", math.nan),
        ("model-7b", None),
        ("nothing", None),
    ],
)
def test_else_it_is_the_last_number(text: str, found: float | None) -> None:
    assert str(last_number(text)) == str(found)


def test_a_name_is_looked_for_at_the_end_of_keys_and_never_guessed() -> None:
    text = '{"results": {"mmlu": {"acc": 0.5}, "arc": {"acc": 0.6}}, "loss": 1}'
    assert value(text, "loss") == 1.0
    assert value(text, "mmlu.acc") == 0.5
    assert value(text, "acc") is None
    assert value("loss 1\n2.5", "loss") == 2.5


@pytest.mark.parametrize(
    ("way", "text", "good", "fine", "bad"),
    [
        ("max-increase", "3%", 10.0, 10.3, 10.31),
        ("max-increase", "3%", -10.0, -9.7, -9.69),
        ("max-increase", "0.5", 10.0, 10.5, 10.51),
        ("max-decrease", "10%", 0.5, 0.45, 0.44),
        ("above", "12", math.nan, 12.0, 12.01),
        ("below", "-1", math.nan, -1.0, -1.01),
        ("max-increase", "3%", 10.0, -math.inf, math.nan),
        ("max-increase", "0%", 0.0, 0.0, 1e-300),
    ],
)
def test_a_limit_is_still_good(way: str, text: str, good: float, fine: float, bad: float) -> None:
    tolerance = Tolerance.parse(way, text)  # type: ignore[arg-type]
    assert not tolerance.is_bad(fine, good)
    assert tolerance.is_bad(bad, good)


@pytest.mark.parametrize(
    ("way", "text"),
    [("max-increase", "-3%"), ("max-increase", "much"), ("above", "3%"), ("below", "nan")],
)
def test_what_is_no_limit_is_refused(way: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"--{way} takes no"):
        Tolerance.parse(way, text)  # type: ignore[arg-type]
