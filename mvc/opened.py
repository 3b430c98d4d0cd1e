"""An open repository without its verbs: where it is, who acts in it, who hears of what takes long.

Every verb and every face (``repo.stash``, ``repo.tags``, …) works on this. Knows no verb.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mvc.history import revisions
from mvc.history.refs import BRANCHES
from mvc.history.signature import Signature, known
from mvc.ids import CommitId
from mvc.paths import inside

if TYPE_CHECKING:
    from mvc.history.config import Settings
    from mvc.history.context import Context
    from mvc.history.git import Commit
    from mvc.history.signing import Signer, Verifier

#: Who acts: name and e-mail, signing each thing at its own time; a signature with a fixed time; or a function
#: that gives one when somebody has to sign.
Who = Signature | tuple[str, str] | Callable[[], Signature | None]

#: Called with (what, done, total) in bytes or items while something long runs.
Progress = Callable[[str, int, int], None]


class Opened:
    """Paths given to verbs are relative to ``cwd`` (the work tree's root unless told otherwise).

    ``who`` signs commits, reflogs and operations; ``progress``, when set, hears of everything that takes
    long. Names with an underscore are for the verbs and faces of this package.
    """

    def __init__(
        self,
        context: Context,
        *,
        who: Who | None = None,
        cwd: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._context = context
        #: The work tree, and its ``.mvc``, a bare Git repository.
        self.root, self.folder = context.root, context.folder
        self.who = who
        self.cwd = os.path.abspath(cwd or context.root)
        self.progress = progress
        #: Judges signatures; a function is asked when there is one to judge. None: no key is known.
        self.verifier: Verifier | Callable[[], Verifier] | None = None

    @property
    def signer(self) -> Signer | Callable[[], Signer | None] | None:
        """Signs every commit that is made, if set; a function is asked when there is one to sign."""
        return self._context.signer

    @signer.setter
    def signer(self, signer: Signer | Callable[[], Signer | None] | None) -> None:
        self._context.signer = signer if callable(signer) else lambda: signer

    @property
    def told_to_sign(self) -> str | bool | None:
        """The key that this command was told to sign with (empty: the configured one), False for none. Commits
        that wait for ``continue_row`` remember it; ``signer`` is what signs."""
        return self._context.told_to_sign

    @told_to_sign.setter
    def told_to_sign(self, key: str | bool | None) -> None:
        self._context.told_to_sign = key

    @property
    def head(self) -> CommitId | None:
        """The commit that HEAD names; None before the first one."""
        id_ = self._context.refs.head()
        return None if id_ is None else CommitId(id_)

    @property
    def branch(self) -> str | None:
        """The current branch; None when HEAD is detached."""
        ref = self._context.refs.branch()
        return None if ref is None else ref.removeprefix(BRANCHES)

    @property
    def config(self) -> Settings:
        """The options of ``.mvc/config``."""
        from mvc.history.config import Settings

        return Settings(os.path.join(self.folder, "config"), self._context.disk)

    def resolve(self, revision: str) -> CommitId:
        """The commit that ``revision`` names (``gitrevisions(7)``); UsageError if none or several."""
        return revisions.resolve(self._context, revision)

    def read_commit(self, revision: str = "HEAD") -> Commit:
        """The commit that ``revision`` names."""
        return self._context.git.commit(self.resolve(revision))

    def _inside(self, paths: Sequence[str]) -> list[str]:
        # A string is a sequence of its letters.
        paths = [paths] if isinstance(paths, str) else paths
        return [inside(self.root, path, self.cwd) for path in paths]

    @property
    def _now(self) -> Signature | None:
        who = self.who() if callable(self.who) else self.who
        return Signature.now(*who) if isinstance(who, tuple) else who

    def _signer(self) -> Signature:
        return known(self._now)

    def _verifier(self) -> Verifier:
        found = self.verifier() if callable(self.verifier) else self.verifier
        if found is None:
            from mvc.history.ssh_keygen import SshVerifier

            return SshVerifier()
        return found
