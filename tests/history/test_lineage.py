"""How a tensor came to be: each version, and what it was made from, as Git's blame of each parent tells."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from history.dags import NAMES, Step, commit, gits, histories, index, model_of, write
from history.place import Place
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mvc.errors import UsageError
from mvc.history.gitobjects import FILE_MODE
from mvc.history.lineage import lineages
from mvc.history.manifest import Entry, Manifest
from mvc.history.record import PATH, Json, Record
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


def version(
    place: Place,
    parents: Sequence[CommitId],
    number: int,
    record: Record | None = None,
    **names: str,
) -> CommitId:
    """A commit of tensors whose ids are repeated digits."""
    writer = place.context.writer()
    tensors = [Entry(n, "F32", (1,), ObjectId(d * 64)) for n, d in sorted(names.items())]
    blob = writer.blob(Manifest("x", 8, ObjectId("0" * 64), tuple(tensors)).encode())
    who = Signature("Ada", "ada@example.org", 1_700_000_000 + number, 0)
    files = {"m.safetensors": (FILE_MODE, blob)}
    if record is not None:
        files[PATH] = (FILE_MODE, writer.blob(record.encode()))
    id_ = writer.commit(writer.files(files), parents, who, who, f"{number}\n")
    writer.flush()
    return id_


def test_a_tensor_that_got_another_name_is_followed(place: Place) -> None:
    first = version(place, [], 0, old="1", kept="1")
    second = version(place, [first], 1, old="2", kept="1")
    third = version(place, [second], 2, new="2", kept="1")
    (found,) = lineages(place.context, third, ["m.safetensors"], ["new"])
    assert [(one.name, one.how) for one in found.versions] == [
        ("new", "renamed"),
        ("old", "changed"),
        ("old", "added"),
    ]


def test_a_tensor_that_is_again_what_it_was_says_when_it_was(place: Place) -> None:
    ids: list[CommitId] = []
    for number, digit in enumerate("12131"):
        ids.append(version(place, ids[-1:], number, w=digit))
    (found,) = lineages(place.context, ids[-1], ["m.safetensors"], ["w"])
    assert [(one.how, one.source) for one in found.versions] == [
        ("restored", ids[2]),
        ("changed", None),
        ("restored", ids[0]),
        ("changed", None),
        ("added", None),
    ]


def test_what_there_is_not_has_no_lineage(place: Place) -> None:
    id_ = version(place, [], 0, w="1")
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


def test_a_merge_is_by_the_first_rule_of_its_record_that_matches(place: Place) -> None:
    base = version(place, [], 0, w="1", v="1", x="1")
    ours = version(place, [base], 1, w="2", v="2", x="2")
    theirs = version(place, [base], 2, w="3", v="3", x="2")
    rules: list[Json] = [{"match": "w*", "strategy": "slerp"}]
    recipe: dict[str, Json] = {"strategy": "linear", "rules": rules}
    record = Record("merge", ObjectId("0" * 64), parameters=recipe)
    merged = version(place, [ours, theirs], 3, record, w="4", v="4", x="2")
    found = {
        one.name: one.versions[0]
        for one in lineages(place.context, merged, ["m.safetensors"], ["*"])
    }
    assert {name: (one.how, one.strategy) for name, one in found.items()} == {
        "w": ("merged", "slerp"),
        "v": ("merged", "linear"),
        "x": ("changed", None),
    }
    assert found["w"].before == (ours, theirs) and found["w"].operation == "merge"
    by_hand = version(place, [ours, theirs], 4, w="5", v="2", x="2")
    (one,) = lineages(place.context, by_hand, ["m.safetensors"], ["w"])
    assert (one.versions[0].how, one.versions[0].strategy) == ("merged", None)


@pytest.mark.parametrize(
    ("operation", "how"), [("revert", "reverted"), ("cherry-pick", "picked"), ("rebase", "picked")]
)
def test_what_one_commit_did_and_was_taken_back_or_brought_over_names_it(
    place: Place, operation: str, how: str
) -> None:
    base = version(place, [], 0, w="1")
    other = version(place, [base], 1, w="2")
    parameters: dict[str, Json] = {"strategy": "additive", "theirs": other}
    record = Record(operation, ObjectId("0" * 64), parameters=parameters)
    done = version(place, [base], 2, record, w="3")
    (found,) = lineages(place.context, done, ["m.safetensors"], ["w"])
    one = found.versions[0]
    assert (one.how, one.source, one.strategy) == (how, other, "additive")
