"""The verb ``resolve``: tensors that a merge left, or kept, undecided are settled by a strategy.

As in ``merging`` the slow part comes before the lock of the refs. What a commit kept is settled by a commit of
its own, whose record says all that it takes to do it again; while a merge waits, its commit is that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mvc.errors import RefConflict, UsageError
from mvc.history.commits import Plan, commit_stage, first_line
from mvc.history.context import Context, writes_objects
from mvc.history.signature import Signature
from mvc.history.transaction import read_stage, transaction
from mvc.history.undecided import chosen, undecided
from mvc.history.unfinished import FileConflict, read_unfinished, settle
from mvc.ids import CommitId
from mvc.merge.merging import require_clean_stage
from mvc.merge.recipe import Recipe
from mvc.merge.resolving import Step, resolved
from mvc.values import dataclass
from mvc.worktree import index
from mvc.worktree.checkout import prepared
from mvc.worktree.ingest import Progress


@dataclass(frozen=True, slots=True)
class Settled:
    """``tensors`` that were settled, by path; ``files`` that were as a whole; how many tensors are ``left``.

    ``commit`` is None where no commit was made.
    """

    tensors: Mapping[str, tuple[str, ...]]
    files: tuple[str, ...]
    left: int
    commit: CommitId | None


@writes_objects
def resolve(
    context: Context,
    words: Sequence[tuple[str, str | None]],
    recipe: Recipe,
    *,
    commit: bool,
    message: str | None,
    author: Signature | None,
    who: Signature,
    progress: Progress | None,
) -> Settled:
    """Settle what ``words`` name, or all; ``commit`` it, unless a merge waits for its own commit.

    Raises:
        UsageError: nothing is undecided, or not what was named; no strategy can settle it; something is staged.
        DirtyWorktree: a file to be written has local changes.
        RefConflict: something was staged meanwhile.
    """
    recipe.choices()  # a word that is off is refused even when there is nothing to do
    waiting, stage, head = read_unfinished(context), read_stage(context), context.refs.head()
    if waiting is not None and message is not None:
        raise UsageError(
            f"a {waiting.kind} waits, and its commit has its own message",
            hint=f"mvc resolve without -m, then mvc {waiting.kind} --continue",
        )
    commit = commit and waiting is None
    conflicts = {} if waiting is None else waiting.conflicts
    wanted = _wanted(context, words, conflicts, recipe)
    if commit:
        require_clean_stage(context, "resolve")
    objects = context.writer()
    changes, step = resolved(
        context, objects, stage, conflicts, wanted, recipe, names=wanted, progress=progress
    )
    objects.flush()
    target = stage.with_files(changes)
    told = step["tensors"]
    assert isinstance(told, dict)
    tensors = {
        path: tuple(map(str, names)) for path, names in told.items() if isinstance(names, list)
    }
    id_ = None
    with (
        prepared(context, stage, target, paths=sorted(changes), progress=progress) as files,
        transaction(context, "resolve", who) as current,
    ):
        if dict(current.stage) != dict(stage) or current.head != head:
            raise RefConflict(
                "something was staged or committed while the tensors were settled; nothing has changed",
                hint="run the same command again",
            )
        current.put_stage(target)
        said = message or _said(tensors, recipe)
        if commit:
            id_ = commit_stage(current, _plan(said, step, author or who, who))
        elif waiting is not None:
            settle(current, wanted, step)
        current.worktree = True
        current.message = f"resolve: {first_line(said)}"
        files.put_in_place()
    index.refresh(context)
    left = sum(map(len, undecided(context, target).values()))
    whole = tuple(path for path, names in told.items() if names is None)
    return Settled({path: names for path, names in tensors.items() if names}, whole, left, id_)


def _wanted(
    context: Context,
    words: Sequence[tuple[str, str | None]],
    conflicts: Mapping[str, FileConflict],
    recipe: Recipe,
) -> dict[str, list[str]]:
    """The files and tensors to settle; whole files that no strategy here can settle only if they were named."""
    tensors = undecided(context, read_stage(context))
    names = {
        path: [c.name for c in tensors.get(path, ())] for path in sorted({*tensors, *conflicts})
    }
    if not names:
        raise UsageError("nothing is undecided", hint="mvc conflicts REVISION looks into a commit")
    if words:
        return chosen(names, words)
    default = recipe.choices().default
    takes = getattr(default, "file_side", None) is not None
    kept = {
        path: found
        for path, found in names.items()
        if takes or path not in conflicts or conflicts[path].kind == "metadata"
    }
    if not kept:
        raise UsageError(
            f"{recipe.strategy} settles tensors, and none is undecided",
            hint="mvc checkout --ours|--theirs PATH, or mvc add PATH once it is as you want it",
        )
    return kept


def _said(tensors: Mapping[str, Sequence[str]], recipe: Recipe) -> str:
    names = [name for of_file in tensors.values() for name in of_file]
    paths = [path for path, of_file in tensors.items() if of_file]
    what = names[0] if len(names) == 1 else f"{len(names)} tensors"
    where = f" of {paths[0]}" if len(paths) == 1 else ""
    return f"Resolve {what}{where} by {recipe.strategy or 'a recipe'}"


def _plan(message: str, step: Step, author: Signature, who: Signature) -> Plan:
    parameters = dict(step)
    seed, versions = parameters.pop("seed"), parameters.pop("versions")
    assert isinstance(seed, int) and isinstance(versions, dict)
    return Plan(
        message, author, who, "resolve", parameters, seed, {k: str(v) for k, v in versions.items()}
    )
