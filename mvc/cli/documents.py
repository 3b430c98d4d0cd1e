"""What ``--json`` prints: one object a verb, as ``docs/reference/json.md`` has it.

Owns the shapes and nothing else: values in; dictionaries, lists, strings, numbers and None out. A key stays and
keeps its meaning, as long as the number after the verb in ``schema`` does; new keys may come without notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mvc.diff.describing import Described
    from mvc.history.bisection import Bisection
    from mvc.history.expired import Tombstone
    from mvc.history.git import Commit
    from mvc.history.metrics import Measured
    from mvc.history.operation import Operation
    from mvc.history.reflog import Move
    from mvc.history.signature import Signature
    from mvc.history.snapshot import Snapshot
    from mvc.history.stashes import Stashed
    from mvc.maintenance.usage import Usage
    from mvc.merge.rerunning import Rerun
    from mvc.searching import Found
    from mvc.worktree.status import Delta, Status

#: The number of every verb's shape; raised for the one whose keys go away or change their meaning.
_VERSION = 1


def document(verb: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """``content`` with the name of its schema: ``mvc.log/1``."""
    return {"schema": f"mvc.{verb}/{_VERSION}", **content}


def status(found: Status) -> dict[str, Any]:
    """What ``status`` saw."""
    return {
        "branch": found.branch,
        "head": found.head,
        "unfinished": found.unfinished,
        "bisecting": found.bisecting,
        "staged": _deltas(found.staged),
        "unstaged": _deltas(found.unstaged),
        "untracked": list(found.untracked),
        "conflicts": [{"path": one.path, "kind": one.kind} for one in found.conflicts],
        "skipped": [{"path": path, "reason": reason} for path, reason in found.skipped],
        "undecided": [{"path": path, "tensors": list(names)} for path, names in found.undecided],
    }


def _deltas(deltas: Iterable[Delta]) -> list[dict[str, Any]]:
    return [{"kind": d.kind, "path": d.path, "old_path": d.old_path} for d in deltas]


def commit(found: Commit, tombstone: Tombstone | None) -> dict[str, Any]:
    """A commit as its object says it, and whether its weights were let go."""
    return {
        "id": found.id,
        "tree": found.tree,
        "parents": list(found.parents),
        "author": person(found.author),
        "committer": person(found.committer),
        "subject": found.subject,
        "message": found.message,
        "expired": tombstone and {"time": tombstone.time, "rule": tombstone.rule},
    }


def person(who: Signature) -> dict[str, Any]:
    """Who and when: seconds since 1970, and minutes east of Greenwich."""
    return {"name": who.name, "email": who.email, "time": who.time, "offset": who.offset}


def tracked_file(files: Snapshot, path: str) -> dict[str, Any]:
    """A file of a commit or of the stage with its tensors."""
    manifest = files.manifest(path)
    mode, blob = files[path]
    common: dict[str, Any] = {"path": path, "mode": f"{mode:o}", "blob": blob}
    if manifest is None:
        size = len(files.blob(path))
        return {**common, "format": "text", "size": size, "tensors": [], "undecided": []}
    tensors = [
        {"name": e.name, "dtype": e.dtype, "shape": list(e.shape), "id": e.id}
        for e in manifest.written
    ]
    return {
        **common,
        "format": manifest.format,
        "size": manifest.size,
        "tensors": tensors,
        "undecided": [conflict.name for conflict in manifest.conflicts],
    }


def move(found: Move) -> dict[str, Any]:
    """An entry of a reflog."""
    return {"old": found.old, "new": found.new, "who": person(found.who), "message": found.message}


def stashed(found: Stashed) -> dict[str, Any]:
    """An entry of the stash."""
    return {"commit": found.commit, "who": person(found.who), "message": found.message}


def operation(number: int, found: Operation) -> dict[str, Any]:
    """An entry of the operation log; ``number`` counts from the newest, which is 0."""
    return {
        "id": found.id,
        "number": number,
        "who": person(found.who),
        "verb": found.verb,
        "message": found.message,
        "changes": [{"ref": one.ref, "old": one.old, "new": one.new} for one in found.changes],
        "worktree": found.worktree,
        "undoes": found.undoes,
    }


def tag(name: str, tagger: Signature | None, message: str) -> dict[str, Any]:
    """What an annotated tag says."""
    return {"name": name, "tagger": tagger and person(tagger), "message": message}


def described(found: Described) -> dict[str, Any]:
    """A tensor with its numbers."""
    summary = found.summary
    return {
        "path": found.path,
        "name": found.name,
        "dtype": found.dtype,
        "shape": list(found.shape),
        "id": found.id,
        "undecided": found.undecided,
        "stats": None if summary is None else asdict(summary),
    }


def bisection(found: Bisection) -> dict[str, Any]:
    """A search in progress."""
    bad, good = found.words
    return {
        "start": found.start.removeprefix("ref: "),
        "terms": {"bad": bad, "good": good},
        "bad": found.bad,
        "good": list(found.good),
        "skipped": list(found.skipped),
        "testing": found.expected,
        "paths": list(found.paths),
        "first_parent": found.first_parent,
        "log": list(found.log),
    }


def metrics(found: Mapping[str, Measured]) -> dict[str, Any]:
    """What was measured of a commit's weights."""
    from mvc.history.metrics import plain

    return {
        name: {"value": plain(one.value), "time": one.time, "how": one.how}
        for name, one in found.items()
    }


def named(found: Found, revision: str | None) -> dict[str, Any]:
    """A tensor that a search came upon."""
    return {
        "revision": revision,
        "path": found.path,
        "name": found.name,
        "dtype": found.dtype,
        "shape": list(found.shape),
    }


def usage(found: Usage) -> dict[str, Any]:
    """Where the space is."""
    return {
        "by": found.by,
        "total": asdict(found.total),
        "rows": [
            {"name": row.name, "commit": row.commit, **asdict(row.space), "own": row.own}
            for row in found.rows
        ],
        "bases": found.bases,
        "unreached": found.unreached,
        "files": dict(found.files),
    }


def rerun(done: Rerun) -> dict[str, Any]:
    """What came out of a merge that was run again."""
    return {
        "commit": done.commit,
        "same": done.same,
        "recorded": done.recorded,
        "found": done.found,
        "tensors": done.tensors,
        "differing": [{"path": path, "name": name} for path, name in done.differing],
        "versions": {name: {"then": a, "now": b} for name, (a, b) in done.versions.items()},
    }
