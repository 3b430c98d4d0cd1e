"""One history played by both tools, and compared after every step."""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from differential.blocks import of_text, origin_of
from differential.git_side import ENDS, MERGING, BeyondCompareError, GitSide
from differential.mvc_side import MvcSide
from differential.programs import BEGINNING, Delete, Edit, Flip, Program, Run, Settle, Step, Wait

_PEOPLE = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", role.title()), ("EMAIL", f"{role.lower()}@example.org"))
}
_START = 1_700_000_000
#: What changes the stage or files where a conflict is: Git takes markers for content, mvc has none in models.
_NOT_IN_A_CONFLICT = ("add", "rm", "mv", "restore", "checkout")


@dataclass
class Tally:
    """How much was compared."""

    histories: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    beyond: int = 0

    def __str__(self) -> str:
        return (
            f"{self.histories} histories, {self.steps.total()} steps ({self.refused} refused by both), "
            f"{self.beyond} histories left where they part by design"
        )


#: Of the whole run.
TALLY = Tally()


class Game:
    """Both worlds, side by side."""

    def __init__(self, folder: Path, tally: Tally) -> None:
        self._time = _START
        self.environment = {**_PEOPLE, "GIT_EDITOR": "true", "HOME": str(folder)}
        self.environment |= {
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C",
            "EDITOR": "true",
            "TZ": "UTC",
        }
        self._wait(0)
        for name in ("git", "mvc"):
            (folder / name).mkdir()
        self.git = GitSide(folder / "git", self.environment)
        self.mvc = MvcSide(folder / "mvc", self.environment)
        self.tally = tally
        self._done: list[Step] = []

    def play(self, program: Program, *, begin: bool = True) -> None:
        """Take every step with both tools, from the first commit on.

        Raises:
            AssertionError: they do not agree.
        """
        self.tally.histories += 1
        try:
            self.more([*BEGINNING, *program] if begin else program)
        except BeyondCompareError:
            self.tally.beyond += 1

    def more(self, program: Program) -> None:
        """Go on."""
        for step in program:
            if self._comparable(step):
                self._done.append(step)
                self._take(step)

    def _take(self, step: Step) -> None:
        done, said = self._done, ""
        if isinstance(step, Run):
            theirs, their_words = self.git.command(step.words)
            ours, our_words = self.mvc.command(step.words)
            said = f"git {theirs}: {their_words}\nmvc {ours}: {our_words}"
            went_on = ours or "CONFLICT (" in our_words
            if went_on and not theirs and self._in_the_way_as_it_should_be(their_words):
                raise BeyondCompareError
            if theirs and not ours and _keeps_untracked(step.words, our_words):
                raise BeyondCompareError
            assert theirs == ours, f"{_story(done)}\n{said}"
            self.tally.refused += not ours
            if not ours and step.words[0] in (*MERGING, "stash"):
                self._refuse_new_models()
        elif isinstance(step, Edit):
            self._edit(step)
        elif isinstance(step, Settle):
            self.git.settle(step.side)
            self.mvc.settle(step.side)
        elif isinstance(step, Wait):
            self._wait(step.seconds)
            return
        else:
            self._touch(step)
        self.tally.steps[step.words[0] if isinstance(step, Run) else type(step).__name__] += 1
        theirs_seen, ours_seen = self.git.seen(), self.mvc.seen()
        assert theirs_seen == ours_seen, (
            f"{_story(done)}\n{said}\n{theirs_seen.differences(ours_seen)}"
        )

    def _in_the_way_as_it_should_be(self, refusal: str) -> bool:
        """Whether Git refused to overwrite files that in mvc, which went on, are still the same."""
        found = _IN_THE_WAY.search(refusal)
        if found is None:
            return False
        theirs, ours = self.git.seen().work, self.mvc.seen().work
        return all(theirs[path] == ours[path] for path in found[1].split())

    def _refuse_new_models(self) -> None:
        """Two models of one name that have no common past: mvc takes a tensor that one of them has."""
        for path, stages in self.git.unmerged().items():
            if "1" not in stages and path.endswith(".safetensors"):
                raise BeyondCompareError

    def _comparable(self, step: Step) -> bool:
        if isinstance(step, Settle | Wait):
            return True
        back = isinstance(step, Run) and _BACK.intersection(step.words)
        if back and (self.git.silent_moves() or self.mvc.silent_moves()):
            return False
        if self.git.reverting() and isinstance(step, Run) and _apart_from_a_revert(step.words):
            return False
        if self.git.rebasing() and isinstance(step, Run) and not _in_a_rebase(step.words):
            return False
        if self.git.going_on() and isinstance(step, Run) and not self._of_a_row(step.words):
            return False
        if not self.git.unmerged():
            return not (isinstance(step, Run) and step.words[:2] in _POPS) or self._can_pop()
        if not isinstance(step, Run):
            return False
        words = step.words
        mixed = words[0] == "reset" and "--hard" not in words and "--soft" not in words
        return not (words[0] in _NOT_IN_A_CONFLICT or words[:2] == ("commit", "-a") or mixed)

    def _of_a_row(self, words: tuple[str, ...]) -> bool:
        """What both take alike while more commits are to be reverted.

        One that was refused mvc tries again where Git leaves it out, and a merge or another branch have to
        wait in mvc.
        """
        if words == ("revert", "--continue") and not self.git.reverting():
            return self.git.to_do() > self.mvc.to_do()
        return (
            words[0] in _ALONG
            or words[:2] in _ROW
            or (words[0] == "reset" and "--soft" not in words)
        )

    def _can_pop(self) -> bool:
        """Not where a file has been moved since: Git's stash would follow one that was changed as well."""

        def names(revision: str) -> set[str]:
            return set(self.git.run("ls-tree", "-r", "--name-only", revision)[1].split())

        staged = set(self.git.run("ls-files")[1].split())
        return names("stash") == names("stash^1") == names("stash^2") == staged

    def _edit(self, step: Edit) -> None:
        place = self.git.root / step.path
        if place.is_dir() or any(part.is_file() for part in place.parents):
            return
        text = place.read_text() if place.exists() else ""
        values = of_text(text) if text else {}
        values.pop(step.name, None)
        if step.value is not None:
            values[step.name] = float(step.value)
        for side in (self.git, self.mvc):
            side.write(step.path, origin_of(text) if text else step.path, values)

    def _touch(self, step: Delete | Flip) -> None:
        for side in (self.git, self.mvc):
            place = side.root / step.path
            if not place.is_file():
                return
            if isinstance(step, Delete):
                place.unlink()
            else:
                place.chmod(place.stat().st_mode ^ 0o111)

    def _wait(self, seconds: int) -> None:
        self._time += seconds
        for role in ("AUTHOR", "COMMITTER"):
            self.environment[f"GIT_{role}_DATE"] = f"{self._time} +0000"


