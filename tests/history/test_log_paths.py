"""``log -- PATH``: the commits that changed it, found without reading what did not change."""

from __future__ import annotations

import pytest
from history.place import Place
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mvc.history.gitobjects import EXECUTABLE_MODE, FILE_MODE
from mvc.history.log import differing
from mvc.ids import TreeId

paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)
trees = st.dictionaries(
    paths,
    st.tuples(st.sampled_from([FILE_MODE, EXECUTABLE_MODE]), st.binary(max_size=1)),
    max_size=8,
)


def write(place: Place, files: dict[str, tuple[int, bytes]]) -> tuple[TreeId, dict[str, object]]:
    writer = place.context.writer()
    kept = {
        path: (mode, writer.blob(data))
        for path, (mode, data) in files.items()
        if not any(path.startswith(f"{other}/") for other in files)
    }
    tree = writer.files(kept)
    writer.flush()
    return tree, dict(kept)


@given(trees, trees)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_trees_differ_in_the_paths_whose_mode_or_blob_does(
    place: Place, old: dict[str, tuple[int, bytes]], new: dict[str, tuple[int, bytes]]
) -> None:
    (before, was), (after, is_) = write(place, old), write(place, new)
    expected = {path for path in {*was, *is_} if was.get(path) != is_.get(path)}
    found = list(differing(place.context.git, before, after))
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert set(differing(place.context.git, None, after)) == set(is_)


def test_a_folder_that_did_not_change_is_not_read(place: Place) -> None:
    git = place.context.git
    trees = [
        write(place, {"a/b": (FILE_MODE, b"same"), "c": (FILE_MODE, text)})[0]
        for text in (b"1", b"2")
    ]
    _, unchanged = git.folder(trees[0])["a"]
    path = place.root / ".mvc" / "objects" / unchanged[:2] / unchanged[2:]
    path.unlink()
    assert list(differing(git, *trees)) == ["c"]


@pytest.mark.parametrize("pattern", ["file.txt", "*.txt", "", "other"])
def test_the_log_of_a_path_is_gits(place: Place, pattern: str) -> None:
    for text in ("one", "two", "two again"):
        place.commit(text)
    (place.root / "other").mkdir()
    (place.root / "other" / "notes.md").write_text("x")
    place.repository.add(["other"])
    place.repository.commit("another file")
    place.repository.commit("nothing", allow_empty=True)
    limits = [pattern] if pattern else [".", ":!.mvc"]
    expected = place.git("log", "--format=%H", "--", *limits).split()
    ours = [commit.id for commit in place.repository.log(paths=[pattern])]
    assert ours == expected
    assert ours
