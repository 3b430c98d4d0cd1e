"""Changes of weights in words a person can read. Names are data: what could steer a terminal is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from hooks.comparison import Change, TensorChange, tensor_changes
from hooks.weight_hashes import Tensor, Weight

#: Tensors that are named before "and N more".
_NAMED = 10
_GAP = " " * 11


def change_lines(changes: Sequence[Change]) -> Iterator[str]:
    """A line a file, and one for each of the first tensors that changed in it."""
    for change in changes:
        path = quoted(change.path)
        if change.old_path is not None:
            path = f"{quoted(change.old_path)} -> {path}"
        yield f"{change.kind:<9}{path}{_detail(change)}"
        if change.kind == "changed":
            touched = tensor_changes(change)
            yield from (f"{_GAP}{_tensor(one)}" for one in islice(touched, _NAMED))
            more = sum(1 for _ in touched)
            if more:
                yield f"{_GAP}and {more} more"


def counted(number: int, what: str) -> str:
    """``1 tensor``, ``2 tensors``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def size(count: int) -> str:
    """Bytes for people, in powers of 1000 as Hugging Face counts."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.95:
            break
        amount, unit = amount / 1000, larger
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def quoted(text: str) -> str:
    """``text`` with control characters and odd ones escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _detail(change: Change) -> str:
    old, new = change.old, change.new
    if old is not None and new is not None:
        return f": {_difference(change, old, new)}" if change.kind == "changed" else ""
    if new is None:
        return ""
    tensors = f", {counted(len(new.tensors), 'tensor')}" if new.weights is not None else ""
    return f" ({size(new.size)}{tensors})"


def _difference(change: Change, old: Weight, new: Weight) -> str:
    if old.weights is None or new.weights is None:
        formats = "" if old.format == new.format else f", {old.format} -> {new.format}"
        sizes = size(new.size) if old.size == new.size else f"{size(old.size)} -> {size(new.size)}"
        return f"other bytes ({sizes}{formats})"
    touched = list(tensor_changes(change))
    metadata = old.metadata != new.metadata
    if not touched:
        if old.weights != new.weights:
            return "bytes that belong to no named tensor"
        return "metadata only" if metadata else "other bytes only, the same tensors and metadata"
    added = sum(one.old is None for one in touched)
    removed = sum(one.new is None for one in touched)
    counts = [(len(touched) - added - removed, "changed"), (added, "new"), (removed, "gone")]
    text = ", ".join(f"{number} {word}" for number, word in counts if number)
    text = f"{text} of {counted(len(old.tensors), 'tensor')}"
    if any(_kind(one.old) != _kind(one.new) for one in touched):
        return text  # the header, or the pickle, can't but have changed
    return f"{text}, and metadata" if metadata else f"weights only, {text}"


def _tensor(one: TensorChange) -> str:
    name = quoted(one.name)
    if one.old is None or one.new is None:
        return f"{'-' if one.new is None else '+'} {name}  {_kind(one.old or one.new)}"
    kinds = dict.fromkeys((_kind(one.old), _kind(one.new)))
    return f"~ {name}  {' -> '.join(kinds)}"


def _kind(tensor: Tensor | None) -> str:
    return "" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"
