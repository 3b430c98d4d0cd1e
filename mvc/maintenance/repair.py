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

from mvc.errors import CorruptPack, MvcError
from mvc.history import ref_files, reflog
from mvc.history.context import Context
from mvc.history.operation import Change, Operation
from mvc.history.past import REPAIR
from mvc.history.ref_files import PACKED
from mvc.history.refs import OPERATIONS, STAGE, is_id
from mvc.history.signature import NOBODY, Signature
from mvc.history.unpacking import Unpacking, damaged_packs
from mvc.maintenance import housing, logged, lost_refs
from mvc.maintenance.connectivity import Connectivity, Loss
from mvc.maintenance.finding import Repaired
from mvc.maintenance.fsck import loose_damage
from mvc.maintenance.lost_objects import bring_back, trees
from mvc.maintenance.references import lost, wrong_branch, wrong_target
from mvc.maintenance.refit import refit
from mvc.maintenance.workbench import Workbench

#: Objects out of a damaged Git pack that are held in memory before they are written.
_BATCH = 1000


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
        self._bench = Workbench(context, dry_run)
        self._dropped: set[str] = set()

    def run(self) -> Iterator[Repaired]:
        yield from refit(self._bench)
        with ExitStack() as held:
            if not self._dry_run:
                held.enter_context(self._disk.lock(self._bench.path("locks/gc")))
            yield from self._packs()
            yield from self._git_packs()
            try:
                self._bench.fresh().git.open()
            except MvcError as error:
                what = "can't be looked at before what stands above is put right"
                yield Repaired("history", f"{what} ({error.message})", not self._dry_run)
                return
            yield from self._git_objects()
            if not self._dry_run:
                held.enter_context(self._disk.lock(self._bench.path("locks/refs")))
            yield from self._refs()
            yield from self._reflogs()
        yield from self._record()
        yield from self._losses()

    # ------------------------------------------------------------------------------- what is stored

    def _packs(self) -> Iterator[Repaired]:
        if self._dry_run and any("store" in name for name in housing.missing_folders(self._folder)):
            yield Repaired("store", "can't be looked at before its folders are there")
            return
        for found in self._context.store.salvage(self._bench.aside, dry_run=self._dry_run):
            self._dropped.update(found.dropped)
            yield Repaired(os.path.relpath(found.path, self._folder), found.what)

    def _git_packs(self) -> Iterator[Repaired]:
        for path, why in list(damaged_packs(self._bench.path("objects"))):
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
                self._bench.move(name + ending)
            yield Repaired(name, f"its {why}; {count} object(s) of it were kept, by themselves")

    def _git_objects(self) -> Iterator[Repaired]:
        for finding in loose_damage(self._folder):
            self._bench.move(finding.where)
            yield Repaired(finding.where, f"was moved aside: {finding.message}")

    # ------------------------------------------------------------------------------- what names commits

    def _refs(self) -> Iterator[Repaired]:
        context = self._bench.fresh()
        files = ref_files.survey(self._folder)
        yield from self._operations_ref(context, files)
        chain = logged.read_chain(
            context, self._bench.restored.get(OPERATIONS, files.values.get(OPERATIONS))
        )
        if files.packed:
            lines = [text for text, name, _ in ref_files.packed_lines(self._folder) if name]
            self._bench.replace(PACKED, "".join(f"{line}\n" for line in lines).encode())
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
                self._bench.move(name)
                yield Repaired(name, f"{reason}; no log knows where it was", True)
                continue
            self._bench.restore(name, value)
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
            self._bench.move(OPERATIONS)
            yield Repaired(OPERATIONS, "no operation is left; the log begins anew", True)
            return
        self._bench.restore(OPERATIONS, found)
        chain = logged.read_chain(context, found)
        yield Repaired(OPERATIONS, f"is at {found} again, with {chain.length} operations")

    def _wrong_branch(self, context: Context, chain: logged.Chain) -> Iterator[Repaired]:
        files = ref_files.survey(self._folder)
        head = files.values.get("HEAD", "")
        reason = wrong_branch(files, chain)
        value = lost_refs.head(context, files, chain)
        if reason and value != head:
            self._bench.restore("HEAD", value)
            yield Repaired("HEAD", f"{reason}; says {value!r} again")

    def _reflogs(self) -> Iterator[Repaired]:
        git = self._bench.fresh().git
        for ref in logged.reflogs(self._folder):
            lines = logged.lines(self._folder, ref)
            good = [
                line
                for line, move in lines
                if move and all(id_ in git or id_ == reflog.NONE for id_ in (move.old, move.new))
            ]
            if len(good) < len(lines):
                self._bench.replace(f"logs/{ref}", b"".join(good))
                taken = len(lines) - len(good)
                yield Repaired(f"logs/{ref}", f"{taken} damaged line(s) were taken out")

    def _record(self) -> Iterator[Repaired]:
        if not self._bench.restored or self._dry_run:
            return
        changes = tuple(Change(name, value, value) for name, value in self._bench.restored.items())
        changes = tuple(change for change in changes if change.ref != OPERATIONS)
        context = self._bench.fresh()
        names = ", ".join(self._bench.restored)
        operation = Operation(REPAIR, f"repair: put back {names}", changes, self._who)
        try:
            with context.operations.locked():
                context.operations.append(context.writer(), operation)
        except CorruptPack as error:
            yield Repaired(OPERATIONS, f"this repair is not in the log: {error.message}", True)

    # ------------------------------------------------------------------------------- what is lost

    def _losses(self) -> Iterator[Repaired]:
        losses = self._missing()
        back: set[str] = set()
        while losses:
            found = list(bring_back(self._bench.fresh(), losses, dry_run=self._dry_run))
            for path, ids in found:
                back |= ids
                yield Repaired(path, f"gave back {len(ids)} lost object(s)")
            if self._dry_run or not found:
                break
            losses = self._missing()  # behind a folder that came back, files may be missing
        losses = [loss for loss in losses if loss.id not in back]
        for loss in losses:
            finding = loss.finding()
            yield Repaired(finding.where, f"{finding.message}; {_way_back(loss)}", True)

    def _missing(self) -> list[Loss]:
        walk = Connectivity(self._bench.fresh(), self._dropped if self._dry_run else ())
        for _ in walk.walk(ref_files.survey(self._folder).values):
            pass
        return list(walk.losses.values())


def _way_back(loss: Loss) -> str:
    if loss.path is not None:
        return f"'mvc add {loss.path}' with the file as it was there stores it again"
    return f"objects/{loss.id[:2]}/{loss.id[2:]} from any copy of the repository brings it back"
