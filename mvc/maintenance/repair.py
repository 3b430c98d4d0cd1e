"""``repair``: put right what the repository itself can tell, and say what is lost.

Nothing is deleted: what is replaced goes to ``.mvc/lost-found/<time>/``. Each step is durable before the
next, and every step finds its work by looking, so a repair that was cut off is simply run again, and one
with nothing to do does nothing.

The order is that of need: the housing, without which nothing opens; packs and Git objects, which refs are
judged by; refs and logs; then what of the lost objects the work tree still has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from mvc.errors import CorruptPack, MvcError
from mvc.history import horizon, ref_files, reflog
from mvc.history.config import entries
from mvc.history.context import Context
from mvc.history.foundation import CONFIG, FORMAT, POINTER
from mvc.history.operations import Change, Operation
from mvc.history.past import REPAIR
from mvc.history.ref_files import PACKED
from mvc.history.refs import OPERATIONS, STAGE, is_id
from mvc.history.signature import NOBODY, Signature
from mvc.history.unpacking import Unpacking, damaged_packs
from mvc.maintenance import housing, logged, lost_refs
from mvc.maintenance.connectivity import Connectivity, Loss
from mvc.maintenance.fsck import loose_damage
from mvc.maintenance.lost_found import LostFound
from mvc.maintenance.lost_objects import bring_back, trees
from mvc.maintenance.references import lost, wrong_branch, wrong_target

#: Objects out of a damaged Git pack that are held in memory before they are written.
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Repaired:
    """``where``: a file of the repository, a ref, a commit; ``what`` was done, or, ``lost``, is gone."""

    where: str
    what: str
    lost: bool = False


def repair(context: Context, *, who: Signature | None, dry_run: bool) -> list[Repaired]:
    """Everything that was put right, then everything that is lost; with ``dry_run`` nothing is changed.

    Raises:
        Locked: another command works on the repository.
        StorageError: the disk refused; what was done stands, and the rest can be done later.
    """
    job = _Repair(context, who or Signature.now(*NOBODY), dry_run)
    return list(job.run())


class _Repair:
    def __init__(self, context: Context, who: Signature, dry_run: bool) -> None:
        self._context = context
        self._folder = context.folder
        self._disk = context.disk
        self._who = who
        self._dry_run = dry_run
        self._aside = LostFound(context.folder, context.disk)
        self._restored: dict[str, str] = {}
        self._dropped: set[str] = set()

    def run(self) -> Iterator[Repaired]:
        yield from self._housing()
        with ExitStack() as held:
            if not self._dry_run:
                held.enter_context(self._disk.lock(self._path("locks/gc")))
            yield from self._packs()
            yield from self._git_packs()
            try:
                self._fresh().git.open()
            except MvcError as error:
                what = "can't be looked at before what stands above is put right"
                yield Repaired("history", f"{what} ({error.message})", not self._dry_run)
                return
            yield from self._git_objects()
            if not self._dry_run:
                held.enter_context(self._disk.lock(self._path("locks/refs")))
            yield from self._refs()
            yield from self._reflogs()
        yield from self._record()
        yield from self._losses()

    # ------------------------------------------------------------------------------- what holds all

    def _housing(self) -> Iterator[Repaired]:
        for name in housing.missing_folders(self._folder):
            if not self._dry_run:
                self._disk.make_folder(self._path(name))
            yield Repaired(name, "the missing folder was made")
        for name, text in (("format", FORMAT), (".git", POINTER)):
            if housing.read(self._folder, name) != text.encode():
                self._replace(name, text.encode())
                yield Repaired(name, f"reads {text.strip()!r} again")
        try:
            horizon.read(self._folder)
        except MvcError:
            self._move("shallow")
            yield Repaired("shallow", "was moved aside: where the operation log ends is not known")
        head = self._path("HEAD")
        files = ref_files.survey(self._folder)
        if "HEAD" not in files.values:
            value = lost_refs.head(self._context, files)
            if os.path.lexists(head):
                self._move("HEAD")
            if not self._dry_run:
                self._disk.write_whole(head, f"{value}\n".encode())
            yield Repaired("HEAD", f"says {value!r} again")
        yield from self._config()

    def _config(self) -> Iterator[Repaired]:
        try:
            found = dict(entries(self._path("config")))
            # In a dry run HEAD may be what Git can't open, and it still is not put right.
            broken = any(damaged_packs(self._path("objects"), indexes_only=True))
            if not broken and (
                not self._dry_run or "HEAD" in ref_files.survey(self._folder).values
            ):
                self._fresh().git.open()
        except MvcError:
            found = {}
        if any(found.get(key, "").lower() != value for key, value in housing.vital().items()):
            kept, config = _salvaged_config(housing.read(self._folder, "config") or b"")
            self._replace("config", config)
            yield Repaired("config", f"was written anew with {kept} option(s) of the damaged one")

    def _packs(self) -> Iterator[Repaired]:
        if self._dry_run and any("store" in name for name in housing.missing_folders(self._folder)):
            yield Repaired("store", "can't be looked at before its folders are there")
            return
        for found in self._context.store.salvage(self._aside, dry_run=self._dry_run):
            self._dropped.update(found.dropped)
            yield Repaired(os.path.relpath(found.path, self._folder), found.what)

    def _git_packs(self) -> Iterator[Repaired]:
        for path, why in list(damaged_packs(self._path("objects"))):
            objects = self._context.writer()
            count = 0
            if os.path.isfile(path + ".pack"):
                for count, (kind, body) in enumerate(Unpacking(path + ".pack"), start=1):
                    if not self._dry_run:
                        objects.put(kind, body)
                        if count % _BATCH == 0:
                            objects.flush()
            name = os.path.relpath(path, self._folder).replace(os.sep, "/")
            if not self._dry_run:
                objects.flush()
            for ending in (".idx", ".rev", ".bitmap", ".mtimes", ".pack"):
                self._move(name + ending)
            yield Repaired(name, f"its {why}; {count} object(s) of it were kept, by themselves")

    def _git_objects(self) -> Iterator[Repaired]:
        for finding in loose_damage(self._folder):
            self._move(finding.where)
            yield Repaired(finding.where, f"was moved aside: {finding.message}")

    # ------------------------------------------------------------------------------- what names commits

    def _refs(self) -> Iterator[Repaired]:
        context = self._fresh()
        files = ref_files.survey(self._folder)
        yield from self._operations_ref(context, files)
        chain = logged.read_chain(context, self._now(files, OPERATIONS))
        if files.packed:
            lines = [text for text, name, _ in ref_files.packed_lines(self._folder) if name]
            self._replace(PACKED, "".join(f"{line}\n" for line in lines).encode())
            yield Repaired(PACKED, f"{len(files.packed)} damaged line(s) were taken out")
        wrong = {
            name: reason
            for name, value in files.values.items()
            if is_id(value) and (reason := wrong_target(context, name, value))
        }
        wrong |= dict.fromkeys(files.damaged, "was damaged")
        wrong |= dict.fromkeys(lost(context, files, chain), "was missing")
        wrong.pop(OPERATIONS, None)
        if STAGE in wrong and (tree := files.values.get(STAGE, chain.expected(STAGE))):
            for where, _ in trees(context, {tree}, dry_run=self._dry_run):
                yield Repaired(STAGE, f"{where} was made again")
                if files.values.get(STAGE) == tree:
                    del wrong[STAGE]
        for name, reason in wrong.items():
            value = (
                lost_refs.head(context, files, chain)
                if name == "HEAD"
                else lost_refs.value(context, name, chain)
            )
            if value is None:
                self._move(name)
                yield Repaired(name, f"{reason}; no log knows where it was", True)
                continue
            self._restore(name, value)
            yield Repaired(name, f"{reason}; it is at {value} again")
        yield from self._wrong_branch(context, chain)

    def _operations_ref(self, context: Context, files: ref_files.RefFiles) -> Iterator[Repaired]:
        value = files.values.get(OPERATIONS)
        if value is None and OPERATIONS not in files.damaged:
            used = housing.read(self._folder, "applied") or "refs/mvc/stage" in files.values
            if not used:
                return
        elif value is not None:
            chain = logged.read_chain(context, value)
            if chain.length or chain.broken is None:
                return
        found = lost_refs.newest_operation(context)
        if found is None:
            self._move(OPERATIONS)
            yield Repaired(OPERATIONS, "no operation is left; the log begins anew", True)
            return
        self._restore(OPERATIONS, found)
        chain = logged.read_chain(context, found)
        yield Repaired(OPERATIONS, f"is at {found} again, with {chain.length} operations")

    def _wrong_branch(self, context: Context, chain: logged.Chain) -> Iterator[Repaired]:
        files = ref_files.survey(self._folder)
        head = files.values.get("HEAD", "")
        reason = wrong_branch(files, chain)
        value = lost_refs.head(context, files, chain)
        if reason and value != head:
            self._restore("HEAD", value)
            yield Repaired("HEAD", f"{reason}; says {value!r} again")

    def _reflogs(self) -> Iterator[Repaired]:
        git = self._fresh().git
        for ref in logged.reflogs(self._folder):
            lines = logged.lines(self._folder, ref)
            good = [
                line
                for line, move in lines
                if move and all(id_ in git or id_ == reflog.NONE for id_ in (move.old, move.new))
            ]
            if len(good) < len(lines):
                self._replace(f"logs/{ref}", b"".join(good))
                taken = len(lines) - len(good)
                yield Repaired(f"logs/{ref}", f"{taken} damaged line(s) were taken out")

    def _record(self) -> Iterator[Repaired]:
        if not self._restored or self._dry_run:
            return
        changes = tuple(Change(name, value, value) for name, value in self._restored.items())
        changes = tuple(change for change in changes if change.ref != OPERATIONS)
        context = self._fresh()
        names = ", ".join(self._restored)
        operation = Operation(REPAIR, f"repair: put back {names}", changes, self._who)
        try:
            with context.operations.locked():
                context.operations.append(context.writer(), operation)
        except CorruptPack as error:
            yield Repaired(OPERATIONS, f"this repair is not in the log: {error.message}", True)

    # ------------------------------------------------------------------------------- what is lost

    def _losses(self) -> Iterator[Repaired]:
        losses = self._missing()
        if losses:
            back: set[str] = set()
            for path, ids in bring_back(self._fresh(), losses, dry_run=self._dry_run):
                back |= ids
                yield Repaired(path, f"gave back {len(ids)} lost object(s)")
            if not self._dry_run:
                losses = self._missing()
            losses = [loss for loss in losses if loss.id not in back]
        for loss in losses:
            finding = loss.finding()
            yield Repaired(finding.where, f"{finding.message}; {_way_back(loss)}", True)

    def _missing(self) -> list[Loss]:
        walk = Connectivity(self._fresh(), self._dropped if self._dry_run else ())
        for _ in walk.walk(ref_files.survey(self._folder).values):
            pass
        return list(walk.losses.values())

    # ------------------------------------------------------------------------------- how it is done

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, *name.split("/"))

    def _fresh(self) -> Context:
        """A context that remembers nothing of what has been replaced."""
        return Context(self._context.root, self._folder, self._disk)

    def _now(self, files: ref_files.RefFiles, name: str) -> str | None:
        return self._restored.get(name) or files.values.get(name)

    def _move(self, name: str) -> None:
        if not self._dry_run and os.path.lexists(self._path(name)):
            self._aside.move(self._path(name))

    def _replace(self, name: str, data: bytes) -> None:
        if self._dry_run:
            return
        if os.path.isfile(self._path(name)):
            self._aside.copy(self._path(name))
        self._disk.write_whole(self._path(name), data)

    def _restore(self, name: str, value: str) -> None:
        self._restored[name] = value
        if self._dry_run:
            return
        if os.path.isfile(self._path(name)):
            self._aside.copy(self._path(name))
        self._context.operations.restore(name, value)


def _salvaged_config(data: bytes) -> tuple[int, bytes]:
    """How many of a damaged configuration's own options could be kept, and the configuration with them."""
    base = housing.options(CONFIG)
    sections: dict[str, list[str]] = {}
    section = ""
    for line in data.decode("utf-8", "replace").splitlines():
        if housing.SECTION.fullmatch(line.strip()):
            section = line.strip()
        elif (option := housing.OPTION.fullmatch(line.strip())) and section:
            if f"{section.strip('[]')}.{option[1]}".lower() not in base:
                sections.setdefault(section, []).append(f"\t{line.strip()}\n")
    kept = sum(map(len, sections.values()))
    text = "".join(f"{name}\n{''.join(lines)}" for name, lines in sections.items())
    return kept, (CONFIG + text).encode()


def _way_back(loss: Loss) -> str:
    if loss.path is not None:
        return f"'mvc add {loss.path}' with the file as it was there stores it again"
    return f"objects/{loss.id[:2]}/{loss.id[2:]} from any copy of the repository brings it back"
