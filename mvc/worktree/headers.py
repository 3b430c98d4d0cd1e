"""The tensors of the files on disk, from their headers alone: nothing is hashed, and no tensor is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mvc.errors import FormatError
from mvc.formats.layout import Tensor
from mvc.history.context import Context
from mvc.worktree.place import look
from mvc.worktree.reading import Model, classify, open_file


def tensors_on_disk(
    context: Context, paths: Iterable[str]
) -> Iterator[tuple[str, Sequence[Tensor]]]:
    """Each of the tracked ``paths`` that is a model on disk, with its tensors by name.

    Files that are gone, that are no models, or that their format refuses have none to show.

    Raises:
        StorageError: a file can't be read.
    """
    for path in paths:
        if look(context.root, path) is None:
            continue
        try:
            with open_file(context.root, path) as opened:
                content = classify(opened)
        except FormatError:
            continue
        if isinstance(content, Model):
            yield path, content.layout.tensors
