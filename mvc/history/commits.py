"""Making commits: the tree with its record, the Merkle trailer, the move of the branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from mvc.errors import NothingToCommit, UsageError
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.gitobjects import FILE_MODE
from mvc.history.record import PATH, Json, Record, trailer, with_trailer
from mvc.history.revisions import shorten
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import Transaction
from mvc.ids import CommitId, ObjectId
from mvc.values import dataclass
from mvc.version import VERSION


@dataclass(frozen=True, slots=True)
class Plan:
    """What a commit shall say besides its files."""

    message: str
    author: Signature
    committer: Signature
    operation: str = "commit"
    parameters: Mapping[str, Json] = field(default_factory=dict)
    seed: int | None = None
    #: Of libraries whose arithmetic made the weights; mvc's own comes by itself.
    versions: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


def merkle_root(snapshot: Snapshot) -> ObjectId:
    """The root over every weight of ``snapshot``."""
    from mvc.history import merkle  # who only reads commits needs no hash of weights

    manifests = ((path, snapshot.manifest(path)) for path in snapshot)
    return merkle.commit_root((p, merkle.file_root(m)) for p, m in manifests if m is not None)


def write_commit(
    transaction: Transaction, files: Snapshot, parents: Sequence[CommitId], plan: Plan
) -> CommitId:
    """A new commit of ``files``, signed if the context has a signer; no ref moves yet.

    Raises:
        UsageError: the message is empty.
        SigningError: it shall be signed, and can't be.
    """
    if not plan.message.strip():
        raise UsageError("aborting commit due to empty commit message", hint="mvc commit -m TEXT")
    root = merkle_root(files)
    git = transaction.context.git
    inputs = tuple(r for p in parents if (r := trailer(git.commit(p).message)) is not None)
    versions = {**plan.versions, "mvc": VERSION}
    record = Record(
        plan.operation,
        root,
        inputs,
        plan.parameters,
        plan.seed,
        versions,
        plan.metrics,
        undecided=_undecided(files),
    )
    blob = transaction.objects.blob(record.encode())
    tree = transaction.objects.files({**files, PATH: (FILE_MODE, blob)})
    message = with_trailer(plan.message, root)
    signer = transaction.context.signer()
    return transaction.objects.commit(tree, parents, plan.author, plan.committer, message, signer)


def _undecided(files: Snapshot) -> dict[str, int]:
    manifests = ((path, files.manifest(path)) for path in files)
    return {path: len(m.conflicts) for path, m in manifests if m is not None and m.conflicts}


def commit_stage(
    transaction: Transaction,
    plan: Plan,
    *,
    amend: bool = False,
    allow_empty: bool = False,
    extra_parents: Sequence[CommitId] = (),
) -> CommitId:
    """Commit the stage on HEAD and move the branch.

    Raises:
        UsageError: nothing changed (and ``allow_empty`` is off), or there is nothing to amend.
    """
    head = transaction.head
    git = transaction.context.git
    if amend and head is None:
        raise UsageError("you have nothing to amend", hint="mvc commit")
    current = git.commit(head) if head else None
    parents = list(current.parents) if amend and current else [head] if head else []
    files = transaction.stage
    # A merge is worth a commit even when it brings nothing; an amended commit is held to its own parent.
    if not (allow_empty or extra_parents or len(parents) > 1):
        before = Snapshot.of_tree(git, git.commit(parents[0]).tree if parents else None)
        if dict(before) == dict(files):
            raise _nothing(amend)
    if amend and current:
        plan = _as_recorded(transaction.context, current, files, plan)
    id_ = write_commit(transaction, files, [*parents, *extra_parents], plan)
    transaction.move(transaction.head_ref, id_)
    kind = " (amend)" if amend else " (initial)" if head is None else ""
    kind = " (merge)" if extra_parents else kind
    transaction.message = f"commit{kind}: {first_line(plan.message)}"
    return id_


def _as_recorded(context: Context, amended: Commit, files: Snapshot, plan: Plan) -> Plan:
    """``plan``, saying what made the weights as ``amended`` says it, as long as they are the same."""
    record = record_of(context, amended)
    if record is None or record.result != merkle_root(files):
        return plan
    return replace(
        plan,
        operation=record.operation,
        parameters=record.parameters,
        seed=record.seed,
        versions=record.versions,
        metrics=record.metrics,
    )


def _nothing(amend: bool) -> NothingToCommit:
    if amend:
        return NothingToCommit(
            "amending the last commit so would make it empty",
            hint="--allow-empty does it all the same; mvc reset HEAD~1 removes the commit",
        )
    return NothingToCommit(
        "nothing to commit: the stage is as HEAD has it",
        hint="mvc status shows what has changed; mvc add FILE, or mvc commit -a",
    )


def first_line(message: str) -> str:
    """What reflogs and one-line logs show of a message."""
    return message.strip().split("\n", 1)[0]


def record_of(context: Context, commit: Commit) -> Record | None:
    """The record of ``commit``; None for one that another tool made."""
    entry = context.git.entry(commit.tree, PATH)
    return None if entry is None else Record.decode(context.git.blob(entry[1]))


def describe(commit: Commit) -> str:
    """``abc1234 subject``."""
    return f"{shorten(commit.id)} {commit.subject}"
