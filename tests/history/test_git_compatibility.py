"""Git itself is the judge: of our objects, refs, reflogs, names, dates and revisions."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from history.place import Place
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import UsageError
from mvc.history import revisions
from mvc.history.gitobjects import ObjectWriter
from mvc.history.refs import check_name
from mvc.history.signature import Signature
from mvc.store.fs import Disk

REVISIONS = [
    "HEAD", "@", "main", "heads/main", "refs/heads/main", "right", "light", "heavy", "tags/heavy",
    "HEAD~", "HEAD~1", "HEAD~2", "HEAD^", "HEAD^1", "HEAD^2", "HEAD^2~1", "HEAD^^", "main~0", "heavy^0",
    "heavy^{}", "heavy^{commit}", "heavy~1", "HEAD^{}", "@{0}", "@{1}", "main@{0}", "main@{1}", "HEAD@{2}",
    "@{-1}", "right@{0}",
]  # fmt: skip

UNKNOWN = [
    "nope",
    "HEAD~9",
    "HEAD^3",
    "main@{99}",
    "HEAD^{tag}",
    "@{-99}",
    "deadbeef",
    "HEAD~x",
    "^",
    "~",
]


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_revision_names_what_git_says(history: Place, revision: str) -> None:
    expected = history.git("rev-parse", "--verify", f"{revision}^{{commit}}").strip()
    assert history.repository.resolve(revision) == expected


@pytest.mark.parametrize("revision", UNKNOWN)
def test_an_unknown_revision_is_a_usage_error(history: Place, revision: str) -> None:
    with pytest.raises(UsageError):
        history.repository.resolve(revision)


def test_short_ids_resolve_down_to_four_digits(history: Place) -> None:
    head = history.repository.head
    assert head is not None
    for length in (4, 7, 12, 40):
        assert history.repository.resolve(head[:length].upper()) == head


@pytest.mark.parametrize(
    "words", ["main..right", "right..main", "main...right", "HEAD ^right", "right", ""]
)
def test_log_walks_the_commits_that_git_walks(history: Place, words: str) -> None:
    ours = [commit.id for commit in history.repository.log(words.split())]
    assert sorted(ours) == sorted(history.git("rev-list", *(words.split() or ["HEAD"])).split())


def test_log_puts_no_parent_before_its_child(history: Place) -> None:
    seen: set[str] = set()
    for commit in history.repository.log(topological=True):
        assert not seen & set(commit.parents) - {commit.id} or commit.id not in seen
        assert not set(commit.parents) & seen
        seen.add(commit.id)


def test_merge_bases_are_gits_also_when_histories_cross(place: Place) -> None:
    place.commit("base")
    repo = place.repository
    repo.branches.create("other")
    for branch, name in (("main", "a"), ("other", "b")):
        repo.switch(branch)
        (place.root / name).write_text(name)
        repo.add([name])
        repo.commit(name)
    ends = dict(repo.branches)
    repo.merge(ends["main"])
    repo.switch("main")
    repo.merge(ends["other"])
    ours = place.context.git.merge_bases(repo.resolve("main"), repo.resolve("other"))
    assert len(ours) == 2
    assert sorted(ours) == sorted(place.git("merge-base", "--all", "main", "other").split())


def test_git_fsck_is_content_with_everything(history: Place) -> None:
    history.repository.tags.delete("heavy")
    history.repository.branches.delete("right", force=True)
    history.repository.undo()
    assert history.git("fsck", "--strict", "--no-dangling") == ""


def test_git_reads_our_reflogs(history: Place) -> None:
    ours = [(move.new[:7], move.message) for move in history.repository.reflog()]
    theirs = [
        (line.split(" ", 1)[0], line.split(": ", 1)[1])
        for line in history.git(
            "reflog", "show", "--format=%h HEAD: %gs", "--abbrev=7"
        ).splitlines()
    ]
    assert ours == theirs


def test_refs_that_git_packed_are_still_read_and_deleted(history: Place) -> None:
    history.git("pack-refs", "--all")
    assert set(history.repository.branches) == {"main", "right"}
    history.repository.branches.delete("right", force=True)
    history.repository.tags.delete("heavy")
    assert set(history.repository.branches) == {"main"}
    assert history.git(
        "for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags"
    ).split() == [
        "refs/heads/main",
        "refs/tags/light",
    ]


paths = st.lists(st.text("abc.-", min_size=1, max_size=4), min_size=1, max_size=3).map("/".join)


@given(st.dictionaries(paths, st.sampled_from([0o100644, 0o100755]), max_size=8))
def test_trees_have_gits_own_ids(files: dict[str, int]) -> None:
    taken: dict[str, tuple[int, str]] = {}
    for path, mode in files.items():
        if any(p.startswith(path + "/") or path.startswith(p + "/") for p in taken):
            continue  # a name is a file or a folder
        if any(part in (".", "..", ".git") for part in path.split("/")):
            continue
        taken[path] = (mode, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
    expected = _git_tree(taken)
    assert ObjectWriter("unused", Disk()).files(taken) == expected


def _git_tree(files: dict[str, tuple[int, str]]) -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GIT_DIR": folder, "GIT_INDEX_FILE": f"{folder}/index"}
        subprocess.run(["git", "init", "-q", "--bare", folder], check=True)
        lines = "".join(f"{mode:o} {id_}\t{path}\n" for path, (mode, id_) in files.items())
        for words, text in (
            (["hash-object", "-w", "--stdin"], ""),
            (["update-index", "--add", "--index-info"], lines),
        ):
            subprocess.run(
                ["git", *words],
                env=environment,
                input=text,
                text=True,
                check=True,
                capture_output=True,
            )
        done = subprocess.run(
            ["git", "write-tree"], env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


@given(
    st.text("ab/.@{}~^:?*[\\ -\x7f\x01", max_size=8)
    | st.sampled_from(["HEAD", "a.lock", "a.lock/b"])
)
def test_a_branch_name_that_we_accept_is_one_that_git_accepts(name: str) -> None:
    try:
        check_name(name, "branch")
    except UsageError:
        return
    subprocess.run(["git", "check-ref-format", "--branch", name], check=True, capture_output=True)


@given(
    st.text(max_size=12).filter(lambda text: "\r" not in text),
    st.text(max_size=12),
    st.integers(0, 2**33),
    st.integers(-720, 840),
)
def test_a_signature_comes_back_from_its_line(
    name: str, email: str, time: int, offset: int
) -> None:
    line = Signature(name, email, time, offset).encode()
    again = Signature.decode(line)
    assert again.encode() == line
    assert (again.time, again.offset) == (time, offset)
    assert "\n" not in line


def test_names_may_not_collide_with_folders_of_names(place: Place) -> None:
    place.commit("one")
    place.repository.branches.create("a/b")
    for taken in ("a", "a/b/c"):
        with pytest.raises(UsageError, match="exists"):
            place.repository.branches.create(taken)
    place.repository.branches.delete("a/b")
    place.repository.branches.create("a")


def test_a_moved_ref_is_a_conflict_and_nothing_is_lost(place: Place) -> None:
    from mvc.errors import RefConflict
    from mvc.history.operation import Change, Operation

    first = place.commit("one")
    second = place.commit("two")
    log = place.context.operations
    stale = Operation("test", "stale", (Change("refs/heads/main", first, first),), _who())
    with pytest.raises(RefConflict), log.locked():
        log.append(place.context.writer(), stale)
    assert place.repository.head == second


def test_an_interrupted_operation_is_rolled_forward_by_the_next_open(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mvc
    from mvc.history.operations import OperationLog

    first = place.commit("one")
    (place.root / "file.txt").write_text("two")
    place.repository.add(["file.txt"])

    class PowerCut(BaseException):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(OperationLog, "_apply", cut)
        with pytest.raises(PowerCut):
            place.repository.commit("two")
    assert Path(place.repository.folder, "refs/heads/main").read_text().strip() == first
    again = mvc.open(str(place.root))
    assert again.head != first
    assert [commit.subject for commit in again.log()] == ["two", "one"]
    assert again.reflog("main")[0].message == "commit: two"


def test_commits_of_other_tools_are_read(place: Place) -> None:
    place.commit("one")
    tree = place.git("rev-parse", "HEAD^{tree}").strip()
    made = place.git(
        "-c", "user.name=x", "-c", "user.email=y", "commit-tree", tree, "-p", "HEAD", "-m", "git's"
    )
    place.git("update-ref", "refs/heads/main", made.strip())
    assert [commit.subject for commit in place.repository.log()] == ["git's", "one"]


def test_revisions_are_told_apart_from_ranges() -> None:
    assert revisions.is_range("a..b") and revisions.is_range("a...b") and revisions.is_range("^a")
    assert not revisions.is_range("a.b") and not revisions.is_range("HEAD~1")


def _who() -> Signature:
    return Signature("Ada", "ada@example.org", 1_700_000_000)
