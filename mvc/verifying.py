"""Whether a file on disk is what a commit holds: by its bytes, else by its tensors; and who signed the commit.

Reached as ``repo.verify``. The file is hashed as ``add`` would hash it, in bounded memory; nothing is
written, and nothing is read from the store but what describes the commit's version.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from mvc.errors import UsageError
from mvc.history import revisions
from mvc.history.context import Context
from mvc.history.manifest import BYTES, Manifest
from mvc.history.snapshot import Snapshot
from mvc.history.undecided import carried
from mvc.ids import CommitId
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.diff.changes import TensorChange
    from mvc.history.judging import Judged
    from mvc.history.signing import Verifier

Sameness = Literal["equal", "tensors", "different"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``equal``: the same bytes. ``tensors``: the same tensors, and other bytes around them. ``different``: not
    even that; ``changes`` are the tensors that differ, of ``total``, where both are models. ``signatures``: of
    the tag that was named, and of the commit, where there are any.
    """

    same: Sameness
    path: str
    commit: CommitId
    changes: tuple[TensorChange, ...] = ()
    total: int = 0
    signatures: tuple[Judged, ...] = ()

    @property
    def forged(self) -> bool:
        """Whether a signature is bad, or is not about the weights that the commit has."""
        return any(one.check.status == "B" or one.root == "differs" for one in self.signatures)

    @property
    def vouched(self) -> bool:
        """Whether somebody who may sign has signed these weights, and no signature is forged."""
        return not self.forged and any(one.reaches for one in self.signatures)


def verify(
    context: Context,
    file: str,
    revision: str,
    path: str | None,
    verifier: Verifier,
    progress: Callable[[str, int, int], None] | None = None,
) -> Verdict:
    """Compare the file at the absolute path ``file`` with the tracked ``path`` of ``revision``.

    Without ``path`` it is the tracked file that ``file`` is, or else the only one of its name.

    Raises:
        UsageError: no such revision, or ``path`` is not tracked there, or must be given.
        FormatError: the file can't be taken as what the commit holds.
        StorageError: the file can't be read.
        SigningError: the program that judges signatures can't be run.
    """
    commit = revisions.resolve(context, revision)
    found = _matched(context, file, commit, path, progress)
    return replace(found, signatures=_signatures(context, revision, commit, verifier))


def _signatures(
    context: Context, revision: str, commit: CommitId, verifier: Verifier
) -> tuple[Judged, ...]:
    from mvc.history.judging import judge_commit, judge_tag

    found = [judge_commit(context, context.git.commit(commit), verifier)]
    if context.git.kind(revisions.resolve_object(context, revision)) == "tag":
        found.insert(0, judge_tag(context, revision, verifier))
    return tuple(one for one in found if one.signed)


def _matched(
    context: Context,
    file: str,
    commit: CommitId,
    path: str | None,
    progress: Callable[[str, int, int], None] | None,
) -> Verdict:
    from mvc.worktree.ingest import describe_open
    from mvc.worktree.reading import OpenFile, open_file

    if not os.path.lexists(file):
        raise UsageError(f"no such file: {file}")
    files = Snapshot.of_tree(context.git, context.git.commit(commit).tree)
    tracked = _tracked(context, files, file) if path is None else path
    if tracked not in files:
        raise UsageError(f"'{tracked}' is not tracked in {commit[:7]}", hint=f"mvc ls {commit[:7]}")
    earlier = files.manifest(tracked)
    opaque = earlier is not None and earlier.format == BYTES
    with open_file(*os.path.split(file)) as opened:
        # Its format is the tracked one's, whatever the copy is called.
        known = OpenFile(tracked, opened.file, opened.status, opened.seen)
        blob, manifest = describe_open(context, known, True, opaque=opaque, progress=progress)
    if earlier is not None and manifest is not None:
        manifest = carried(manifest, earlier.conflicts)  # undecided tensors are written as ours
    if blob == files[tracked][1] or manifest == earlier is not None:
        return Verdict("equal", tracked, commit)
    if earlier is None or manifest is None or not (earlier.values and manifest.values):
        return Verdict("different", tracked, commit)
    return _compared(tracked, commit, earlier, manifest)


def _compared(path: str, commit: CommitId, earlier: Manifest, manifest: Manifest) -> Verdict:
    from mvc.diff.tensors import tensor_changes

    changes = tuple(tensor_changes([(path, earlier)], [(path, manifest)], {}))
    total = len({*earlier.values, *manifest.values})
    return Verdict("different" if changes else "tensors", path, commit, changes, total)


def _tracked(context: Context, files: Snapshot, file: str) -> str:
    relative = os.path.relpath(file, context.root).replace(os.sep, "/")
    if relative in files:
        return relative
    name = os.path.basename(file)
    found = [path for path in files if path.rpartition("/")[2] == name]
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"{len(found) or 'no'} tracked files are called '{name}'",
        hint="say which one: mvc verify FILE PATH",
    )
