"""A look into one file or sharded model: its tensors, their numbers and values, and the way out of them.

Reached as ``repo.inspect(path, revision)``. Holds no algorithm; they are in ``diff/``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mvc.errors import UsageError
from mvc.history.context import Context
from mvc.history.side import Side
from mvc.sides import one_side

if TYPE_CHECKING:
    from mvc.diff.describing import Described


class Inspection:
    """``path`` as a commit has it, the stage (``revision`` is ``""``) or the work tree (None).

    ``globs`` choose tensors by whole names; none means all.

    Raises:
        UsageError: no such revision or path, or a glob matches no tensor.
    """

    def __init__(
        self,
        context: Context,
        path: str,
        revision: str | None,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._context = context
        self._path = path
        self._revision = revision
        self._progress = progress

    @property
    def is_model(self) -> bool:
        """Whether there are tensors in it, rather than text or plain bytes."""
        from mvc.diff.describing import chosen

        return bool(chosen(self._side, self._path, ()))

    def tensors(self, globs: Sequence[str] = (), *, numeric: bool = True) -> list[Described]:
        """The tensors by name; with ``numeric`` each is read, and its numbers said."""
        from mvc.diff.describing import describe

        return describe(self._side, self._path, globs, numeric=numeric, progress=self._progress)

    def arrays(self, globs: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
        """Name and NumPy array of each tensor, one at a time."""
        from mvc.arrays import to_numpy
        from mvc.diff.describing import chosen

        for version in chosen(self._side, self._path, globs):
            entry = version.entry
            data = bytearray()
            for piece in self._side.chunks(version.path, entry):
                data += piece  # a piece is valid until the next
            yield entry.name, to_numpy(entry.dtype, entry.shape, data)

    def export(self, target: str, globs: Sequence[str] = (), *, force: bool = False) -> None:
        """Write the tensors to ``target``: one to a ``.npy``, any number to a ``.safetensors`` file."""
        from mvc.diff.describing import chosen
        from mvc.diff.exporting import export

        tensors = chosen(self._side, self._path, globs)
        if not tensors:
            raise UsageError(f"{self._path} has no tensors", hint="mvc show writes its bytes")
        export(
            self._side, tensors, target, self._context.disk, force=force, progress=self._progress
        )

    @cached_property
    def _side(self) -> Side:
        return one_side(self._context, self._path, self._revision, self._progress)
