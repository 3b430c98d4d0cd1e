"""Branches and tags as mappings from their names, with what makes, renames and deletes them.

Reached as ``repo.branches`` and ``repo.tags``. Each look reads the refs anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mvc.errors import UsageError
from mvc.history import branches, revisions
from mvc.history.refs import BRANCHES
from mvc.history.signature import Signature, known
from mvc.history.transaction import transaction
from mvc.ids import CommitId
from mvc.opened import Opened

if TYPE_CHECKING:
    from mvc.history.judging import Judged
    from mvc.history.signing import Signer


class Branches(Mapping[str, CommitId]):
    """Every branch with its commit."""

    def __init__(self, repo: Opened) -> None:
        self._repo = repo
        self._context = repo._context

    def __getitem__(self, name: str) -> CommitId:
        return branches.branch_names(self._context)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(branches.branch_names(self._context))

    def __len__(self) -> int:
        return len(branches.branch_names(self._context))

    def create(self, name: str, start: str | None = None, *, force: bool = False) -> CommitId:
        """A new branch at ``start``, or where HEAD is."""
        here = (self._context.refs.branch() or "HEAD").removeprefix(BRANCHES)
        with self._context.gc_held_off():
            commit = revisions.resolve(self._context, start or "HEAD")
            with transaction(self._context, "branch", self._repo._now) as current:
                branches.create_branch(current, name, commit, origin=start or here, force=force)
        return commit

    def delete(self, name: str, *, force: bool = False) -> CommitId:
        """Remove a branch; gives back the commit that it named."""
        with transaction(self._context, "branch", self._repo._now) as current:
            return branches.delete_branch(current, name, force=force)

    def copy(self, old: str, new: str, *, force: bool = False) -> None:
        """A branch ``new`` where ``old`` is."""
        if old not in self:
            raise UsageError(f"no branch named '{old}'", hint="mvc branch lists them")
        self.create(new, BRANCHES + old, force=force)

    def rename(self, old: str, new: str, *, force: bool = False) -> None:
        """Rename a branch."""
        with transaction(self._context, "branch", self._repo._now) as current:
            branches.rename_branch(current, old, new, force=force)


class Tags(Mapping[str, str]):
    """Every tag with the object it names."""

    def __init__(self, repo: Opened) -> None:
        self._repo = repo
        self._context = repo._context

    def __getitem__(self, name: str) -> str:
        return branches.tag_names(self._context)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(branches.tag_names(self._context))

    def __len__(self) -> int:
        return len(branches.tag_names(self._context))

    def create(
        self,
        name: str,
        target: str = "HEAD",
        *,
        message: str | None = None,
        force: bool = False,
        signer: Signer | None = None,
    ) -> None:
        """A tag; annotated when it has a message, which one that is signed needs."""
        if signer is not None and message is None:
            raise UsageError("no tag message", hint=f"mvc tag -s {name} -m TEXT")
        tagger = known(self._repo._now) if message is not None else None
        with self._context.gc_held_off():
            commit = revisions.resolve(self._context, target)
            with transaction(self._context, "tag", self._repo._now) as current:
                branches.create_tag(
                    current,
                    name,
                    commit,
                    message=message,
                    tagger=tagger,
                    force=force,
                    signer=signer,
                )

    def message(self, name: str) -> tuple[Signature | None, str] | None:
        """Tagger and message of an annotated tag; None for anything else."""
        return branches.tag_message(self._context, name)

    def verify(self, name: str) -> Judged:
        """What the signature of an annotated tag is worth."""
        from mvc.history.judging import judge_tag

        return judge_tag(self._context, name, self._repo._verifier())

    def delete(self, name: str) -> str:
        """Remove a tag; gives back what it named."""
        with transaction(self._context, "tag", self._repo._now) as current:
            return branches.delete_tag(current, name)
