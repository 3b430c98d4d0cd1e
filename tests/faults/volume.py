"""A file system as POSIX promises it, and no more: what is durable, and what is still on its way.

The model (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014, at its weakest setting):

* A file's bytes and mode are durable when that *file* was synced; its name is durable when the *folder*
  that holds the name was synced. Neither implies the other.
* Changes of one folder that are not yet durable may reach the disk in any combination. A rename inside a
  folder is one change; across folders it is two, one for each folder, which part ways.
* Writes that are not yet durable may reach the disk in any combination, each wholly, in part, or as a
  longer file with zeros where the bytes should be.
"""

from __future__ import annotations

import enum
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field

from faults.trace import (
    Acknowledge,
    Change,
    Create,
    Entry,
    MakeFolder,
    Open,
    Remove,
    RemoveFolder,
    Replace,
    SetMode,
    Step,
    SyncFile,
    SyncFolder,
    Tree,
    Truncate,
    Write,
)

ROOT = 0
SECTOR = 512


class Fate(enum.Enum):
    """What became of one pending effect."""

    KEPT = "kept"
    DROPPED = "dropped"
    TORN = "torn"  # the first half of the bytes, to a sector's end where there is one
    ZEROED = "zeroed"  # the file grew, the bytes never came

    def __repr__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes, or a new size (``content`` None), for the file ``node``."""

    node: int
    offset: int
    content: bytes | None
    label: str

    @property
    def fates(self) -> tuple[Fate, ...]:
        if not self.content:
            return (Fate.KEPT, Fate.DROPPED)
        if len(self.content) == 1:
            return (Fate.KEPT, Fate.DROPPED, Fate.ZEROED)
        return (Fate.KEPT, Fate.DROPPED, Fate.TORN, Fate.ZEROED)

    def apply(self, old: bytes, fate: Fate) -> bytes:
        """What the file holds after this write met its ``fate``."""
        if fate is Fate.DROPPED:
            return old
        if self.content is None:
            return old[: self.offset].ljust(self.offset, b"\0")
        data = self.content
        if fate is Fate.TORN:
            half = len(data) // 2
            data = data[: half - half % SECTOR or half]
        elif fate is Fate.ZEROED:
            # Space that was allocated and never written; bytes that were there before are still there.
            end = self.offset + len(data)
            return old.ljust(end, b"\0")
        start = old[: self.offset].ljust(self.offset, b"\0")
        return start + data + old[self.offset + len(data) :]


@dataclass(frozen=True, slots=True)
class Mode:
    """New permission bits for ``node``."""

    node: int
    mode: int
    label: str
    fates = (Fate.KEPT, Fate.DROPPED)


@dataclass(frozen=True, slots=True)
class Names:
    """Names of the folder ``node`` that come to mean another thing, or (None) nothing, in one go."""

    node: int
    changes: tuple[tuple[str, int | None], ...]
    label: str
    fates = (Fate.KEPT, Fate.DROPPED)


Pending = Data | Mode | Names


@dataclass(slots=True)
class Volume:
    """What has reached the disk for certain, and the effects that may or may not have."""

    contents: dict[int, bytes] = field(default_factory=dict)
    modes: dict[int, int] = field(default_factory=dict)
    folders: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    pending: list[Pending] = field(default_factory=list)
    #: What a running system sees: every effect applied.
    visible: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    handles: dict[int, int] = field(default_factory=dict)
    nodes: int = 0

    @classmethod
    def holding(cls, tree: Tree) -> Volume:
        """A volume on which ``tree`` is durable."""
        volume = cls()
        for path, entry in sorted(tree.items()):
            folder, name = volume._place(path)
            node = volume._new(entry.mode, folder=entry.content is None)
            if entry.content is not None:
                volume.contents[node] = entry.content
            volume.folders[folder][name] = volume.visible[folder][name] = node
        return volume

    def copy(self) -> Volume:
        """The durable part and the pending effects, safe from later steps."""
        folders = {node: dict(names) for node, names in self.folders.items()}
        return Volume(dict(self.contents), dict(self.modes), folders, list(self.pending))

    def apply(self, step: Step) -> None:
        """Take the next step of a trace."""
        match step:
            case SyncFile(handle=handle):
                self._settle(self.handles[handle])
            case SyncFolder(path=path):
                self._settle(self._find(path))
            case Acknowledge():
                pass
            case _:
                self._change(step)

    def _change(self, step: Change) -> None:
        match step:
            case Create(path=path, mode=mode, handle=handle):
                self.handles[handle] = node = self._new(mode, folder=False)
                self._bind(path, node, f"create {path}")
            case Open(path=path, handle=handle):
                self.handles[handle] = self._find(path)
            case Write(handle=handle, path=path, offset=offset, data=data):
                label = f"write {len(data)} bytes at {offset} of {path}"
                self.pending.append(Data(self.handles[handle], offset, data, label))
            case Truncate(handle=handle, path=path, size=size):
                label = f"truncate {path} to {size}"
                self.pending.append(Data(self.handles[handle], size, None, label))
            case MakeFolder(path=path, mode=mode):
                self._bind(path, self._new(mode, folder=True), f"make folder {path}")
            case Replace(source=source, target=target):
                self._rename(source, target)
            case Remove(path=path) | RemoveFolder(path=path):
                self._bind(path, None, f"remove {path}")
            case SetMode(path=path, mode=mode):
                label = f"set mode {mode:o} of {path}"
                self.pending.append(Mode(self._find(path), mode, label))

    def _rename(self, source: str, target: str) -> None:
        node = self._find(source)
        (old, old_name), (new, new_name) = self._place(source), self._place(target)
        label = f"rename {source} to {target}"
        self.visible[old].pop(old_name)
        self.visible[new][new_name] = node
        gone, come = (old_name, None), (new_name, node)
        if old == new:
            self.pending.append(Names(new, (gone, come), label))
        else:
            self.pending.append(Names(new, (come,), label + " (the new name)"))
            self.pending.append(Names(old, (gone,), label + " (the old name's end)"))

    def _bind(self, path: str, node: int | None, label: str) -> None:
        folder, name = self._place(path)
        if node is None:
            self.visible[folder].pop(name)
        else:
            self.visible[folder][name] = node
        self.pending.append(Names(folder, ((name, node),), label))

    def _new(self, mode: int, *, folder: bool) -> int:
        self.nodes += 1
        self.modes[self.nodes] = mode
        if folder:
            self.folders[self.nodes], self.visible[self.nodes] = {}, {}
        else:
            self.contents[self.nodes] = b""
        return self.nodes

    def _place(self, path: str) -> tuple[int, str]:
        folder, name = posixpath.split(path)
        return self._find(folder), name

    def _find(self, path: str) -> int:
        node = ROOT
        for part in path.split("/") if path else ():
            node = self.visible[node][part]
        return node

    def _settle(self, node: int) -> None:
        self._fix([effect for effect in self.pending if effect.node == node])
        self.pending = [effect for effect in self.pending if effect.node != node]

    def _fix(self, effects: Sequence[Pending], fates: Sequence[Fate] | None = None) -> None:
        for number, effect in enumerate(effects):
            fate = fates[number] if fates else Fate.KEPT
            if isinstance(effect, Data):
                self.contents[effect.node] = effect.apply(self.contents[effect.node], fate)
            elif fate is Fate.DROPPED:
                continue
            elif isinstance(effect, Mode):
                self.modes[effect.node] = effect.mode
            else:
                names = self.folders[effect.node]
                for name, node in effect.changes:
                    if node is None:
                        names.pop(name, None)
                    else:
                        names[name] = node

    def after(self, fates: Sequence[Fate]) -> Tree:
        """The tree that is found after a power cut in which each pending effect met its fate."""
        outcome = self.copy()
        outcome._fix(self.pending, fates)
        tree: Tree = {}
        outcome._gather(ROOT, "", tree)
        return tree

    def _gather(self, folder: int, prefix: str, tree: Tree) -> None:
        for name, node in self.folders[folder].items():
            inner = self.folders.get(node)
            content = None if inner is not None else self.contents[node]
            tree[prefix + name] = Entry(self.modes[node], content)
            if inner is not None:
                self._gather(node, f"{prefix}{name}/", tree)
