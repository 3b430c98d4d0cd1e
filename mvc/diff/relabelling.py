"""A difference in which files and models go by other names: those under which people know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mvc.diff.changes import (
    Difference,
    FileChange,
    FileVersion,
    ModelChange,
    TensorChange,
    TensorVersion,
)
from mvc.diff.report import Report
from mvc.diff.text import relabelled as relabelled_text

_Names = Mapping[str, str]


def relabelled(difference: Difference, old: _Names, new: _Names) -> Difference:
    """``difference`` with each path of a side by its name in ``old`` or ``new``; a model of one file by
    that file's."""
    files = [_file(change, old, new) for change in difference.files]
    found = [_model(model, old, new) for model in difference.models]
    return Difference(
        tuple(sorted(files, key=lambda change: change.path)),
        tuple(sorted(found, key=lambda model: model.name)),
    )


def relabelled_report(report: Report, old: _Names, new: _Names) -> Report:
    """``report`` with paths as ``relabelled`` gives them."""
    found = [replace(model, change=_model(model.change, old, new)) for model in report.models]
    documents = [replace(one, path=new.get(one.path, one.path)) for one in report.documents]
    return replace(
        report,
        difference=relabelled(report.difference, old, new),
        models=tuple(sorted(found, key=lambda model: model.change.name)),
        documents=tuple(documents),
    )


def _model_name(name: str, old: _Names, new: _Names) -> str:
    return new.get(name) or old.get(name) or name


def _file(change: FileChange, old: _Names, new: _Names) -> FileChange:
    before, after = _version(change.old, old), _version(change.new, new)
    text = change.text
    if text is not None:
        text = relabelled_text(text, before.path if before else None, after.path if after else None)
    model = None if change.model is None else _model_name(change.model, old, new)
    return replace(change, old=before, new=after, text=text, model=model)


def _version(version: FileVersion | None, names: _Names) -> FileVersion | None:
    return None if version is None else replace(version, path=names[version.path])


def _model(model: ModelChange, old: _Names, new: _Names) -> ModelChange:
    files = {names[path] for path in model.files for names in (old, new) if path in names}
    tensors = tuple(_tensor(tensor, old, new) for tensor in model.tensors)
    name = _model_name(model.name, old, new)
    return replace(model, name=name, files=tuple(sorted(files)), tensors=tensors)


def _tensor(tensor: TensorChange, old: _Names, new: _Names) -> TensorChange:
    before, after = (
        None if version is None else TensorVersion(names[version.path], version.entry)
        for version, names in ((tensor.old, old), (tensor.new, new))
    )
    return replace(tensor, old=before, new=after)
