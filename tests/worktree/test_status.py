"""What status says: staged, changed, untracked, in conflict; in Git's words."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worktree.work import ADA, Work, model, safetensors, scratch

from mvc.errors import IntegrityError
from mvc.history.manifest import Conflict
from mvc.history.transaction import transaction
from mvc.history.unfinished import FileConflict, Unfinished, write_unfinished
from mvc.ids import CommitId
from mvc.worktree import compare
from mvc.worktree.status import Conflicted, Delta, changed_paths, exact_renames, status


def test_a_new_repository_is_unborn(work: Work) -> None:
    found = status(work.context)
    assert (found.branch, found.head, found.unborn) == ("main", None, True)
    assert found.clean and not found.untracked


def test_before_the_first_commit_everything_staged_is_new(work: Work) -> None:
    work.write("m.safetensors", model())
    assert status(work.context).untracked == ("m.safetensors",)
    work.add("m.safetensors")
    assert status(work.context).staged == (Delta("new file", "m.safetensors"),)


def test_staged_and_unstaged_are_told_apart(work: Work) -> None:
    for number, name in enumerate(["edit", "both", "gone", "rm", "mode", "link"]):
        work.write(f"{name}.safetensors", model(number))
    work.add(*work.files())
    head = work.commit()
    work.write("edit.safetensors", model(90))
    work.write("both.safetensors", model(91))
    work.write("new.txt", "new")
    work.add("both.safetensors", "new.txt")
    work.write("both.safetensors", model(92))
    (work.root / "gone.safetensors").unlink()
    work.remove("rm.safetensors")
    (work.root / "mode.safetensors").chmod(0o755)
    (work.root / "link.safetensors").unlink()
    (work.root / "link.safetensors").symlink_to("edit.safetensors")

    found = status(work.fresh())
    assert (found.branch, found.head) == ("main", head)
    assert found.staged == (
        Delta("modified", "both.safetensors"),
        Delta("new file", "new.txt"),
        Delta("deleted", "rm.safetensors"),
    )
    assert found.unstaged == (
        Delta("modified", "both.safetensors"),
        Delta("modified", "edit.safetensors"),
        Delta("deleted", "gone.safetensors"),
        Delta("typechange", "link.safetensors"),
        Delta("modified", "mode.safetensors"),
    )
    assert found.untracked == ("rm.safetensors",)
    assert not found.clean


def test_a_detached_head_has_no_branch(work: Work) -> None:
    head = work.commit()
    (work.root / ".mvc" / "HEAD").write_text(f"{head}\n")
    assert (status(work.context).branch, status(work.context).head) == (None, head)


def test_a_moved_file_is_a_rename(work: Work) -> None:
    work.write("old/m.safetensors", model(1))
    work.add("old/m.safetensors")
    work.commit()
    staged = work.staged()
    work.stage(
        staged.with_files(
            {"old/m.safetensors": None, "new/m.safetensors": staged["old/m.safetensors"]}
        )
    )
    assert status(work.context).staged == (
        Delta("renamed", "new/m.safetensors", "old/m.safetensors"),
    )


NAMES = st.sampled_from(["a/m", "b/m", "a/n", "c/n", "x", "y"])


@settings(max_examples=25)
@given(st.dictionaries(NAMES, st.integers(0, 2)), st.dictionaries(NAMES, st.integers(0, 2)))
def test_staged_changes_are_those_that_git_reports(
    before: dict[str, int], after: dict[str, int]
) -> None:
    with scratch() as work:
        for path, number in before.items():
            work.write(path, f"content {number}\n" * 20)
        work.add(*before)
        work.commit()
        work.remove(*before)
        for path, number in after.items():
            work.write(path, f"content {number}\n" * 20)
        work.add(*after)
        ours = status(work.context).staged
        stage = work.context.refs.raw("refs/mvc/stage") or ""
        listed = subprocess.run(
            [
                *("git", f"--git-dir={work.context.folder}", "diff-tree", "-r", "-M100%", "-z"),
                *("--name-status", "HEAD", stage),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\0")[:-1]
    # The record is HEAD's alone.
    theirs, fields = {}, iter(listed)
    for letter in fields:
        old = next(fields) if letter[0] == "R" else None
        path = next(fields)
        theirs[path] = (letter[0], old)
    theirs.pop(".mvc/record.json")
    letters = {"new file": "A", "modified": "M", "deleted": "D", "renamed": "R"}
    mine = {d.path: letters[d.kind] for d in ours}
    assert mine == {path: letter for path, (letter, _) in theirs.items()}
    for delta in ours:
        if delta.old_path is not None:
            assert before[delta.old_path] == after[delta.path]


def test_a_rename_prefers_its_own_base_name_and_uses_a_source_once() -> None:
    from mvc.ids import BlobId

    one = BlobId("1" * 40)
    deleted = {"a/x": one, "b/m": one}
    assert exact_renames(deleted, {"c/m": one, "d/q": one, "e/m": one}) == {
        "c/m": "b/m",
        "d/q": "a/x",
    }


def test_a_header_that_differs_spares_the_tensors(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.write("m.safetensors", safetensors({"one": ("U8", [4], b"1234")}))
    work.add("m.safetensors")
    work.commit()
    work.write("m.safetensors", safetensors({"two": ("U8", [4], b"1234")}))
    monkeypatch.setattr(compare, "hash_spans", lambda _: pytest.fail("a tensor was read"))
    assert status(work.context).unstaged == (Delta("modified", "m.safetensors"),)


def test_a_model_cut_short_is_modified_not_an_error(work: Work) -> None:
    work.write("m.safetensors", model(1))
    work.add("m.safetensors")
    work.commit()
    work.write("m.safetensors", model(1)[:-3])
    assert status(work.context).unstaged == (Delta("modified", "m.safetensors"),)


def test_an_opaque_file_that_is_the_same_is_clean(work: Work) -> None:
    work.write("m.safetensors", b"not a model")
    work.add("m.safetensors", opaque=True)
    work.commit()
    os.utime(work.root / "m.safetensors", (1, 1))
    assert status(work.fresh()).clean


def test_a_file_behind_a_link_counts_as_deleted(work: Work) -> None:
    work.write("sub/m.safetensors", model(1))
    work.add("sub/m.safetensors")
    work.commit()
    (work.root / "sub").rename(work.root.parent / "moved")
    (work.root / "sub").symlink_to(work.root.parent / "moved")
    found = status(work.context)
    assert found.unstaged == (Delta("deleted", "sub/m.safetensors"),)
    assert found.skipped == (("sub", "is a symbolic link"),)


def test_a_folder_in_place_of_a_file_is_a_deletion_and_something_untracked(work: Work) -> None:
    work.write("m", model(1))
    work.add("m")
    work.commit()
    (work.root / "m").unlink()
    work.write("m/inner.pt", "x")
    found = status(work.context)
    assert (found.unstaged, found.untracked) == ((Delta("deleted", "m"),), ("m/",))


def test_a_damaged_repository_is_an_error_that_says_so(work: Work) -> None:
    work.write("m.safetensors", model(1))
    work.add("m.safetensors")
    for pack in (work.root / ".mvc/store/packs").iterdir():
        pack.write_bytes(pack.read_bytes()[:40])
    os.utime(work.root / "m.safetensors", (1, 1))
    with pytest.raises(IntegrityError):
        status(work.fresh())


def test_conflicts_are_listed_once_and_not_as_changes(work: Work) -> None:
    work.write("m.safetensors", model(1))
    work.write("notes.md", "ours\n")
    work.add("m.safetensors", "notes.md")
    head = work.commit()
    staged = work.staged()
    manifest = staged.manifest("m.safetensors")
    assert manifest is not None
    first, *rest = manifest.tensors
    undecided = replace(
        manifest, tensors=tuple(rest), conflicts=(Conflict(first.name, None, first, first),)
    )
    with transaction(work.context, "merge", ADA) as current:
        blob = current.objects.blob(undecided.encode())
        current.put_stage(staged.with_files({"m.safetensors": (0o100644, blob)}))
        both = FileConflict("text", None, staged["notes.md"], staged["notes.md"])
        waiting = Unfinished("merge", head, CommitId(head), "m", "merge", None, {"notes.md": both})
        write_unfinished(current, waiting)
    work.write("notes.md", "<<<<<<<\n")

    found = status(work.context)
    assert found.unfinished == "merge"
    assert found.conflicts == (
        Conflicted("m.safetensors", "tensors"),
        Conflicted("notes.md", "text"),
    )
    assert (found.staged, found.unstaged, found.untracked) == ((), (), ())
    # Adding a conflicted file settles it, so it always has to be read.
    assert changed_paths(work.context, work.staged(), ["m.safetensors", "notes.md"]) == [
        "m.safetensors",
        "notes.md",
    ]


def test_a_model_that_the_cache_does_not_know_counts_unread(work: Work) -> None:
    work.write("m.safetensors", model(1))
    work.add("m.safetensors")
    os.utime(work.root / "m.safetensors", (1, 1))
    paths = ["m.safetensors"]
    assert changed_paths(work.fresh(), work.staged(), paths, unread=True) == paths
    assert changed_paths(work.fresh(), work.staged(), paths) == []


def test_changed_paths_are_those_that_add_must_read(work: Work) -> None:
    for number, name in enumerate(["same", "edited", "gone"]):
        work.write(name, model(number))
    work.add("same", "edited", "gone")
    work.write("edited", model(9))
    work.write("new", model(8))
    (work.root / "gone").unlink()
    os.utime(work.root / "same", (1, 1))
    paths = ["edited", "gone", "missing", "new", "same"]
    assert changed_paths(work.fresh(), work.staged(), paths) == ["edited", "new"]
