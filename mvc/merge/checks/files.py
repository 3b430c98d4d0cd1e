"""The files beside a merged model, brought in line with what became of its tensors.

A tokenizer goes with the rows that its tokens have: its files are one model's, whole. In ``config.json`` only
keys that were settled change; the rest stays as Git merged it.
"""

from __future__ import annotations

import json
from typing import Any

from mvc.errors import MvcError
from mvc.formats.strict_json import parse
from mvc.history.git import Files
from mvc.history.gitobjects import FILE_MODE
from mvc.history.snapshot import Snapshot
from mvc.history.unfinished import FileConflict
from mvc.merge.checks.beside import CONFIG, TOKENIZER, read_json
from mvc.merge.checks.settling import Checked
from mvc.merge.job import Job
from mvc.merge.texts import read_text, write_text

_ABSENT = object()


def put_beside(
    job: Job,
    checked: Checked,
    sides: tuple[Snapshot, ...],
    files: Files,
    conflicts: dict[str, FileConflict],
) -> None:
    """Change ``files``, and take out of ``conflicts`` what is settled by that; ``sides``: the base first."""
    if checked.lead is not None:
        lead = sides[1 + checked.lead]
        for name in TOKENIZER:
            path = checked.folder + name
            conflicts.pop(path, None)
            if path in lead:
                files[path] = lead[path]
            else:
                files.pop(path, None)
    if checked.config:
        _configure(job, checked, sides, files, conflicts)


def _configure(
    job: Job,
    checked: Checked,
    sides: tuple[Snapshot, ...],
    files: Files,
    conflicts: dict[str, FileConflict],
) -> None:
    path = checked.folder + CONFIG
    store = job.context.store
    if path in conflicts:
        merged = _by_key([read_json(store, side, path) for side in sides], checked.config)
        if merged is None:
            return  # another key is left to the user
        del conflicts[path]
    elif path in files:
        try:
            merged = parse(read_text(store, Snapshot(job.context.git, files), path))
        except MvcError:
            return
    else:
        return
    if not isinstance(merged, dict):
        return
    wanted = {**merged, **checked.config}
    if path in files and wanted == merged and _spells(job, files, path, wanted):
        return
    mode = files[path][0] if path in files else FILE_MODE
    same = [side[path] for side in sides[1:] if read_json(store, side, path) == wanted]
    if same:
        files[path] = same[0]
        return
    text = json.dumps(wanted, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    files[path] = (mode, write_text(job, text.encode()))


def _spells(job: Job, files: Files, path: str, wanted: dict[str, Any]) -> bool:
    """Whether the file says that already: after a conflict it holds markers."""
    return read_json(job.context.store, Snapshot(job.context.git, files), path) == wanted


def _by_key(sides: list[dict[str, Any]], settled: dict[str, object]) -> dict[str, Any] | None:
    """The configurations merged key by key, the base first; None where a key that is not settled clashes."""
    base, *models = sides
    merged: dict[str, Any] = {}
    for key in {key for side in sides for key in side}:
        before = base.get(key, _ABSENT)
        changed = [side.get(key, _ABSENT) for side in models if side.get(key, _ABSENT) != before]
        if key in settled:
            value = settled[key]
        elif any(one != changed[0] for one in changed):
            return None
        else:
            value = changed[0] if changed else before
        if value is not _ABSENT:
            merged[key] = value
    return merged
