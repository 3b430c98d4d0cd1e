"""How a tensor came to be: each version, and what it was made from, as Git's blame of each parent tells."""

from __future__ import annotations

import pytest
from history.dags import NAMES, Step, commit, gits, histories, index, model_of, write
from history.place import Place
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mvc.errors import UsageError
from mvc.history.gitobjects import FILE_MODE
from mvc.history.lineage import lineages
from mvc.history.manifest import Entry, Manifest
from mvc.history.signature import Signature
from mvc.ids import CommitId, ObjectId


@settings(max_examples=9, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories, st.integers(0, len(NAMES) - 1))
def test_a_version_is_made_from_what_each_parent_blames(
    place: Place, history: list[Step], which: int
) -> None:
    id_, name = write(place, history)[-1], NAMES[which]
    blamed = gits(place, model_of(place, id_), id_)
    if name not in blamed:
        return
    (found,) = lineages(place.context, id_, [model_of(place, id_)], [name])
    assert found.versions[0].commit.id == blamed[name][0]
    met: set[str] = set()
    for one in found.versions:
        assert one.commit.id not in met
        met.add(one.commit.id)
        assert met.isdisjoint(one.before)
        expected = dict[str, None]()
        for parent in one.commit.parents:
            origins = gits(place, model_of(place, parent), parent)
            if name in origins:
                expected[origins[name][0]] = None
        assert one.before == tuple(expected)
        assert (one.how == "added") == (not expected)
    assert met == {found.versions[0].commit.id, *(b for v in found.versions for b in v.before)}


def version(place: Place, parent: CommitId | None, number: int, **names: str) -> CommitId:
    writer = place.context.writer()
    tensors = [Entry(n, "F32", (1,), ObjectId(d * 64)) for n, d in sorted(names.items())]
    blob = writer.blob(Manifest("x", 8, ObjectId("0" * 64), tuple(tensors)).encode())
    who = Signature("Ada", "ada@example.org", 1_700_000_000 + number, 0)
    tree = writer.files({"m.safetensors": (FILE_MODE, blob)})
    id_ = writer.commit(tree, [parent] if parent else [], who, who, f"{number}\n")
    writer.flush()
    return id_


def test_a_tensor_that_got_another_name_is_followed(place: Place) -> None:
    first = version(place, None, 0, old="1", kept="1")
    second = version(place, first, 1, old="2", kept="1")
    third = version(place, second, 2, new="2", kept="1")
    (found,) = lineages(place.context, third, ["m.safetensors"], ["new"])
    assert [(one.name, one.how) for one in found.versions] == [
        ("new", "renamed"),
        ("old", "changed"),
        ("old", "added"),
    ]


def test_a_tensor_that_is_again_what_it_was_says_when_it_was(place: Place) -> None:
    ids: list[CommitId] = []
    for number, digit in enumerate("12131"):
        ids.append(version(place, ids[-1] if ids else None, number, w=digit))
    (found,) = lineages(place.context, ids[-1], ["m.safetensors"], ["w"])
    assert [(one.how, one.source) for one in found.versions] == [
        ("restored", ids[2]),
        ("changed", None),
        ("restored", ids[0]),
        ("changed", None),
        ("added", None),
    ]


def test_what_there_is_not_has_no_lineage(place: Place) -> None:
    id_ = version(place, None, 0, w="1")
    with pytest.raises(UsageError, match=r"no tensor of m\.safetensors matches 'x'"):
        lineages(place.context, id_, ["m.safetensors"], ["x"])
    with pytest.raises(UsageError, match="no such model"):
        lineages(place.context, id_, ["n.safetensors"], ["w"])


def test_a_tensor_of_a_sharded_model_is_followed_from_file_to_file(place: Place) -> None:
    whole, one, two = "m.safetensors", "m-1.safetensors", "m-2.safetensors"
    first = commit(place, [], 0, **{whole: {"a": 1, "b": 1}})
    both = {one: {"a": 1, "b": 2}, two: {"c": 1}, f"{whole}.index.json": index(a=one, c=two)}
    second = commit(place, [first], 1, **both)
    third = commit(place, [second], 2, **{**both, one: {"a": 1}, two: {"b": 2, "c": 1}})
    (found,) = lineages(place.context, third, [whole], ["b"])
    assert [(v.commit.id, v.path, v.how) for v in found.versions] == [
        (second, one, "changed"),
        (first, whole, "added"),
    ]
