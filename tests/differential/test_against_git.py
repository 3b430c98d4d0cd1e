"""The same history in Git and in mvc: the same commits, statuses, merges, conflicts and refusals.

Both tools are given the same words; after each step all that can be seen of the two repositories must be equal.
"""

from __future__ import annotations

from differential.histories import Tally, play
from differential.programs import Program, programs
from hypothesis import given, settings

TALLY = Tally()


@given(programs)
@settings(max_examples=8)
def test_what_git_makes_of_a_history_mvc_makes_of_it(program: Program) -> None:
    play(program, TALLY)
