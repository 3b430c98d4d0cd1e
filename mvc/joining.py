"""Verbs that join histories, or take a change back: ``repo.merge``, ``repo.revert`` and what settles them.

Functions of an open repository, which ``Repository`` binds as methods. Hold no algorithm; they are in
``merge/``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mvc.opened import Opened

if TYPE_CHECKING:
    from mvc.history.judging import Judged
    from mvc.history.signature import Signature
    from mvc.history.unfinished import Unfinished
    from mvc.ids import CommitId
    from mvc.merge.merging import Outcome
    from mvc.merge.recipe import Recipe
    from mvc.merge.rerunning import Rerun


def merge(  # noqa: PLR0913 -- as many as the verb has options
    repo: Opened,
    other: str | Sequence[str],
    *,
    message: str | None = None,
    fast_forward: str = "allow",
    strategy: str | None = None,
    recipe: Recipe | None = None,
    again: bool = True,
    keep_conflicts: bool = False,
    author: Signature | None = None,
    verify_signatures: Callable[[Judged], None] | None = None,
) -> Outcome:
    """Merge a revision, or several, into HEAD; ``fast_forward`` is ``allow``, ``never`` or ``only``.

    ``recipe`` makes every tensor of all models; ``again``: of a model that one made, of those it was made of.
    ``keep_conflicts`` commits tensors that both sides changed as they are, with both sides. MergeConflict if
    both changed a tensor, and that is not kept, or text; ``status`` lists what waits.
    ``verify_signatures`` hears of each commit's good signature; SigningError where one has none.
    """
    if verify_signatures is not None:
        from mvc.history.judging import require_good

        for one in [other] if isinstance(other, str) else other:
            commit = repo.resolve("@{-1}" if one == "-" else one)
            verify_signatures(require_good(repo._context, commit, repo._verifier()))
    if recipe is not None or not isinstance(other, str):
        from mvc.merge import octopus
        from mvc.merge.recipe import Recipe

        return octopus.merge_many(
            repo._context,
            [other] if isinstance(other, str) else other,
            recipe or Recipe(strategy),
            wish=octopus.Wish(message, fast_forward, again, keep_conflicts),
            author=author,
            who=repo._signer(),
            progress=repo.progress,
        )
    from mvc.merge import merging

    return merging.merge(
        repo._context,
        other,
        message=message,
        fast_forward=fast_forward,
        strategy=strategy,
        keep_conflicts=keep_conflicts,
        author=author,
        who=repo._signer(),
        progress=repo.progress,
    )


def merge_adapter(
    repo: Opened,
    path: str,
    revision: str | None = None,
    *,
    into: str | None = None,
    weight: float = 1.0,
    message: str | None = None,
    author: Signature | None = None,
) -> Outcome:
    """Write the LoRA adapter at ``path``, of ``revision`` or HEAD's own, into HEAD's model; a commit.

    ``into`` names the model where there are several, ``weight`` scales the adapter. A revision is merged.
    ModelMismatch if the adapter does not fit.
    """
    from mvc.merge.adapters import merging_in

    inside = repo._inside([path])[0]
    return merging_in.merge_adapter(
        repo._context,
        inside,
        revision,
        into=None if into is None else repo._inside([into])[0],
        weight=weight,
        message=message,
        author=author,
        who=repo._signer(),
        progress=repo.progress,
    )


def rerun(repo: Opened, revision: str) -> Rerun:
    """Merge, or settle, again what the commit ``revision`` did, as its record says; nothing changes."""
    from mvc.merge import rerunning

    return rerunning.rerun(repo._context, revision, progress=repo.progress)


def revert(
    repo: Opened,
    revision: str,
    *,
    mainline: int | None = None,
    strategy: str | None = None,
    message: str | None = None,
    tensors: Sequence[str] = (),
    author: Signature | None = None,
) -> Outcome:
    """Commit what takes back ``revision``, or of it the ``tensors`` that globs name.

    MergeConflict if later commits changed the same; the strategy ``additive`` then takes the difference back.
    """
    from mvc.merge import reverting

    return reverting.revert(
        repo._context,
        revision,
        mainline=mainline,
        strategy=strategy,
        message=message,
        tensors=tuple(tensors),
        author=author,
        who=repo._signer(),
        progress=repo.progress,
    )


def revert_each(
    repo: Opened,
    revisions: Sequence[str],
    *,
    mainline: int | None = None,
    strategy: str | None = None,
    tensors: Sequence[str] = (),
    author: Signature | None = None,
    made: Callable[[CommitId], None] | None = None,
) -> None:
    """``revert`` of several commits and ranges ``A..B``, one after the other; ``made`` hears of each.

    ``tensors`` are globs of those that alone are taken back. At a conflict the rest waits for
    ``continue_row`` or ``skip_row``; ``abort`` takes all back.
    """
    from mvc.history.unfinished import Manner
    from mvc.merge import sequence

    sequence.begin(
        repo._context,
        sequence.Row("revert", strategy, Manner(mainline, tuple(tensors))),
        revisions,
        author=author,
        who=repo._signer(),
        progress=repo.progress,
        made=made,
    )


def resolve_conflicts(repo: Opened, paths: Sequence[str], strategy: str) -> list[str]:
    """Settle conflicts of the unfinished merge with ``ours``, ``theirs``, ``base`` or ``average``."""
    from mvc.merge import merging

    return merging.resolve(repo._context, repo._inside(paths), strategy, who=repo._now)


def abort(repo: Opened, kind: str = "merge") -> None:
    """Give up the unfinished merge or revert; everything is as it was before."""
    from mvc.merge import abandoning

    abandoning.abort(repo._context, kind, who=repo._now)


def unfinished(repo: Opened) -> Unfinished | None:
    """The merge or revert that waits for a decision."""
    from mvc.history.unfinished import read_unfinished

    return read_unfinished(repo._context)
