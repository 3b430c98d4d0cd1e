"""Checking, repairing and tidying a repository: what keeps it whole, not what it says.

Reached as ``repo.upkeep``. Holds no algorithm; they are in ``maintenance/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mvc.opened import Opened

if TYPE_CHECKING:
    from mvc.history.expired import Tombstone
    from mvc.ids import CommitId
    from mvc.maintenance.expire import Expired, Rules
    from mvc.maintenance.finding import Finding, Repaired
    from mvc.maintenance.gc import Collected
    from mvc.maintenance.repack import Repacked
    from mvc.maintenance.usage import By, Usage


class Upkeep:
    """Of any repository, even one too damaged to have verbs; ``repository.who`` signs what a repair records."""

    def __init__(self, repository: Opened) -> None:
        self.repository = repository
        self._context = repository._context

    def fsck(self, *, full: bool = False) -> Iterator[Finding]:
        """Check structure and connectivity; ``full`` decodes and hashes every stored byte."""
        from mvc.maintenance.fsck import fsck

        self._context.look_again()
        return fsck(self._context, full=full, progress=self.repository.progress)

    def gc(
        self,
        *,
        prune: str | None = None,
        expire: str | None = None,
        aggressive: bool = False,
        dry_run: bool = False,
    ) -> Collected:
        """Remove what nothing reaches any more; put together what stays.

        ``prune`` says how old garbage must be, ``expire`` how old what ``undo`` and reflogs forget, both as
        Git writes dates. ``aggressive`` does a ``repack`` on the way, and leaves little garbage in any pack.

        Raises:
            UsageError: a date is not understood.
            Locked: another command is writing.
            IntegrityError: something is missing or damaged; nothing was removed.
        """
        from mvc.maintenance.gc import gc

        return gc(
            self._context,
            prune=prune,
            expire=expire,
            aggressive=aggressive,
            dry_run=dry_run,
            progress=self.repository.progress,
        )

    def repack(self, *, delete: bool = False, dry_run: bool = False) -> Repacked:
        """Plan anew which version of a tensor is stored as the difference to which, and write what changes.

        Old copies stay until ``gc`` removes them; with ``delete`` it does so now, as far as the grace period
        allows. With ``dry_run`` the bytes are estimates.

        Raises:
            Locked: garbage is being collected, or, with ``delete``, somebody writes.
            IntegrityError: something is missing or damaged; nothing was removed.
        """
        from mvc.maintenance.gc import collect
        from mvc.maintenance.repack import repack

        done = repack(self._context, dry_run=dry_run, progress=self.repository.progress)
        if delete and not dry_run:
            collect(self._context, expire="never", dense=True, progress=self.repository.progress)
        return done

    def expire(
        self,
        revisions: Sequence[str] = (),
        *,
        rules: Rules | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> Expired:
        """Let the weights of commits go, and keep their history; ``gc`` then frees what nothing else needs.

        ``revisions``: commits and ranges, or all there is; what ``rules`` keep, and what is in use, stays.
        ``force`` lets go what is in use and was named itself.

        Raises:
            UsageError: nothing says which commits, or one that is in use was named without ``force``.
        """
        from mvc.maintenance.expire import Rules, expire

        return expire(
            self._context,
            revisions,
            rules or Rules(),
            force=force,
            who=self.repository._now,
            dry_run=dry_run,
        )

    def expired(self) -> Mapping[CommitId, Tombstone]:
        """Every commit whose weights were let go, with when and why."""
        from mvc.history.expired import tombstones

        return tombstones(self._context)

    def usage(
        self,
        revisions: Sequence[str] = (),
        *,
        paths: Sequence[str] = (),
        tensors: Sequence[str] = (),
        by: By = "branch",
    ) -> Usage:
        """Where the space is, and what sharing, coding and differences save; a row for each branch, commit,
        model or tensor. ``paths`` are relative to the root, ``tensors`` are globs.

        Raises:
            UsageError: a revision is none.
            IntegrityError
        """
        from mvc.maintenance.usage import usage

        return usage(self._context, revisions, paths=paths, tensors=tensors, by=by)

    def repair(self, *, dry_run: bool = False) -> list[Repaired]:
        """Put right what is damaged, and say what is lost; what is replaced goes to ``.mvc/lost-found/``."""
        from mvc.maintenance.repair import repair

        return repair(self._context, who=self.repository._now, dry_run=dry_run)
