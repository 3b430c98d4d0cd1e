"""The three-way merge of whole snapshots: files as Git merges them, models tensor by tensor.

It promises to change nothing that can be seen: Git blobs are left in the given writer, store objects are
published in one pack that nothing names yet. It must not know refs, the stage or the work tree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field

from mvc.errors import UsageError
from mvc.history.context import Context
from mvc.history.git import Files
from mvc.history.gitobjects import ObjectWriter
from mvc.history.manifest import is_manifest
from mvc.history.snapshot import Snapshot
from mvc.history.unfinished import FileConflict
from mvc.ids import BlobId
from mvc.merge import strategies
from mvc.merge.grouping import groups
from mvc.merge.job import Job, Progress
from mvc.merge.models import MergedModel, Sides, merge_model
from mvc.merge.renames import follow
from mvc.merge.slots import Slot, Slots
from mvc.merge.texts import favour, merge_texts, write_text
from mvc.values import dataclass


@dataclass(frozen=True, slots=True)
class Merged:
    """``files``: the result, with ours or Git's markers where something is undecided.

    ``conflicts`` are the files to settle, ``undecided`` the tensors to settle, by path. ``tally`` counts the
    tensors of models that both sides changed: ``unchanged``, ``ours``, ``theirs``, ``both`` (the same
    change), ``strategy``, ``mismatch``, ``adapter``, ``conflict``. ``notes``: what of the models did not match,
    and how that was settled.
    """

    files: Files
    conflicts: Mapping[str, FileConflict] = field(default_factory=dict)
    undecided: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tally: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def conflicted(self) -> bool:
        """Whether anything is left for the user."""
        return bool(self.conflicts or self.undecided)


def merge_commits(
    context: Context,
    objects: ObjectWriter,
    base: Snapshot | None,
    ours: Snapshot,
    theirs: Snapshot,
    *,
    strategy: str | None = None,
    labels: tuple[str, str] = ("HEAD", "theirs"),
    progress: Progress | None = None,
    only: tuple[str, ...] = (),
) -> Merged:
    """What becomes of ``ours`` when the changes from ``base`` to ``theirs`` are made to it.

    ``labels`` name the sides in the markers of text conflicts. ``only``: globs of the tensors that take part;
    the rest of their files, and all others, stay as ours. ``objects`` is not flushed.

    Raises:
        UsageError: no such strategy, or a file with such a tensor can't be changed tensor by tensor.
        MergeConflict: one side has not decided a tensor that the other has changed.
    """
    chosen = None if strategy is None else strategies.named(strategy)
    base = Snapshot(context.git, {}) if base is None else base
    moved = only and base.keys() != theirs.keys()
    sides = (base, ours, theirs) if moved else follow(base, ours, theirs)
    with context.store.writer() as pack:
        job = Job(context, objects, pack, chosen, labels, progress, only=only)
        merged = _Merge(job, sides).run()
        pack.publish()
    return merged


class _Merge:
    def __init__(self, job: Job, sides: Sides) -> None:
        self._job = job
        self._sides = sides
        self._files: Files = {}
        self._conflicts: dict[str, FileConflict] = {}
        self._undecided: dict[str, tuple[str, ...]] = {}
        self._tally: Counter[str] = Counter()

    def run(self) -> Merged:
        contested = []
        for path in sorted({path for side in self._sides for path in side}):
            slots = Slots.of(self._sides, path)
            settled = self._unnamed(slots) if self._job.only else slots.settled()
            if settled is None:
                contested.append(path)
            else:
                self._put(path, settled[0])
        if contested:
            self._settle(contested)
        self._part_files_from_folders()
        return Merged(
            dict(sorted(self._files.items())), self._conflicts, self._undecided, self._tally
        )

    def _unnamed(self, slots: Slots) -> tuple[Slot | None] | None:
        """Ours, in a tuple, where theirs changed no tensor; None where it may have."""
        changed = slots.base != slots.theirs
        models = any(slot is not None and not self._is_text(slot[1]) for slot in slots)
        return None if changed and models else (slots.ours,)

    def _settle(self, contested: list[str]) -> None:
        grouped = groups(self._job.context.store, self._sides)
        done: set[str] = set()
        for path in contested:
            if path in done:
                continue
            group = grouped.get(path, frozenset({path}))
            model = merge_model(self._job, self._sides, group)
            if model is None and len(group) > 1:
                group = frozenset({path})
                model = merge_model(self._job, self._sides, group)
            if model is not None:
                done |= group
                self._put_model(group, model)
                if self._job.only:
                    self._announce(group, model)
            elif self._job.only and Slots.of(self._sides, path).ours is not None:
                raise UsageError(
                    f"{path} can't be changed tensor by tensor", hint="without the globs it can"
                )
            else:
                self._merge_file(path)

    def _put_model(self, group: frozenset[str], model: MergedModel) -> None:
        for path in group:
            self._put(path, model.files.get(path))
        self._conflicts.update(model.conflicts)
        self._tally += model.tally
        self._undecided.update(model.undecided)

    def _announce(self, group: frozenset[str], model: MergedModel) -> None:
        from mvc.merge.announced import in_line  # only where a part of a commit is taken

        beside = in_line(self._job, self._sides, group, model.manifests)
        if beside is not None:
            self._put(*beside)

    def _merge_file(self, path: str) -> None:
        """A file that both sides changed and that has no tensors to merge."""
        slots = Slots.of(self._sides, path)
        side = self._job.strategy.file_side if self._job.strategy is not None else None
        if slots.ours is None or slots.theirs is None:
            self._put(path, getattr(slots, side) if side else slots.ours or slots.theirs)
            kind = "delete-modify"
        elif all(slot is None or self._is_text(slot[1]) for slot in slots):
            if self._merge_text(path, slots):
                return
            kind = "text" if slots.base is not None else "add-add"
        else:
            self._put(path, getattr(slots, side) if side else (slots.mode, slots.ours[1]))
            kind = "bytes" if slots.base is not None else "add-add"
        if side is None:
            self._conflicts[path] = slots.conflict(kind)

    def _merge_text(self, path: str, slots: Slots) -> bool:
        """Put the merged text, or ours where Git takes it for binary; whether that settles it."""
        assert slots.ours is not None and slots.theirs is not None
        ids = (slots.base[1] if slots.base else None, slots.ours[1], slots.theirs[1])
        git = self._job.context.git
        side = self._job.strategy.file_side if self._job.strategy is not None else None
        merged = merge_texts(git, *ids, self._job.labels)
        text, clean = merged or (git.blob(ids[1]), False)
        if not clean and side is not None:
            if merged is None or (side == "base" and slots.base is None):
                self._put(path, getattr(slots, side))
                return True
            text, clean = favour(git, *ids, side) or b"", True
        self._put(path, (slots.mode, write_text(self._job, text)))
        return clean

    def _part_files_from_folders(self) -> None:
        """Where one side has a file and the other a folder, the file steps aside, as in Git."""
        folders = {path[:cut] for path in self._files for cut in _slashes(path)}
        for path in sorted(folders.intersection(self._files)):
            slots = Slots.of(self._sides, path)
            label = self._job.labels[0 if self._files[path] == slots.ours else 1]
            aside = f"{path}~{label.replace('/', '_')}"
            while aside in self._files or aside in folders:
                aside += "_"
            self._files[aside] = self._files.pop(path)
            self._conflicts.pop(path, None)
            self._conflicts[aside] = slots.conflict("file-folder")

    def _put(self, path: str, slot: Slot | None) -> None:
        if slot is None:
            self._files.pop(path, None)
        else:
            self._files[path] = slot

    def _is_text(self, blob: BlobId) -> bool:
        return not is_manifest(self._job.context.git.blob(blob))


def _slashes(path: str) -> list[int]:
    return [position for position, character in enumerate(path) if character == "/"]
