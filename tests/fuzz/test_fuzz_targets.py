"""Every target holds on its seeds, on what fuzzing once found, and on some bytes of hypothesis' own."""

from __future__ import annotations

import pytest
from fuzz.findings import FINDINGS
from fuzz.places import PLACES
from fuzz.seeds import seeds
from fuzz.targets import PARSERS, Target
from hypothesis import given
from hypothesis import strategies as st

TARGETS = [*PARSERS, *PLACES]


def _name(target: Target) -> str:
    return target.__name__


@pytest.mark.parametrize("target", TARGETS, ids=_name)
def test_the_property_holds_on_the_seeds_and_on_their_halves(target: Target) -> None:
    made = seeds(target)
    assert made
    for data in made:
        target(data)
        target(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("target", "data"),
    [pytest.param(t, d, id=why) for t, cases in FINDINGS.items() for why, d in cases.items()],
)
def test_what_fuzzing_found_stays_mended(target: Target, data: bytes) -> None:
    target(data)


@pytest.mark.parametrize("target", PARSERS, ids=_name)
@given(data=st.data())
def test_the_property_holds_on_a_seed_with_a_piece_replaced(
    target: Target, data: st.DataObject
) -> None:
    seed = data.draw(st.sampled_from(seeds(target)))
    at = data.draw(st.integers(0, len(seed)))
    target(seed[:at] + data.draw(st.binary(max_size=8)) + seed[at + data.draw(st.integers(0, 8)) :])
