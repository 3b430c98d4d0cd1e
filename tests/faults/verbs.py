"""Every verb that writes, as deeds (see ``deeds.py``)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from faults.deeds import Act, Deed
from faults.joins import (
    CLASH,
    EDITED,
    apart,
    behind,
    clashing,
    clashing_tensors,
    conflicted,
    first_of_two,
    go_on_or,
    merge_clash,
    pick_clash,
    rebase_clash,
    rebasing_begun,
    resolved,
    revert_clash,
    reverting,
    reverting_begun,
    row_begun,
    skip_and_stop,
    undecided,
    with_adapter,
)
from faults.worlds import (
    ONE,
    begun,
    model,
    opened,
    save,
    with_branches,
    with_one,
    with_two,
    work,
)
from signing_keys import MemorySigner

from mvc.errors import MergeConflict
from mvc.history.step import Step
from mvc.repository import Repository
from mvc.store.fs import Disk

NEW = {"new/model.safetensors": model(n=5, o=6), "notes.md": b"some words\n"}


def edited(root: str, disk: Disk) -> None:
    """Two commits, and in the work tree an edit, two new files and a deletion, none staged."""
    with_two(root, disk)
    save(root, {**EDITED, **NEW})
    os.remove(os.path.join(work(root), "sub/extra.bin"))


def staged(root: str, disk: Disk) -> None:
    edited(root, disk)
    opened(root, disk).add(everything=True)


def _signed(repository: Repository) -> None:
    repository.signer = MemorySigner("ada@example.org", b"ada")
    repository.commit("signed")


def tagged(root: str, disk: Disk) -> None:
    with_branches(root, disk)
    opened(root, disk).tags.create("v1", "topic", message="the first")


def executable(root: str, disk: Disk) -> None:
    with_two(root, disk)
    os.chmod(os.path.join(work(root), "config.json"), 0o755)


def removed(root: str, disk: Disk) -> None:
    with_two(root, disk)
    opened(root, disk).remove(["sub/extra.bin"])


def undone(root: str, disk: Disk) -> None:
    with_branches(root, disk)
    opened(root, disk).switch("topic")


def half_staged(root: str, disk: Disk) -> None:
    """As ``edited``, with one of the edits and a new file on the stage."""
    edited(root, disk)
    opened(root, disk).add(["config.json", "notes.md"])


def stashed(root: str, disk: Disk) -> None:
    """Two stashes, the newer one with what was staged, and an edit of another file since."""
    half_staged(root, disk)
    opened(root, disk).stash.push("one", paths=["sub/extra.bin"])
    opened(root, disk).stash.push("two")
    save(root, {"sub/extra.bin": b"edited since"})


def stash_clash(root: str, disk: Disk) -> None:
    with_one(root, disk)
    save(root, CLASH)
    opened(root, disk).stash.push()
    save(root, {"model.safetensors": model(a=8, b=2, c=3)})
    opened(root, disk).commit("ours", all=True)


def _pop_clash(repository: Repository) -> None:
    with contextlib.suppress(MergeConflict):
        repository.stash.pop()


def _stashing(name: str, prepare: Callable[[str, Disk], None], push: Act) -> Deed:
    """A ``stash push``. Cut off between the stash and the files, it is in both: popped, it is made again."""

    def again(repository: Repository) -> None:
        if len(repository.stash):
            repository.stash.pop(index=True)
        push(repository)

    return Deed(name, prepare, (push,), again=again, refs_first=True)


def littered(root: str, disk: Disk) -> None:
    """Work that nothing names any more: a branch that was deleted, a commit that was amended."""
    with_branches(root, disk)
    opened(root, disk).branches.delete("topic", force=True)
    save(root, EDITED)
    repository = opened(root, disk)
    repository.add(["config.json"])
    repository.commit("two, again", amend=True)


def _add(*paths: str) -> Act:
    return lambda repository: repository.add(paths or (".",))


def _everything(repository: Repository) -> None:
    repository.add(everything=True)


def _put_back(there: str, here: str) -> None:
    if not os.path.isdir(there):
        os.replace(there, here)
        return
    for name in os.listdir(there):
        os.makedirs(here, exist_ok=True)
        os.replace(os.path.join(there, name), os.path.join(here, name))
    os.rmdir(there)


def _moving(
    name: str, prepare: Callable[[str, Disk], None], sources: list[str], target: str
) -> Deed:
    """A ``mv``. Cut off between the files and the stage, it is done again once the files are put back."""

    def again(repository: Repository) -> None:
        for source in sources:
            here, there = (os.path.join(repository.root, path) for path in (source, target))
            if os.path.lexists(there):
                _put_back(there, here)
        repository.move(sources, target)

    return Deed(name, prepare, (lambda r: r.move(sources, target),), again=again, parted=False)


def _third(repository: Repository) -> str:
    """The operation before the last two."""
    return str([operation.id for operation in repository.operations()][2])


def _arrays() -> dict[str, object]:
    import numpy as np

    return {"x": np.arange(24, dtype=np.float32).reshape(4, 6), "y": np.ones(3, dtype=np.int8)}


def expired(root: str, disk: Disk) -> None:
    with_two(root, disk)
    opened(root, disk).upkeep.expire(["HEAD~1"])


def line(root: str, disk: Disk) -> None:
    """Five commits, of which only one file changes each time."""
    with_two(root, disk)
    for number in range(3):
        save(root, {"model.safetensors": model(a=1, b=30 + number, c=3)})
        opened(root, disk).commit(f"step {number}", all=True)
    opened(root, disk).metrics.add({"loss": 1.0})


def searching(root: str, disk: Disk) -> None:
    line(root, disk)
    opened(root, disk).bisect.start(["HEAD", "HEAD~4"])


#: Each is one command line; together all that change a repository or the work tree.
def _halved() -> Step:
    """New tensors and a new text, with all that a record can say."""
    return Step(
        onto="HEAD",
        message="halve",
        operation="halve",
        model="model.safetensors",
        tensors=_arrays(),
        files={"config.json": b'{"layers": 4}\n', "notes.md": b"halved\n"},
        parameters={"factor": 0.5},
        seed=1,
        metrics={"loss": 1.5},
    )


def _refused(root: str, disk: Disk) -> None:
    with_two(root, disk)
    opened(root, disk).steps.refuse(_halved())


DEEDS = [
    Deed("add", edited, (_add("new", "notes.md"),)),
    Deed("add -A", edited, (_everything,)),
    Deed("add -u", edited, (lambda r: r.add(update=True),)),
    Deed("add, the mode", executable, (_add("config.json"),)),
    Deed("add, the first", lambda root, disk: (begun(root, disk), save(root, ONE))[1], (_add(),)),
    Deed("rm", with_two, (lambda r: r.remove(["sub/extra.bin", "config.json"]),)),
    Deed("rm -r --cached", with_two, (lambda r: r.remove(["sub"], cached=True, recursive=True),)),
    Deed(
        "rm -f",
        staged,
        (lambda r: r.remove(["config.json", "new/model.safetensors"], force=True),),
        doomed=frozenset({"config.json", "new/model.safetensors"}),
    ),
    _moving("mv", edited, ["config.json"], "settings.json"),
    _moving("mv, to a folder", edited, ["config.json"], "deep/er/settings.json"),
    _moving("mv, a folder", with_two, ["sub"], "other"),
    Deed(
        "commit -a",
        edited,
        (lambda r: r.add(update=True), lambda r: r.commit("all")),
        act=lambda r: r.commit("all", all=True),
    ),
    Deed("commit", staged, (lambda r: r.commit("staged"),)),
    Deed("commit --amend", staged, (lambda r: r.commit("amended", amend=True),)),
    Deed("commit -S", staged, (_signed,)),
    Deed("commit --allow-empty", with_one, (lambda r: r.commit("empty", allow_empty=True),)),
    Deed(
        "commit_tensors",
        with_one,
        (lambda r: r.commit_tensors(_arrays(), "from memory", path="made/new.safetensors"),),
    ),
    Deed("step", with_two, (lambda r: r.steps.commit(_halved()),)),
    Deed("step, refused", with_two, (lambda r: r.steps.refuse(_halved()),)),
    Deed("step, forgotten", _refused, (lambda r: r.steps.forget(1),)),
    Deed("merge --ff", behind, (lambda r: r.merge("topic"),)),
    Deed("merge --no-ff", behind, (lambda r: r.merge("topic", fast_forward="never"),)),
    Deed("merge, clean", with_branches, (lambda r: r.merge("topic"),)),
    Deed("merge, average", clashing, (lambda r: r.merge("clash", strategy="ours"),)),
    Deed(
        "merge --adapter",
        with_adapter,
        (lambda r: r.merge_adapter("lora", into="net.safetensors"),),
    ),
    Deed("merge, conflict", clashing, (merge_clash,)),
    Deed("merge, resolve", conflicted, (lambda r: r.resolve_conflicts(["."], "theirs"),)),
    Deed("merge --continue", resolved, (lambda r: r.commit(),)),
    Deed(
        "merge --keep-conflicts",
        clashing_tensors,
        (lambda r: r.merge("clash", keep_conflicts=True),),
    ),
    Deed("resolve", undecided, (lambda r: r.settle((), "theirs"),)),
    Deed("resolve -n", undecided, (lambda r: r.settle(["a"], "average", commit=False),)),
    Deed("resolve, of a merge", conflicted, (lambda r: r.settle(["a"], "theirs"),)),
    Deed("merge --abort", conflicted, (lambda r: r.abort(),)),
    Deed("revert", with_two, (lambda r: r.revert("HEAD"),)),
    Deed("revert, conflict", reverting, (revert_clash,)),
    Deed(
        "revert, a row",
        reverting,
        (first_of_two, lambda r: r.continue_row("revert")),
        act=lambda r: r.revert_each(["HEAD", "HEAD~1"]),
        again=go_on_or(lambda r: r.revert_each(["HEAD", "HEAD~1"])),
    ),
    Deed(
        "revert --skip",
        row_begun,
        (skip_and_stop, lambda r: r.continue_row("revert")),
        act=lambda r: r.skip_row("revert"),
        again=go_on_or(lambda r: r.skip_row("revert")),
    ),
    Deed("revert --abort, a row", row_begun, (lambda r: r.abort("revert"),)),
    Deed("revert --abort", reverting_begun, (lambda r: r.abort("revert"),)),
    Deed("cherry-pick", apart, (lambda r: r.cherry_pick(["side"]),)),
    Deed("cherry-pick, conflict", clashing, (pick_clash,)),
    Deed("rebase", apart, (lambda r: r.rebase("side"),)),
    Deed("rebase, conflict", clashing, (rebase_clash,)),
    Deed("rebase --abort", rebasing_begun, (lambda r: r.abort("rebase"),)),
    Deed("reset --soft", staged, (lambda r: r.reset("HEAD~1", mode="soft"),)),
    Deed("reset --mixed", staged, (lambda r: r.reset("HEAD~1"),)),
    Deed("reset --hard", staged, (lambda r: r.reset("HEAD~1", mode="hard"),)),
    Deed("restore", edited, (lambda r: r.restore(["config.json", "sub"]),)),
    Deed("restore --staged", staged, (lambda r: r.restore(["."], staged=True, worktree=False),)),
    Deed(
        "restore --source",
        with_two,
        (lambda r: r.restore(["."], source="HEAD~1", staged=True),),
    ),
    Deed(
        "restore, a tensor",
        with_two,
        (lambda r: r.restore(["model.safetensors"], source="HEAD~1", tensors=["b"]),),
    ),
    Deed("switch", with_branches, (lambda r: r.switch("topic"),)),
    Deed("switch -c", staged, (lambda r: r.switch("side", create="new"),)),
    Deed(
        "switch -C", with_branches, (lambda r: r.switch("topic", create="force", start="HEAD~1"),)
    ),
    Deed("switch --detach", with_two, (lambda r: r.switch("HEAD~1", detach=True),)),
    Deed("switch, unborn", begun, (lambda r: r.switch("other", create="new"),)),
    Deed("branch", with_two, (lambda r: r.branches.create("side/one", "HEAD~1"),)),
    Deed("branch -d", behind, (lambda r: r.branches.delete("topic", force=True),)),
    Deed("branch -m", with_branches, (lambda r: r.branches.rename("topic", "topic/below"),)),
    Deed("branch -m, current", with_two, (lambda r: r.branches.rename("main", "trunk"),)),
    Deed("tag", with_two, (lambda r: r.tags.create("light", "HEAD~1"),)),
    Deed("tag -a", with_two, (lambda r: r.tags.create("v2", message="the second"),)),
    Deed("tag -d", tagged, (lambda r: r.tags.delete("v1"),)),
    Deed("undo, a commit", with_two, (lambda r: r.undo(),)),
    Deed("undo, a switch", undone, (lambda r: r.undo(),)),
    Deed("undo, a rm", removed, (lambda r: r.undo(),)),
    Deed("undo, a stash", stashed, (lambda r: r.undo(),)),
    Deed("op restore", undone, (lambda r: r.restore_operation(_third(r)),)),
    _stashing("stash", half_staged, lambda r: r.stash.push("words")),
    _stashing("stash -u", half_staged, lambda r: r.stash.push(untracked="yes")),
    _stashing("stash -k", half_staged, lambda r: r.stash.push(keep_index=True)),
    Deed("stash pop", stashed, (lambda r: r.stash.pop(),)),
    Deed("stash apply --index", stashed, (lambda r: r.stash.apply(index=True),)),
    Deed("stash pop, conflict", stash_clash, (_pop_clash,)),
    Deed("stash drop", stashed, (lambda r: r.stash.drop("stash@{1}"),)),
    Deed("stash clear", stashed, (lambda r: r.stash.clear(),)),
    Deed(
        "clean",
        edited,
        (lambda r: r.clean(folders=True, which="untracked", dry_run=False),),
        doomed=frozenset(NEW),
    ),
    Deed("gc", littered, (lambda r: r.upkeep.gc(expire="never"),), quiet=True),
    Deed(
        "gc --prune=now",
        littered,
        (lambda r: r.upkeep.gc(prune="now", expire="never"),),
        quiet=True,
    ),
    Deed("expire", with_two, (lambda r: r.upkeep.expire(["HEAD~1"]),)),
    Deed("undo, an expiry", expired, (lambda r: r.undo(),)),
    Deed("bisect start", line, (lambda r: r.bisect.start(["HEAD", "HEAD~4"]),)),
    Deed("bisect bad", searching, (lambda r: r.bisect.mark("bad"),)),
    Deed("bisect good", searching, (lambda r: r.bisect.mark("good"),)),
    Deed("bisect reset", searching, (lambda r: r.bisect.reset(),)),
    Deed("undo, a bisect", searching, (lambda r: r.undo(),)),
    Deed("metric add", line, (lambda r: r.metrics.add({"loss": 2.0, "accuracy": 0.5}),)),
    Deed("metric remove", line, (lambda r: r.metrics.remove(["loss"]),)),
    Deed("config", with_two, (lambda r: r.config.put("user.name", "Ada L."),)),
]

BY_NAME = {deed.name: deed for deed in DEEDS}
