"""The weights of the next commit: what Git has staged, read from the work tree, against what is recorded.

Owns the decision what is read, believed from the stat cache, or kept as recorded. A file that was staged as
the work tree has it is read there; one that changed later is not part of the commit. Nothing is written but
the stat cache. It says what it found and decides nothing about it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from shlex import quote

from hooks import git
from hooks.git import Place, Staged
from hooks.rules import Rules, fits
from hooks.stat_cache import StatCache
from hooks.weight_hashes import NAME, Conflicted, Weight, Weights, decode
from mvc import limits
from mvc.errors import FormatError, MalformedFile, MvcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hooks.weight_file import Seen

#: Called, from any thread, with the path of a file that is about to be read.
Reading = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recorded:
    """``.weight_hashes.json`` of the work tree: its weights, or why it can't be used.

    Where it can't, ``files`` are those of HEAD's, so that what is protected stays so.
    """

    files: Weights
    fault: str | None = None
    missing: bool = False


@dataclass(slots=True)
class Found:
    """``files``: the weights as they are; ``problems``: (message, hint) for those that can't be told.

    ``hashes``: the state of ``.weight_hashes.json`` in the index; None where it is not tracked.
    """

    files: dict[str, Weight] = field(default_factory=dict)
    problems: list[tuple[str, str | None]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hashes: Staged | None = None


def recorded(place: Place) -> Recorded:
    """What the work tree's ``.weight_hashes.json`` says.

    Raises:
        FormatError: a newer mvc wrote it.
        MvcError: it can't be read.
    """
    try:
        with open(os.path.join(place.root, NAME), "rb") as file:
            if os.fstat(file.fileno()).st_size > limits.SKELETON:
                raise MalformedFile(f"{NAME} is longer than {limits.SKELETON} bytes")
            return Recorded(decode(file.read()))
    except FileNotFoundError:
        return Recorded(committed(place), f"there is no {NAME}", missing=True)
    except OSError as error:
        raise MvcError(f"can't read {NAME}: {error.strerror or error}") from error
    except Conflicted as error:
        return Recorded(committed(place), error.message)
    except FormatError as error:
        if error.hint:  # not damaged, but newer: it is not ours to replace
            raise
        return Recorded(committed(place), error.message)


def committed(place: Place) -> Weights:
    """What HEAD's ``.weight_hashes.json`` says; nothing where there is none, or a damaged one."""
    data = git.committed(place.root, NAME)
    try:
        return decode(data) if data is not None else {}
    except FormatError:
        return {}


def survey(
    place: Place, rules: Rules, known: Weights, reading: Reading, *, trusting: bool
) -> Found:
    """Look at all weights; ``known`` is what is recorded. ``reading`` hears of each file that is read.

    ``trusting``: files that the stat cache knows are not read. Otherwise every file that is here is read,
    staged as it is or not: what CI wants.

    Raises:
        MvcError: Git can't say what is staged.
    """
    index = git.staged(place.root, [*rules.pathspecs(), f":(top){NAME}"])
    found = Found(hashes=index.pop(NAME, None))
    reader = _Reader(place, rules, known, StatCache(place.folder), found, trusting, reading)
    for path in rules.wanted(index):
        reader.take(path, index[path])
    reader.take_untracked(index)
    reader.finish()
    found.files = dict(sorted(found.files.items()))
    reader.cache.save(found.files)
    return found


@dataclass(slots=True)
class _Reader:
    place: Place
    rules: Rules
    known: Weights
    cache: StatCache
    found: Found
    trusting: bool
    reading: Reading
    unread: list[str] = field(default_factory=list)

    def take(self, path: str, staged: Staged) -> None:
        """A path of the index."""
        if staged.unmerged:
            self._refuse(f"{path} is unmerged", f"settle it, then git add {quote(path)}")
        elif staged.regular:  # a link's or submodule's content is elsewhere
            present = os.path.lexists(os.path.join(self.place.root, path))
            if not present or (staged.later and self.trusting):
                self._keep(path, staged)
            else:
                self._read(path)

    def take_untracked(self, index: Mapping[str, Staged]) -> None:
        """Weights beside Git, and those of them that are recorded but not here."""
        here = git.untracked(self.place.root, self.rules.untracked_pathspecs())
        for path in self.rules.wanted(here):
            self._read(path)
        for path in self.rules.wanted(self.known):
            absent = path not in index and path not in here
            if absent and fits(path, self.rules.untracked) and not fits(path, self.rules.allow):
                self.found.files[path] = self.known[path]
                self.found.notes.append(f"{path} is not here: its entry stays")

    def _keep(self, path: str, staged: Staged) -> None:
        """A file of which the work tree has not what is staged."""
        if path in self.known and not staged.changed:
            self.found.files[path] = self.known[path]
            self.found.notes.append(
                f"{path} is not in the work tree as it is staged: not looked at"
            )
        else:
            self._refuse(
                f"{path} has changed since it was staged",
                f"git add {quote(path)}; or put the later change aside: git stash --keep-index",
            )

    def _read(self, path: str) -> None:
        """Believe what is known of the file, or put it on the list of those to be read."""
        known = self.known.get(path)
        try:
            status = os.lstat(os.path.join(self.place.root, path))
        except OSError as error:
            self._refuse(f"can't read {path}: {error.strerror or error}")
            return
        opaque = fits(path, self.rules.opaque)
        if self.trusting and known and self.cache.knows(path, status, known, opaque):
            self.found.files[path] = known
        else:
            self.unread.append(path)

    def finish(self) -> None:
        """Read what is on the list; several files at a time, one thread of two each."""
        if len(self.unread) > 1:
            from mvc.store.workers import run

            outcomes = run(self._look, self.unread)
        else:
            outcomes = map(self._look, self.unread)
        for path, seen in zip(self.unread, outcomes, strict=True):
            if isinstance(seen, MvcError):
                self._refuse(seen.message, seen.hint)
            else:
                self._accept(path, seen, fits(path, self.rules.opaque))

    def _look(self, path: str) -> Seen | MvcError:
        from hooks import weight_file  # 30 ms that a commit without new weights doesn't need

        self.reading(path)
        try:
            return weight_file.look(self.place.root, path, opaque=fits(path, self.rules.opaque))
        except MvcError as error:
            return error

    def _accept(self, path: str, seen: Seen, opaque: bool) -> None:
        known, weight = self.known.get(path), seen.weight
        if seen.partial:
            if known is None or (known.sha256, known.size) != (weight.sha256, weight.size):
                self._refuse(
                    f"{path} is a Git LFS pointer to other weights than those recorded: "
                    "its tensors are not here",
                    f"git lfs pull --include {quote(path)}",
                )
                return
            weight = known
        self.found.files[path] = weight
        self.cache.learn(path, seen, weight, opaque)

    def _refuse(self, message: str, hint: str | None = None) -> None:
        self.found.problems.append((message, hint))
