"""What is finished of a step that is not committed yet, so that a run that was cut off goes on from there.

``.mvc/compress/journal/``: ``run.json`` says which run it is (its fingerprint), a file a layer what is done.
Each is written whole and durably, or not at all. A plain work folder and no objects: nothing here is history,
gc neither sees nor keeps it, and losing it costs time alone. One run at a time has it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from compress.streaming.layer import Layer
from compress.unworkable import Unworkable
from mvc.errors import FormatError, Locked, OutOfSpace, Refused, StorageError, UsageError
from mvc.history.record import Json
from mvc.store.fs import Disk

_RUN = "run.json"
_SCRATCH = "scratch-"
_ENDING = ".safetensors"
#: Seconds that a run waits for the journal: who only asks whether it is in use has it for far less.
_PATIENCE = 0.2


class Journal:
    """The one of the repository folder ``.mvc``."""

    resumable = True

    def __init__(self, folder: str, disk: Disk | None = None, *, name: str = "journal") -> None:
        self._home = os.path.join(folder, "compress")
        self.path = os.path.join(self._home, name)
        self._lock = os.path.join(self._home, "lock")
        self._disk = disk or Disk()

    @contextmanager
    def held(self, *, whole: bool = False) -> Iterator[None]:
        """While it lasts no other run has the journal.

        ``whole``: the run has no layers to finish one by one, and is kept from its beginning.

        Raises:
            Locked: another one has.
        """
        self._disk.make_folder(self._home)
        with ExitStack() as locked:
            try:
                locked.enter_context(self._disk.lock(self._lock, patience=_PATIENCE))
            except Locked as error:
                raise Locked(
                    "another compression runs in this repository", hint="wait until it has ended"
                ) from error
            self._clear_left_over()
            try:
                yield
            except BaseException as error:
                # A run that finished nothing is none that could be resumed, unless it has no parts.
                if not (self.resumable and (whole or self.finished())):
                    self.clear()
                elif isinstance(error, OutOfSpace):
                    error.hint = "free some space, then mvc compress resume"
                raise

    def in_use(self) -> bool:
        """Whether a run has the journal at this moment."""
        if not os.path.exists(self._lock):
            return False
        try:
            with self._disk.lock(self._lock, shared=True, patience=0.0):
                return False
        except Locked:
            return True
        except StorageError:  # no lock can be had here, and so no run has it
            return False

    @contextmanager
    def worth_resuming(self) -> Iterator[None]:
        """While the block lasts, an error that the same run would come to again forgets the run."""
        try:
            yield
        except (Unworkable, UsageError, FormatError, Refused):
            self.clear()
            raise

    def _clear_left_over(self) -> None:
        """What dry runs that were killed have left: nobody has the lock but us."""
        for name in os.listdir(self._home):
            if name.startswith(_SCRATCH):
                Journal(os.path.dirname(self._home), self._disk, name=name).clear()

    def run(self) -> Mapping[str, Json] | None:
        """The fingerprint of the run that was cut off; None when there is none."""
        try:
            with open(os.path.join(self.path, _RUN), encoding="utf-8") as file:
                found: dict[str, Json] = json.load(file)
                return found
        except (FileNotFoundError, ValueError):
            return None

    def begin(self, fingerprint: Mapping[str, Json]) -> None:
        """Begin a run; what was there of another goes."""
        self.clear()
        self._disk.make_folder(self.path)
        data = json.dumps(dict(fingerprint), sort_keys=True, indent=1).encode()
        self._disk.write_whole(os.path.join(self.path, _RUN), data + b"\n")

    def finished(self) -> list[str]:
        """Which layers are finished, in their order."""
        try:
            names = os.listdir(self.path)
        except FileNotFoundError:
            return []
        return sorted(name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING))

    def write(self, layer: Layer) -> None:
        """Keep a finished layer: once this returns, it outlives a crash."""
        self._disk.write_whole(self._file(layer.key), layer.encode())

    def read(self, key: str) -> Layer:
        """A finished layer; CorruptPack if it is damaged."""
        return Layer.open(self._file(key))

    def layers(self) -> list[Layer]:
        """All that are finished, in their order."""
        return [self.read(key) for key in self.finished()]

    def drop(self, key: str) -> None:
        """Forget a finished layer."""
        self._disk.remove(self._file(key))

    def clear(self) -> None:
        """Forget everything; which run it was goes first, so that half of it is never taken for one."""
        if not os.path.isdir(self.path):
            return
        names = sorted(os.listdir(self.path), key=lambda name: name != _RUN)
        for name in names:
            self._disk.remove(os.path.join(self.path, name))
        self._disk.remove_folder(self.path)

    def _file(self, key: str) -> str:
        return os.path.join(self.path, f"{key}{_ENDING}")


class Scratch(Journal):
    """A journal that is forgotten with the run: for a dry run, or a rerun."""

    resumable = False

    def __init__(self, folder: str) -> None:
        super().__init__(folder, name=f"{_SCRATCH}{os.getpid()}")


def key_of(block: int) -> str:
    """Block 3 is ``0003``, so that names sort as blocks do."""
    return f"{block:04}"
