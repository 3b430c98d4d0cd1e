"""``merge --keep-conflicts``, ``conflicts``, ``resolve``: undecided tensors are data, to be settled later."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from merge.world import Tensors, World, f32, index, model, safetensors

import mvc
from mvc.errors import DirtyWorktree, MergeConflict, NothingToCommit, UsageError
from mvc.history.manifest import Manifest
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.merge.recipe import Recipe
from mvc.merge.resolving import resolved
from mvc.repository import Repository

M = "m.safetensors"
WHO = Signature("Ada", "ada@example.org", 1_700_000_000)
Save = Callable[..., str]


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return mvc.init(str(tmp_path), who=WHO)


@pytest.fixture
def save(repo: Repository) -> Save:
    def commit(branch: str, notes: str = "", **tensors: float) -> str:
        if repo.branch != branch:
            repo.switch(branch, create="no" if branch in repo.branches else "new")
        write(repo, **tensors)
        Path(repo.root, "notes").write_text(notes)
        repo.add(["."])
        return repo.commit(f"{branch}: {tensors}").id

    return commit


@pytest.fixture
def kept(repo: Repository, save: Save) -> Repository:
    """On ``main`` a merge with ``side`` in which ``a`` and ``b`` are undecided and ``c`` is theirs."""
    save("main", a=1, b=1, c=1)
    save("side", a=2, b=2, c=2)
    save("main", a=5, b=7, c=1)
    repo.merge("side", keep_conflicts=True)
    return repo


def write(repo: Repository, **tensors: float) -> None:
    Path(repo.root, M).write_bytes(model(**tensors))


def content(repo: Repository) -> bytes:
    return Path(repo.root, M).read_bytes()


def manifest(repo: Repository, revision: str = "HEAD") -> Manifest:
    found = repo.snapshot(revision).manifest(M)
    assert found is not None
    return found


def undecided(repo: Repository, revision: str | None = None) -> list[str]:
    return [one.conflict.name for file in repo.conflicts(revision) for one in file.tensors]


def clean(repo: Repository) -> bool:
    return repo.status().clean


# ---- keeping


def test_a_merge_keeps_what_both_sides_changed_and_writes_ours(kept: Repository) -> None:
    assert len(kept.read_commit().parents) == 2
    assert content(kept) == model(a=5, b=7, c=2)
    assert clean(kept) and kept.unfinished() is None
    assert kept.status().undecided == ((M, ("a", "b")),)
    record = kept.record()
    assert record is not None and record.undecided == {M: 2}
    assert kept.rerun("HEAD").same
    assert not list(kept.upkeep.fsck(full=True))


def test_conflicts_tells_the_sides_their_commits_and_the_reason(kept: Repository) -> None:
    (file,) = kept.conflicts(only="a")
    (one,) = file.tensors
    parents = kept.read_commit().parents
    assert (file.path, file.kind, file.total) == (M, "tensors", 3)
    assert one.reason == "was changed on both sides"
    assert (one.kept, one.sides) == (kept.head, parents)
    for side, revision in ((one.conflict.base, "HEAD~2"), (one.conflict.theirs, "side")):
        assert side in manifest(kept, revision).tensors
    assert kept.conflicts("HEAD", [M]) == kept.conflicts("HEAD", ["*"]) == kept.conflicts()
    assert kept.conflicts("side") == []
    with pytest.raises(UsageError, match="'zz' names no undecided tensor"):
        kept.conflicts(only=["zz"])


def test_a_conflict_of_files_stops_the_merge_and_tensors_do_not_wait(
    repo: Repository, save: Save
) -> None:
    save("main", a=1)
    save("side", "theirs", a=2)
    save("main", "ours", a=3)
    with pytest.raises(MergeConflict, match=r"Kept in m.*\nCONFLICT .*notes"):
        repo.merge("side", keep_conflicts=True)
    assert [one.path for one in repo.status().conflicts] == ["notes"]
    assert repo.status().undecided == ((M, ("a",)),)
    assert [file.path for file in repo.conflicts()] == [M, "notes"]
    Path(repo.root, "notes").write_text("both")
    repo.add(["notes"])
    repo.commit()
    assert undecided(repo, "HEAD") == ["a"] and clean(repo)


def test_a_merge_that_waits_can_still_be_concluded_with_its_conflicts(
    repo: Repository, save: Save
) -> None:
    save("main", a=1, b=1)
    save("side", a=2, b=2)
    save("main", a=3, b=3)
    with pytest.raises(MergeConflict):
        repo.merge("side")
    repo.settle(["a"], "average")
    with pytest.raises(MergeConflict, match="unmerged files: m"):
        repo.commit()
    repo.commit(keep_conflicts=True)
    assert undecided(repo, "HEAD") == ["b"]
    assert repo.rerun("HEAD").same


def test_an_octopus_keeps_every_side_in_the_order_of_the_parents(
    repo: Repository, save: Save
) -> None:
    save("main", a=1, b=1)
    for number in (2, 3, 4):
        repo.switch("main")
        save(f"b{number}", a=number, b=1)
    save("main", a=1, b=5)
    with pytest.raises(MergeConflict, match="nothing has changed"):
        repo.merge(["b2", "b3", "b4"])
    repo.merge(["b2", "b3", "b4"], keep_conflicts=True)
    (file,) = repo.conflicts()
    (one,) = file.tensors
    assert one.sides == repo.read_commit().parents
    sides = [manifest(repo, id_).values["a"] for id_ in one.sides]
    assert [side and side.value for side in one.conflict.models] == sides
    assert repo.rerun("HEAD").same and not list(repo.upkeep.fsck(full=True))
    for name in ("average", "theirs"):
        with pytest.raises(UsageError, match="has 4 sides"):
            repo.settle((), name)
    repo.settle((), recipe=Recipe("task_arithmetic", {"weight": 1}))
    assert content(repo) == model(a=7, b=5)
    assert repo.rerun("HEAD").same


# ---- settling


def test_tensors_are_settled_one_by_one_and_each_commit_can_be_run_again(
    kept: Repository,
) -> None:
    done = kept.settle(["a"], "average")
    assert (done.tensors, done.left, done.commit) == ({M: ("a",)}, 1, kept.head)
    assert content(kept) == model(a=3.5, b=7, c=2)
    assert undecided(kept, "HEAD") == ["b"]
    record = kept.record()
    assert record is not None and record.operation == "resolve"
    assert record.parameters["tensors"] == {M: ["a"]} and "numpy" in record.versions
    assert kept.rerun("HEAD").same
    assert kept.settle((), "additive").left == 0
    assert content(kept) == model(a=3.5, b=8, c=2)
    assert kept.rerun("HEAD").same and clean(kept)
    assert kept.read_commit().subject == f"Resolve b of {M} by additive"
    with pytest.raises(UsageError, match="nothing is undecided"):
        kept.settle((), "ours")


def test_what_is_changed_by_hand_after_it_has_no_record_of_it(kept: Repository) -> None:
    kept.settle(["a"], "average")
    write(kept, a=9, b=7, c=2)
    kept.add(["."])
    kept.commit("by hand", amend=True)
    record = kept.record()
    assert record is not None and record.operation == "commit"
    with pytest.raises(UsageError, match="records no merge"):
        kept.rerun("HEAD")


def test_without_a_commit_the_result_is_on_the_stage_and_in_the_file(kept: Repository) -> None:
    head = kept.head
    assert kept.settle((), "theirs", commit=False).commit is None
    assert kept.head == head and content(kept) == model(a=2, b=2, c=2)
    assert [delta.path for delta in kept.status().staged] == [M]
    assert kept.status().undecided == ()
    kept.undo()
    assert kept.undecided() == {M: ("a", "b")} and content(kept) == model(a=5, b=7, c=2)


def test_what_is_staged_would_be_mixed_into_the_commit(kept: Repository) -> None:
    write(kept, a=5, b=7, c=9)
    kept.add(["."])
    with pytest.raises(UsageError, match="overwritten by resolve"):
        kept.settle((), "ours")
    kept.settle(["a"], "theirs", commit=False)
    assert content(kept) == model(a=2, b=7, c=9) and kept.undecided() == {M: ("b",)}


def test_unsaved_work_stops_it(kept: Repository) -> None:
    write(kept, a=5, b=7, c=9)
    with pytest.raises(DirtyWorktree):
        kept.settle((), "average")
    assert content(kept) == model(a=5, b=7, c=9)


def test_an_unfinished_merge_is_settled_by_globs_and_its_record_says_how(
    repo: Repository, save: Save
) -> None:
    save("main", **{"l.0": 1, "l.1": 1, "h": 1})
    save("side", **{"l.0": 2, "l.1": 2, "h": 2})
    save("main", **{"l.0": 4, "l.1": 6, "h": 8})
    with pytest.raises(MergeConflict):
        repo.merge("side")
    with pytest.raises(UsageError, match="own message"):
        repo.settle((), "ours", message="mine")
    assert repo.settle(["l.*"], recipe=Recipe("linear", {"weight": [3, 1]})).commit is None
    assert undecided(repo) == ["h"]
    repo.resolve_conflicts(["."], "theirs")
    assert content(repo) == model(**{"l.0": 3.5, "l.1": 5, "h": 2})
    repo.commit()
    record = repo.record()
    assert record is not None
    steps = record.parameters["settled"]
    assert isinstance(steps, list)
    assert [one["strategy"] for one in steps] == ["linear", "theirs"]  # type: ignore[index,call-overload]
    assert repo.rerun("HEAD").same
    assert not repo.undecided()


def test_what_no_strategy_can_settle_is_refused_whole(repo: Repository, save: Save) -> None:
    save("main", a=1, b=1)
    save("side", a=2)
    save("main", a=3, b=3)
    repo.merge("side", keep_conflicts=True)
    for name, why in (("average", "deleted on one side"), ("ties", "is not in every model")):
        with pytest.raises(UsageError, match=f"{name} can't settle {M}: the tensor 'b' .*{why}"):
            repo.settle((), name)
    with pytest.raises(UsageError, match="no recorded statistics"):
        repo.settle(["a"], "fisher")
    assert undecided(repo) == ["a", "b"]
    repo.settle((), "theirs")
    assert content(repo) == model(a=2)


def test_a_concluded_pick_tells_what_was_exact_and_what_was_computed(
    repo: Repository, save: Save
) -> None:
    save("main", a=1, b=1, c=1)
    wanted = save("side", a=2, b=2, c=2)
    save("main", a=4, b=4, c=1)
    with pytest.raises(MergeConflict):
        repo.cherry_pick([wanted])
    repo.settle(["a"], "average")
    repo.settle(["b"], "theirs")
    repo.continue_row("cherry-pick")
    record = repo.record()
    assert record is not None
    assert record.parameters["taken"] == {"exact": 2, "computed": {M: ["a"]}}


# ---- living with them


def test_a_file_that_is_saved_keeps_undecided_what_was_not_touched(kept: Repository) -> None:
    write(kept, a=9, b=7, c=2, d=1)
    assert [one.name for one in kept.diff().models[0].tensors] == ["a", "d"]
    kept.commit("trained on", all=True)
    assert undecided(kept, "HEAD") == ["b"]
    assert content(kept) == model(a=9, b=7, c=2, d=1) and clean(kept)
    assert not list(kept.upkeep.fsck(full=True))


def test_to_add_the_file_settles_it_and_to_add_its_folder_does_not(kept: Repository) -> None:
    kept.add(["."])
    with pytest.raises(NothingToCommit):
        kept.commit("nothing")
    kept.add([M])
    assert kept.undecided() == {}
    kept.commit("ours it is")
    assert undecided(kept, "HEAD") == [] and manifest(kept).written == manifest(kept).tensors


def test_a_stash_brings_the_undecided_tensors_back(kept: Repository) -> None:
    write(kept, a=5, b=7, c=3)
    kept.stash.push()
    assert content(kept) == model(a=5, b=7, c=2)
    kept.stash.pop()
    assert content(kept) == model(a=5, b=7, c=3) and kept.undecided() == {M: ("a", "b")}


def test_switching_and_undoing_bring_them_back(kept: Repository) -> None:
    kept.switch("side")
    assert kept.status().undecided == () and content(kept) == model(a=2, b=2, c=2)
    kept.switch("main")
    assert kept.undecided() == {M: ("a", "b")} and clean(kept)
    kept.settle((), "average")
    kept.undo()
    assert undecided(kept) == ["a", "b"] and content(kept) == model(a=5, b=7, c=2)
    kept.reset("HEAD^2", mode="hard")
    assert content(kept) == model(a=2, b=2, c=2) and undecided(kept) == []


def test_what_reads_numbers_reads_ours_and_says_so(kept: Repository, tmp_path: Path) -> None:
    assert {name: one.item() for name, one in kept.load().items()} == {"a": 5, "b": 7, "c": 2}
    look = kept.inspect(M, "HEAD")
    assert {one.name: one.undecided for one in look.tensors()} == {"a": True, "b": True, "c": False}
    assert kept.verify(M).same == "equal"
    out = tmp_path.with_name("out")
    kept.export("HEAD", str(out))
    assert (out / M).read_bytes() == content(kept)
    shutil.rmtree(out)
    assert [one.entry for one in kept.blame(M, tensors=["a"])] == [None]
    assert [one.name for one in kept.search("a|b")] == ["a", "b"]


def test_an_unchanged_side_leaves_them_and_a_settled_one_settles_them(
    kept: Repository, save: Save
) -> None:
    kept.switch("other", create="new")
    kept.settle(["a"], "theirs")
    kept.switch("main")
    write(kept, a=5, b=7, c=2, d=1)
    kept.commit("more", all=True)
    kept.merge("other")
    assert content(kept) == model(a=2, b=7, c=2, d=1)
    assert undecided(kept, "HEAD") == ["b"] and kept.unfinished() is None


def test_a_change_against_an_undecided_tensor_is_refused_unless_a_side_is_named(
    kept: Repository, save: Save
) -> None:
    save("side", a=3, b=2, c=2)
    kept.switch("main")
    head = kept.head
    with pytest.raises(MergeConflict, match="'a' is undecided on one side") as caught:
        kept.merge("side")
    assert "mvc resolve" in str(caught.value.hint)
    with pytest.raises(MergeConflict, match="'a' is undecided"):
        kept.merge("side", strategy="average")
    with pytest.raises(MergeConflict, match="several models are merged"):
        kept.merge("side", recipe=Recipe("linear"))
    assert kept.head == head and clean(kept) and kept.unfinished() is None
    kept.merge("side", strategy="theirs")
    assert undecided(kept, "HEAD") == ["b"] and content(kept) == model(a=3, b=7, c=2)


def test_a_revert_brings_them_back_and_a_pick_takes_the_settlement_over(kept: Repository) -> None:
    kept.switch("again", create="new")
    settled = kept.settle(["a"], "average").commit
    assert settled is not None
    kept.revert("HEAD")
    assert undecided(kept, "HEAD") == ["a", "b"]
    kept.switch("main")
    kept.cherry_pick([settled])
    assert undecided(kept, "HEAD") == ["b"] and content(kept) == model(a=3.5, b=7, c=2)


def test_a_merge_that_waits_for_a_text_does_not_wait_for_what_was_kept_before(
    kept: Repository, save: Save
) -> None:
    kept.switch("other", create="new")
    Path(kept.root, "notes").write_text("other")
    kept.commit("other", all=True)
    kept.switch("main")
    Path(kept.root, "notes").write_text("main")
    kept.commit("main", all=True)
    with pytest.raises(MergeConflict, match="notes"):
        kept.merge("other")
    assert [one.path for one in kept.status().conflicts] == ["notes"]
    kept.resolve_conflicts(["notes"], "theirs")
    kept.commit()
    assert undecided(kept, "HEAD") == ["a", "b"]


def test_gc_keeps_every_side_and_the_root_tells_them_apart(kept: Repository) -> None:
    sides = [side for one in manifest(kept).conflicts for side in one.sides if side is not None]
    before = {side.id: kept._context.store.read(side.id) for side in sides}
    kept.branches.delete("side", force=True)
    kept.upkeep.gc(prune="now", expire="now")
    assert {id_: kept._context.store.read(id_) for id_ in before} == before
    roots = {kept.record(f"HEAD~{n}").result for n in range(2)}  # type: ignore[union-attr]
    kept.settle((), "ours")
    assert kept.record().result not in roots and len(roots) == 2  # type: ignore[union-attr]


def test_an_amended_message_leaves_them_as_they_are(kept: Repository) -> None:
    kept.metrics.add({"loss": 1.0})
    kept.commit("another message", amend=True)
    assert undecided(kept, "HEAD") == ["a", "b"]
    assert kept.metrics.of("HEAD")["loss"].value == 1.0


def test_shards_are_settled_with_their_index(repo: Repository) -> None:
    def put(first: Tensors, second: Tensors) -> None:
        Path(repo.root, "m-1.safetensors").write_bytes(safetensors(first))
        Path(repo.root, "m-2.safetensors").write_bytes(safetensors(second))
        names = dict.fromkeys(first, "m-1.safetensors")
        names |= dict.fromkeys(second, "m-2.safetensors")
        Path(repo.root, "m.safetensors.index.json").write_bytes(index(names))
        repo.add(["."])
        repo.commit("step")

    put({"a": f32(1)}, {"b": f32(1), "c": f32(1)})
    repo.switch("side", create="new")
    put({"a": f32(2)}, {"c": f32(1)})
    repo.switch("main")
    put({"a": f32(3)}, {"b": f32(4), "c": f32(1)})
    repo.merge("side", keep_conflicts=True)
    assert repo.undecided() == {"m-1.safetensors": ("a",), "m-2.safetensors": ("b",)}
    repo.settle((), "theirs")
    assert Path(repo.root, "m-2.safetensors").read_bytes() == safetensors({"c": f32(1)})
    assert '"b"' not in Path(repo.root, "m.safetensors.index.json").read_text()
    assert repo.rerun("HEAD").same


# ---- the law


TENSORS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3), max_size=4)


@given(
    TENSORS, TENSORS, TENSORS, st.sampled_from(["ours", "theirs", "base", "average", "additive"])
)
def test_settled_later_is_what_would_have_been_merged_at_once(
    tmp_path_factory: pytest.TempPathFactory,
    base: Mapping[str, int],
    ours: Mapping[str, int],
    theirs: Mapping[str, int],
    strategy: str,
) -> None:
    world = World(tmp_path_factory.mktemp("law"))
    sides = [world.snapshot({M: model(x=0, **side)}) for side in (base, ours, theirs)]
    later, at_once = world.merge(*sides), world.merge(*sides, strategy)
    stage = Snapshot(world.context.git, later.files)
    names = {path: [n for n in undecided if n not in at_once.undecided.get(path, ())]
             for path, undecided in later.undecided.items()}  # fmt: skip
    objects = world.context.writer()
    changes, _ = resolved(
        world.context, objects, stage, {}, later.undecided, Recipe(strategy), names=names
    )
    objects.flush()
    settled = stage.with_files(changes).manifest(M)
    expected = Snapshot(world.context.git, at_once.files).manifest(M)
    assert settled is not None and expected is not None
    assert settled.values == expected.values
