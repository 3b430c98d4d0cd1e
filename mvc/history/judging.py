"""Whether a commit or a tag is signed, by whom, and whether that reaches the weights.

A signature covers the text of a commit: its message ends in the Merkle root of the weights, the root is a hash
over their ids, and an id is the BLAKE3 of a tensor's bytes. So the root is reckoned again from the commit's
manifests; SHA-1, by which Git names the tree, need not be believed for any weight. A tag's signature covers
the id of the commit.
"""

from __future__ import annotations

import time
from typing import Literal

from mvc.errors import SigningError, UsageError
from mvc.history import revisions
from mvc.history.commits import merkle_root
from mvc.history.context import Context
from mvc.history.git import Commit
from mvc.history.gitforms import parse_tag
from mvc.history.record import trailer
from mvc.history.signed import parted_commit, parted_tag
from mvc.history.signing import UNSIGNED, Check, Verifier
from mvc.history.snapshot import Snapshot
from mvc.ids import CommitId
from mvc.values import dataclass

#: Whether the Merkle root in the message is that of the weights; ``absent``: Git's own tools write none.
Root = Literal["match", "differs", "absent"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A commit or a tag, the commit that it is or names, and what its signature is worth.

    ``payload`` is what a signature covers; ``root`` is about the commit's weights.
    """

    kind: Literal["commit", "tag"]
    id: str
    commit: CommitId
    check: Check
    root: Root
    payload: bytes

    @property
    def signed(self) -> bool:
        """Whether there is a signature, whatever it is worth."""
        return self.check.status != "N"

    @property
    def reaches(self) -> bool:
        """Whether it is good, by somebody who may sign, and covers the weights that are there."""
        return self.check.status == "G" and self.root == "match"


def judge_commit(context: Context, commit: Commit, verifier: Verifier) -> Judged:
    """The signature of ``commit``.

    Raises:
        SigningError: the program that judges can't be run.
        IntegrityError: a manifest can't be read.
    """
    _, body = context.git.raw(commit.id)
    payload, signature = parted_commit(body)
    check = UNSIGNED
    if signature is not None:
        check = verifier.check(payload, signature, commit.committer.time)
    return Judged("commit", commit.id, commit.id, check, root_of(context, commit), payload)


def judge_tag(context: Context, name: str, verifier: Verifier) -> Judged:
    """The signature of the annotated tag ``name``.

    Raises:
        UsageError: there is no such tag, or it is not annotated.
        SigningError, IntegrityError: as ``judge_commit``.
    """
    id_ = revisions.resolve_object(context, name)
    kind, body = context.git.raw(id_)
    if kind != "tag":
        raise UsageError(
            f"{name}: cannot verify a non-tag object of type {kind}.",
            hint=f"mvc verify-commit {name}",
        )
    payload, signature = parted_tag(body)
    tagger = parse_tag(id_, body).tagger
    check = UNSIGNED
    if signature is not None:
        check = verifier.check(payload, signature, tagger.time if tagger else int(time.time()))
    commit = context.git.commit(revisions.resolve(context, id_))
    return Judged("tag", id_, commit.id, check, root_of(context, commit), payload)


def root_of(context: Context, commit: Commit) -> Root:
    """Whether the weights of ``commit`` are those that its message names."""
    told = trailer(commit.message)
    if told is None:
        return "absent"
    found = merkle_root(Snapshot.of_tree(context.git, commit.tree))
    return "match" if found == told else "differs"


def require_good(context: Context, id_: CommitId, verifier: Verifier) -> Judged:
    """The signature of a commit that is to be merged only if it is good.

    Raises:
        SigningError: there is none, nobody is allowed to sign with its key, or it does not hold.
    """
    found = judge_commit(context, context.git.commit(id_), verifier)
    by, short = f"allegedly by {found.check.signer or found.check.key or 'nobody'}", id_[:7]
    hint = f"mvc verify-commit {short}"
    if found.check.status == "N":
        raise SigningError(f"Commit {short} does not have a GPG signature.", hint=hint)
    if found.check.status == "U":
        raise SigningError(f"Commit {short} has an untrusted GPG signature, {by}.", hint=hint)
    if found.check.status == "E":
        raise SigningError(
            f"the signature of commit {short} can't be checked: {found.check.said}", hint=hint
        )
    if found.check.status == "B":
        raise SigningError(f"Commit {short} has a bad GPG signature {by}.", hint=hint)
    if found.root == "differs":
        raise SigningError(
            f"Commit {short} has other weights than the message that was signed says", hint=hint
        )
    return found
