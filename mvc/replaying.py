"""Verbs that make commits again elsewhere: ``repo.cherry_pick``, ``repo.rebase``, and what goes on with them.

Functions of an open repository, which ``Repository`` binds as methods. Hold no algorithm; they are in
``merge/``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mvc.opened import Opened

if TYPE_CHECKING:
    from mvc.history.signature import Signature
    from mvc.history.unfinished import Manner
    from mvc.ids import CommitId
    from mvc.merge.rebasing import Rebased


def _unheard(sentence: str) -> None:
    """Who does not want to hear."""


def cherry_pick(
    repo: Opened,
    revisions: Sequence[str],
    *,
    manner: Manner | None = None,
    strategy: str | None = None,
    made: Callable[[CommitId], None] | None = None,
) -> None:
    """Commit again what ``revisions``, commits and ranges ``A..B``, changed; ``made`` hears of each.

    The author stays. MergeConflict if both sides changed a tensor or text: the rest waits for ``continue_row``
    or ``skip_row``; ``abort`` takes all back.
    """
    from mvc.history.unfinished import WHOLE
    from mvc.merge import sequence

    sequence.begin(
        repo._context,
        sequence.Row("cherry-pick", strategy, manner or WHOLE),
        revisions,
        author=None,
        who=repo._signer(),
        progress=repo.progress,
        made=made,
    )


def stage_row(
    repo: Opened,
    kind: str,
    revisions: Sequence[str],
    *,
    manner: Manner | None = None,
    strategy: str | None = None,
) -> None:
    """What ``revert`` or ``cherry-pick`` would commit, on the stage and in the files alone.

    MergeConflict where it does not fit; nothing has changed then.
    """
    from mvc.history.unfinished import WHOLE
    from mvc.merge import sequence, unrecorded

    unrecorded.stage(
        repo._context,
        sequence.Row(kind, strategy, manner or WHOLE),
        revisions,
        who=repo._now,
        progress=repo.progress,
    )


def continue_row(
    repo: Opened,
    kind: str,
    *,
    author: Signature | None = None,
    made: Callable[[CommitId], None] | None = None,
) -> None:
    """Conclude the ``revert`` or ``cherry-pick`` that waits, its conflicts being settled, and do the rest."""
    from mvc.merge import sequence

    sequence.go_on(
        repo._context, kind, author=author, who=repo._signer(), progress=repo.progress, made=made
    )


def skip_row(
    repo: Opened,
    kind: str,
    *,
    author: Signature | None = None,
    made: Callable[[CommitId], None] | None = None,
) -> None:
    """Leave out the commit that stopped, and do what was to follow it."""
    from mvc.merge import sequence

    sequence.skip(
        repo._context, kind, author=author, who=repo._signer(), progress=repo.progress, made=made
    )


def quit_row(repo: Opened, kind: str) -> None:
    """Forget what was to follow; HEAD, stage and files stay. UsageError while conflicts wait."""
    from mvc.merge import sequence

    sequence.leave(repo._context, kind, who=repo._now)


def rebase(
    repo: Opened,
    upstream: str,
    branch: str | None = None,
    *,
    onto: str | None = None,
    strategy: str | None = None,
    said: Callable[[str], None] | None = None,
) -> Rebased:
    """Make the commits of ``branch`` that ``upstream`` lacks again on top of ``onto``, in one operation.

    ``said`` hears of commits that are left out. MergeConflict if a commit does not fit: the rest waits for
    ``continue_rebase`` or ``skip_rebase``; ``abort`` takes all back.
    """
    from mvc.merge import rebasing

    return rebasing.rebase(
        repo._context,
        upstream,
        branch,
        onto=onto,
        strategy=strategy,
        who=repo._signer(),
        progress=repo.progress,
        said=said or _unheard,
    )


def continue_rebase(repo: Opened, *, said: Callable[[str], None] | None = None) -> Rebased:
    """Conclude the commit that waits, its conflicts being settled, and do what was to follow it."""
    from mvc.merge import rebasing

    return rebasing.go_on(
        repo._context, who=repo._signer(), progress=repo.progress, said=said or _unheard
    )


def skip_rebase(repo: Opened, *, said: Callable[[str], None] | None = None) -> Rebased:
    """Leave out the commit that stopped, and do what was to follow it."""
    from mvc.merge import rebasing

    return rebasing.skip(
        repo._context, who=repo._signer(), progress=repo.progress, said=said or _unheard
    )
