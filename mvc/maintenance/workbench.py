"""How repair touches a repository: nothing in a dry run, and nothing without keeping what was there."""

from __future__ import annotations

import os

from mvc.history.context import Context
from mvc.maintenance.lost_found import LostFound


class Workbench:
    """The few moves that a repair is made of. ``restored`` are the refs that it has put back."""

    def __init__(self, context: Context, dry_run: bool) -> None:
        self.context = context
        self.folder = context.folder
        self.dry_run = dry_run
        self.aside = LostFound(context.folder, context.disk)
        self.restored: dict[str, str] = {}

    def path(self, name: str) -> str:
        """Where the file ``name`` of the repository lies."""
        return os.path.join(self.folder, *name.split("/"))

    def fresh(self) -> Context:
        """A context that remembers nothing of what has been replaced."""
        return Context(self.context.root, self.folder, self.context.disk)

    def move(self, name: str) -> None:
        """Set a file aside."""
        if not self.dry_run and os.path.lexists(self.path(name)):
            self.aside.move(self.path(name))

    def replace(self, name: str, data: bytes) -> None:
        """Write a file; what it was is kept."""
        if self.dry_run:
            return
        if os.path.isfile(self.path(name)):
            self.aside.copy(self.path(name))
        self.context.disk.write_whole(self.path(name), data)

    def restore(self, name: str, value: str) -> None:
        """Write a ref; what its file said is kept."""
        self.restored[name] = value
        if self.dry_run:
            return
        if os.path.isfile(self.path(name)):
            self.aside.copy(self.path(name))
        self.context.operations.restore(name, value)
