"""What the hook decides: whether the commit may be made, and what ``.weight_hashes.json`` is to say.

Owns the rules of ``update`` (bring the file up to date, as formatters do, and let the person add it) and of
``check`` (change nothing, believe nothing). Both answer with a ``Verdict``; neither prints.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hooks import git
from hooks.comparison import Change, changes, tensor_changes
from hooks.git import Place
from hooks.report import counted
from hooks.rules import Rules, fits
from hooks.survey import Found, Reading, committed, recorded, survey
from hooks.weight_hashes import NAME, Weights, encode
from mvc.store.fs import Disk

Problem = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``problems`` are (what is wrong, what to do); with none the commit may be made."""

    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def update(place: Place, rules: Rules, reading: Reading) -> Verdict:
    """Bring ``.weight_hashes.json`` up to date; changes are told against HEAD.

    The file is not written while a weight can't be read, or a protected one changed.

    Raises:
        MvcError: Git, or the file of a newer mvc, stands in the way.
        StorageError: the file can't be written.
    """
    before = recorded(place)
    found = survey(place, rules, before.files, reading, trusting=True)
    problems = [*found.problems, *_protected(before.files, found, rules)]
    told = not problems
    if told:
        if before.files != found.files or (before.fault and (found.files or not before.missing)):
            Disk().write_whole(os.path.join(place.root, NAME), encode(found.files), durable=False)
            fault = before.fault and not before.missing and f"{before.fault}: made anew"
            problems.append((fault or f"{NAME} is brought up to date", _how_to_go_on()))
        elif not before.missing:
            problems += _unstaged(found)
    shown = _changes(committed(place), found, rules) if problems or _moved(found) else []
    return Verdict(tuple(shown if told else ()), tuple(problems), tuple(found.notes))


def check(place: Place, rules: Rules, reading: Reading) -> Verdict:
    """Compare every weight that is here, read anew, with what is recorded.

    Raises:
        MvcError: Git, or the file of a newer mvc, stands in the way.
    """
    before = recorded(place)
    found = survey(place, rules, before.files, reading, trusting=False)
    problems = list(found.problems)
    shown = _changes(before.files, found, rules)
    if before.fault and (found.files or not before.missing):
        problems.append((before.fault, _RUN))
    elif shown and not found.problems:
        problems.append((f"{NAME} does not say so of {counted(len(shown), 'file')}", _RUN))
    elif found.files and found.hashes is None:
        problems += _unstaged(found)
    return Verdict(tuple(shown), tuple(problems), tuple(found.notes))


_RUN = f"mvc-weight-hashes, then git add {NAME}"


def _unstaged(found: Found) -> list[Problem]:
    """What is missing for the commit to hold ``.weight_hashes.json`` as it lies in the work tree."""
    if found.hashes is None:
        return [(f"{NAME} is not in Git yet", _how_to_go_on())]
    if found.hashes.later or found.hashes.unmerged:
        return [(f"{NAME} is not staged as it is", _how_to_go_on())]
    return []


def _how_to_go_on() -> str:
    if git.commits_paths():  # what is staged besides does not count
        return f"git add {NAME}, and name it in the commit too: git commit … {NAME}"
    return f"git add {NAME}, then commit again"


def _moved(found: Found) -> bool:
    return found.hashes is not None and found.hashes.changed


def _changes(old: Weights, found: Found, rules: Rules) -> list[Change]:
    def named(change: Change) -> Change:
        left_out = change.kind == "deleted" and fits(change.path, rules.exclude)
        return replace(change, kind="left out") if left_out else change

    return list(map(named, changes(old, found.files)))


def _protected(old: Weights, found: Found, rules: Rules) -> Iterator[Problem]:
    """Protected weights that are no longer as they are recorded; those that could not be read aside."""
    if not rules.protect and not rules.protect_tensors:
        return
    for change in changes(old, found.files):
        lost = change.lost
        if lost is None or (change.new is None and found.problems):
            continue
        renamed = change.kind == "renamed"
        tensors = [one.name for one in tensor_changes(change) if one.old] if not renamed else []
        if rules.protects(lost, tensors):
            yield f"{lost} is protected, and was {change.kind}", _allow(lost)


def _allow(path: str) -> str:
    from shlex import quote

    return f"take the change back; or allow it this once: MVC_ALLOW={quote(path)} git commit …"
