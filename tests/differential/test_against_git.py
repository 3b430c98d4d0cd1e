"""The same history in Git and in mvc: the same commits, statuses, merges, conflicts and refusals.

Both tools are given the same words, and after each step all that can be seen of the two repositories must be
equal (``seen.py``). A model is one text in Git, whose lines merge as its tensors do (``blocks.py``), so that
nothing about a file differs: what is staged, in the way, deleted here and changed there. By design they part in
a few places, and histories do not go there:

- Git follows files that were moved and changed; mvc those that were moved as they are, and what was moved on
  one side and deleted or moved elsewhere on the other is no conflict. The same goes for a file in the way of a
  folder.
- What a merge can't settle is markers in Git's file, and lines of the manifest in mvc: until it is settled,
  nothing is staged but what settles it.
- Of two models of one name without a common past, mvc takes every tensor that only one of them has.
- A command that moves nothing leaves no line in mvc's reflogs.
- A file in the way of ``switch`` or ``merge`` that already is as it will be is no unsaved work in mvc.
- ``reset --hard`` and ``switch -f`` overwrite no file that nobody tracks in mvc.
- Of several reverts one that is refused without a conflict is tried again by ``revert --continue``, and
  such a row is nothing that waits if it was the first; ``reset`` gives up the whole row. Meanwhile a merge and
  another branch have to wait.
- In the middle of a revert mvc refuses what both refuse in the middle of a merge: to amend, to merge, to stash.
- A revert of a revert is called ``Reapply``, as by Git since 2.43.
- A stash brings no renames along; ``log --all`` shows none of it.
"""

from __future__ import annotations

import os

import pytest
from differential.histories import play
from differential.programs import Program, programs
from hypothesis import HealthCheck, Phase, given, settings

#: The same few histories every time: a gate must not depend on luck. Finding is the long run's part.
#: Shrinking takes longer than reading what a history did.
SOME = settings(
    max_examples=5,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
MANY = settings(SOME, derandomize=False, max_examples=int(os.environ.get("MVC_HISTORIES", "3000")))


@SOME
@given(programs)
def test_what_git_makes_of_a_history_mvc_makes_of_it(program: Program) -> None:
    play(program)


@pytest.mark.slow
@MANY
@given(programs)
def test_what_git_makes_of_thousands_of_histories_mvc_makes_of_them(program: Program) -> None:
    play(program)
