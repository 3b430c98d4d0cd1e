"""Which files are weights, and which of them are protected: what the hook's arguments say.

A glob without a slash fits the name of a file in any folder; one with a slash the whole path from the top of
the repository, where ``*`` also crosses slashes; and a glob that fits a folder fits all below it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mvc.worktree.candidates import WEIGHTS

Globs = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """``include`` adds to mvc's own suffixes; ``opaque`` are taken as plain bytes; ``untracked`` are weights
    that Git does not track; ``protect`` (paths) and ``protect_tensors`` (names) may only change under
    ``allow`` (paths).
    """

    include: Globs = ()
    exclude: Globs = ()
    opaque: Globs = ()
    untracked: Globs = ()
    protect: Globs = ()
    protect_tensors: Globs = ()
    allow: Globs = ()

    def pathspecs(self) -> list[str]:
        """What to ask Git for; ``exclude`` is still to be applied."""
        return [*(f":(icase)*{suffix}" for suffix in WEIGHTS), *_pathspecs(self.include)]

    def untracked_pathspecs(self) -> list[str]:
        """The same for weights beside Git; none where nothing asks for them."""
        return list(_pathspecs(self.untracked))

    def wanted(self, paths: Iterable[str]) -> Iterator[str]:
        """Those of ``paths`` that are not excluded."""
        return (path for path in paths if not fits(path, self.exclude))

    def protects(self, path: str, tensors: Iterable[str]) -> bool:
        """Whether a change of the file, or of these tensors in it, is refused."""
        if fits(path, self.allow):
            return False
        return fits(path, self.protect) or any(
            fnmatchcase(name, glob) for name in tensors for glob in self.protect_tensors
        )


def fits(path: str, globs: Globs) -> bool:
    """Whether one of ``globs`` fits the path, its file name or a folder above it."""
    return any(_fits(path, glob.rstrip("/")) for glob in globs)


def _fits(path: str, glob: str) -> bool:
    if fnmatchcase(path, glob) or fnmatchcase(path, f"{glob}/*"):
        return True
    return "/" not in glob and fnmatchcase(path.rpartition("/")[2], glob)


def _pathspecs(globs: Globs) -> Iterator[str]:
    for glob in globs:
        yield f":(top){glob}"
        if "/" not in glob:
            yield f":(top)*/{glob}"
