"""A line for each changed file or model, as ``log --stat`` shows them."""

from __future__ import annotations

from dataclasses import dataclass

from mvc.diff.changes import Difference, FileChange, ModelChange, TensorStatus

_WORDS: dict[TensorStatus, str] = {
    "changed": "changed",
    "added": "added",
    "removed": "removed",
    "renamed": "renamed",
    "conflict": "in conflict",
    "moved": "moved to another file",
}


@dataclass(frozen=True, slots=True)
class Stat:
    """``name | words``; ``old_name`` where it was renamed, and for text the lines that came and went."""

    name: str
    words: str
    old_name: str | None = None
    insertions: int = 0
    deletions: int = 0


def summary(difference: Difference) -> tuple[Stat, ...]:
    """One ``Stat`` a model, and a file that belongs to none, by name."""
    return tuple(
        _model_stat(change, [file for file in difference.files if file.model == change.name])
        if isinstance(change, ModelChange)
        else _file_stat(change)
        for change in difference.in_order()
    )


def _model_stat(model: ModelChange, files: list[FileChange]) -> Stat:
    words = _tensor_words(model)
    if model.other_content:
        words.append("header changed" if not words else "header too")
    old_name = None
    for file in files:
        if file.path == model.name and file.old and file.old.path != file.path:
            old_name = file.old.path
        if not words and len(files) == 1:
            words.append(_file_words(file))
    return Stat(model.name, ", ".join(words) or f"{_count(len(files), 'file')} changed", old_name)


def _tensor_words(model: ModelChange) -> list[str]:
    """``12 of 103 tensors changed``, then what else was counted; a new model's are simply added."""
    words: list[str] = []
    for status, word in _WORDS.items():
        count = model.count(status)
        if not count:
            continue
        total = model.old_tensors if status == "removed" else model.new_tensors
        if words:
            words.append(f"{count} {word}")
        elif not (model.old_tensors and model.new_tensors):
            words.append(f"{_count(count, 'tensor')} {word}")
        else:
            words.append(f"{count} of {_count(total, 'tensor')} {word}")
    return words


def _file_stat(file: FileChange) -> Stat:
    old_name = file.old.path if file.old and file.old.path != file.path else None
    if file.text is None:
        return Stat(file.path, _file_words(file), old_name)
    insertions, deletions = file.text.insertions, file.text.deletions
    return Stat(file.path, str(insertions + deletions), old_name, insertions, deletions)


def _file_words(file: FileChange) -> str:
    if file.status == "renamed":
        return "renamed"
    if file.status == "mode" and file.old and file.new:
        return f"mode {file.old.mode:o} → {file.new.mode:o}"
    sizes = (version.size if version else 0 for version in (file.old, file.new))
    return "Bin {} -> {} bytes".format(*sizes)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
