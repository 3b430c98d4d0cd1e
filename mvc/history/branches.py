"""Branches and tags: create, move, rename, delete, with Git's rules and words."""

from __future__ import annotations

from mvc.errors import UsageError
from mvc.history import reflog, revisions
from mvc.history.context import Context
from mvc.history.refs import BRANCHES, KEPT, TAGS, check_name
from mvc.history.signature import Signature
from mvc.history.transaction import Transaction
from mvc.ids import CommitId

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mvc.history.signing import Signer


def branch_names(context: Context) -> dict[str, CommitId]:
    """Every branch with its commit, by short name."""
    found = context.refs.list(BRANCHES)
    return {name.removeprefix(BRANCHES): CommitId(id_) for name, id_ in found.items()}


def tag_names(context: Context) -> dict[str, str]:
    """Every tag with the object it names, by short name."""
    return {name.removeprefix(TAGS): id_ for name, id_ in context.refs.list(TAGS).items()}


def create_branch(
    transaction: Transaction,
    name: str,
    start: CommitId,
    *,
    origin: str = "HEAD",
    force: bool = False,
    current: bool = False,
) -> None:
    """A branch ``name`` at ``start``, which was asked for as ``origin``; ``force`` moves one that exists,
    and with ``current`` even the one that HEAD is on.

    Raises:
        UsageError: the name is not valid, taken, or the current branch's.
    """
    ref = BRANCHES + check_name(name, "branch")
    refs = transaction.context.refs
    if refs.raw(ref) is not None:
        if not force:
            raise UsageError(
                f"a branch named '{name}' already exists",
                hint=f"mvc switch {name}, or -f to move it",
            )
        if refs.branch() == ref and not current:
            raise UsageError(f"cannot force update the current branch '{name}'", hint="mvc reset")
    _check_folder(transaction.context, ref)
    done = "Created from" if refs.raw(ref) is None else "Reset to"
    transaction.message = f"branch: {done} {origin}"
    transaction.move(ref, start, transaction.message)


def delete_branch(transaction: Transaction, name: str, *, force: bool = False) -> CommitId:
    """Remove a branch; without ``force`` only one that HEAD contains. Gives back its commit.

    Raises:
        UsageError: no such branch, the current one, or one that is not merged.
    """
    context = transaction.context
    ref = BRANCHES + name
    id_ = context.refs.read(ref)
    if id_ is None:
        raise UsageError(f"branch '{name}' not found", hint="mvc branch lists them")
    if context.refs.branch() == ref:
        raise UsageError(
            f"cannot delete branch '{name}' used by worktree at '{context.root}'",
            hint="mvc switch to another branch first",
        )
    commit = CommitId(id_)
    head = transaction.head
    if not force and (head is None or not context.git.is_ancestor(commit, head)):
        raise UsageError(
            f"the branch '{name}' is not fully merged",
            hint=f"if you are sure you want to delete it, run 'mvc branch -D {name}'",
        )
    transaction.move(ref, None)
    transaction.message = f"branch: deleted {name}"
    return commit


def rename_branch(transaction: Transaction, old: str, new: str, *, force: bool = False) -> None:
    """Rename a branch, HEAD following.

    Raises:
        UsageError: ``old`` does not exist, or ``new`` is taken or not valid.
    """
    refs = transaction.context.refs
    source, target = BRANCHES + old, BRANCHES + check_name(new, "branch")
    id_ = refs.read(source)
    current = refs.branch() == source
    if id_ is None and not current:
        raise UsageError(f"no branch named '{old}'", hint="mvc branch lists them")
    if refs.raw(target) is not None and target != source and not force:
        raise UsageError(f"a branch named '{new}' already exists")
    if id_ is not None:
        transaction.move(source, None)
        transaction.move(target, id_)
    if current:
        transaction.move("HEAD", f"ref: {target}")
    transaction.message = f"Branch: renamed {source} to {target}"


def create_tag(
    transaction: Transaction,
    name: str,
    target: CommitId,
    *,
    message: str | None = None,
    tagger: Signature | None = None,
    force: bool = False,
    signer: Signer | None = None,
) -> None:
    """A tag: annotated when there is a ``message`` (then ``tagger`` must be given), and signed by ``signer``.

    Raises:
        UsageError: the name is not valid or taken.
        SigningError: it can't be signed.
    """
    ref = TAGS + check_name(name, "tag")
    if transaction.context.refs.raw(ref) is not None and not force:
        raise UsageError(f"tag '{name}' already exists", hint="-f replaces it")
    _check_folder(transaction.context, ref)
    keep_tag(transaction, transaction.context.refs.raw(ref))
    transaction.commits.append(target)
    value: str = target
    if message is not None and tagger is not None:
        value = transaction.objects.tag(target, name, tagger, message.strip() + "\n", signer)
    transaction.move(ref, value)
    transaction.message = f"tag: {name}"


def delete_tag(transaction: Transaction, name: str) -> str:
    """Remove a tag; gives back what it named.

    Raises:
        UsageError: there is none of that name.
    """
    id_ = transaction.context.refs.raw(TAGS + name)
    if id_ is None:
        raise UsageError(f"tag '{name}' not found", hint="mvc tag lists them")
    keep_tag(transaction, id_)
    transaction.move(TAGS + name, None)
    transaction.message = f"tag: deleted {name}"
    return id_


def tag_message(context: Context, name: str) -> tuple[Signature | None, str] | None:
    """Tagger and message of an annotated tag; None for anything else."""
    id_ = context.refs.raw(TAGS + name)
    if id_ is None or context.git.kind(id_) != "tag":
        return None
    return context.git.tag_message(id_)


def moves_of(context: Context, name: str) -> list[reflog.Move]:
    """The reflog of a branch, or of HEAD, newest first.

    Raises:
        UsageError: there is no such ref.
    """
    ref = revisions.resolve_ref(context, name)
    moves = reflog.read(context.folder, ref or name)
    if ref is None and not moves:
        raise UsageError(f"no reflog for '{name}'", hint="mvc branch lists branches")
    return moves


def keep_tag(transaction: Transaction, id_: str | None) -> None:
    """Hold on to what a tag named, so that ``undo`` and ``op restore`` can bring the tag back."""
    if id_ is None:
        return
    git = transaction.context.git
    if git.kind(id_) == "tag":
        transaction.move(KEPT + id_, id_)
        id_ = git.tag_target(id_)
    transaction.commits.append(CommitId(id_))


def _check_folder(context: Context, ref: str) -> None:
    """A ref is a file: it can't lie below another, nor above one."""
    parts = ref.split("/")
    above = ["/".join(parts[:n]) for n in range(3, len(parts))]
    taken = [name for name in above if context.refs.raw(name) is not None]
    taken += list(context.refs.list(ref + "/"))
    if taken:
        raise UsageError(f"'{taken[0]}' exists; cannot create '{ref}'")
