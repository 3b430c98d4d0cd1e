"""Who changed a tensor: a manifest has a line for each, so Git's own blame of it is the judge."""

from __future__ import annotations

import pytest
from history.dags import Step, commit, gits, histories, index, manifest, model_of, write
from history.place import Place
from hypothesis import HealthCheck, given, settings

from mvc.errors import CorruptPack, UsageError
from mvc.history.blame import Blamed, blame
from mvc.history.inventory import entry_of, lines_of, name_of
from mvc.history.manifest import Conflict, Entry, Manifest
from mvc.ids import ObjectId

ANY = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def ours(found: list[Blamed]) -> dict[str, tuple[str, str]]:
    return {one.name: (one.commit.id, one.origin) for one in found}


@ANY
@given(histories)
def test_a_tensor_is_blamed_on_the_commit_that_git_blames_its_line_on(
    place: Place, history: list[Step]
) -> None:
    ids = write(place, history)
    for id_ in {ids[-1], ids[len(ids) // 2]}:
        path = model_of(place, id_)
        assert ours(blame(place.context, path, id_)) == gits(place, path, id_)


def test_a_sharded_model_is_one_model_whatever_its_files_are_called(place: Place) -> None:
    whole, one, two = "m.safetensors", "m-1.safetensors", "m-2.safetensors"
    first = commit(place, [], 0, **{whole: {"a": 1, "b": 1, "c": 1}})
    sharded = {one: {"a": 1, "b": 2}, two: {"c": 1}, f"{whole}.index.json": index(a=one, c=two)}
    second = commit(place, [first], 1, **sharded)
    moved = {one: {"a": 1}, two: {"b": 2, "c": 3}, f"{whole}.index.json": index(a=one, c=two)}
    third = commit(place, [second], 2, **moved)
    found = blame(place.context, whole, third)
    assert ours(found) == {"a": (first, whole), "b": (second, whole), "c": (third, whole)}
    assert [one.path for one in found] == ["m-1.safetensors", "m-2.safetensors", "m-2.safetensors"]
    elsewhere = {f"x/{path}": what for path, what in moved.items()}
    fourth = commit(place, [third], 3, **elsewhere)
    assert ours(blame(place.context, f"x/{whole}", fourth)) == ours(found)


def test_a_model_that_was_renamed_and_half_changed_is_followed(place: Place) -> None:
    first = commit(place, [], 0, old={"a": 1, "b": 1}, keep={"a": 1, "b": 1})
    second = commit(place, [first], 1, new={"a": 1, "b": 2}, keep={"a": 1, "b": 1})
    assert ours(blame(place.context, "new", second)) == {"a": (first, "old"), "b": (second, "new")}


def test_what_changes_around_the_tensors_changes_none(place: Place) -> None:
    first = commit(place, [], 0, m={"a": 1})
    other = manifest({"a": 1}).replace(b"skeleton " + b"0" * 64, b"skeleton " + b"1" * 64)
    second = commit(place, [first], 1, m=other)
    assert ours(blame(place.context, "m", second)) == {"a": (first, "m")}


def test_a_tensor_that_got_a_place_in_a_storage_is_the_same_tensor(place: Place) -> None:
    id_ = ObjectId("5" * 64)
    whole = Manifest("pytorch", 8, ObjectId("0" * 64), (Entry("a @ b", "F32", (2,), id_),))
    views = (Entry("a @ b", "F32", (2,), id_, "key @ 1", 0, (1,)),)
    looks = Manifest("pytorch", 8, ObjectId("0" * 64), views)
    assert lines_of(whole.encode()) == lines_of(looks.encode())
    (line,) = lines_of(looks.encode())
    assert name_of(line) == "a @ b"
    assert entry_of(line) == whole.tensors[0]


def test_an_undecided_tensor_has_a_name_and_no_value(place: Place) -> None:
    entry = Entry('odd "name"\n', "BF16", (), ObjectId("7" * 64))
    term = Manifest(
        "x", 8, ObjectId("0" * 64), conflicts=(Conflict(entry.name, None, entry, None),)
    )
    (line,) = lines_of(term.encode())
    assert name_of(line) == entry.name
    assert entry_of(line) is None


@pytest.mark.parametrize(
    "line", ["", "x", '"a', '"a" F32 [2] 55', '"a" F32 [2 5', '"a" odd - - -', r'"\x" F32']
)
def test_a_line_that_is_no_tensor_is_called_damaged(line: str) -> None:
    with pytest.raises(CorruptPack):
        entry_of(line)


def test_only_what_a_glob_names_is_asked_for(place: Place) -> None:
    first = commit(place, [], 0, m={"a.0": 1, "a.1": 1, "b[0]": 1})
    names = [one.name for one in blame(place.context, "m", first, ["a.*", "b[0]"])]
    assert names == ["a.0", "a.1", "b[0]"]
    with pytest.raises(UsageError, match="no tensor of m matches 'c\\*'"):
        blame(place.context, "m", first, ["c*"])


def test_what_is_no_model_is_said_to_be_none(place: Place) -> None:
    first = commit(place, [], 0, m={"a": 1}, text=b"words\n", d_x={"a": 1})
    for path, said in (("text", "no tensors"), ("none", "no such model"), ("none/m", "no such")):
        with pytest.raises(UsageError, match=said):
            blame(place.context, path, first)