#: Names for where HEAD and a branch have been.
_BACK = {"HEAD@{1}", "main@{1}", "@{-1}", "-"}
_IN_THE_WAY = re.compile(r"would be overwritten by (?:checkout|merge):\n((?:\t.*\n)+)")
#: While more commits are to be reverted.
_ALONG = ("add", "commit", "rm", "mv", "restore", "tag")
_ROW = {
    (verb, end) for verb in ("revert", "cherry-pick") for end in ("--abort", "--continue", "--skip")
}
_POPS = (("stash", "pop"), ("stash", "apply"))


def play(program: Program, tally: Tally = TALLY) -> None:
    """Play ``program`` in a new folder, in memory where the system has such a place."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="mvc-differential-", dir=memory) as folder:
        Game(Path(os.path.realpath(folder)), tally).play(program)


def _keeps_untracked(words: tuple[str, ...], refusal: str) -> bool:
    """Whether mvc did not let a file go that nobody tracks, which Git's hard reset overwrites."""
    forced = "--hard" in words or words[:2] == ("switch", "-f")
    return forced and "untracked files would be overwritten" in refusal


def _in_a_rebase(words: tuple[str, ...]) -> bool:
    """What both take alike while a rebase waits: another branch, and what begins anew, have to wait in mvc."""
    return words[0] in ("add", "rm", "mv", "restore") or (words[0] == "rebase" and words[1] in ENDS)


def _apart_from_a_revert(words: tuple[str, ...]) -> bool:
    """What would leave an unfinished revert behind: Git lets it, mvc does not, as neither does in a merge."""
    if words[0] in ("merge", "revert", "cherry-pick"):
        return words[1] not in ENDS
    return words[0] == "stash" or "--amend" in words or "--soft" in words


def _story(done: list[Step]) -> str:
    """The steps, as one would type them."""
    lines = [" ".join(step.words) if isinstance(step, Run) else str(step) for step in done]
    return "\n" + "\n".join(lines)
