"""Metrics: kept by the Merkle root of weights, moved by operations, quick with thousands."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest
from history.place import Place
from hypothesis import given
from hypothesis import strategies as st

import mvc
from mvc.errors import CorruptPack, UsageError
from mvc.history.metrics import METRICS, Measured, Metrics, check_name, decode, encode, note
from mvc.history.retention import Rules, choose
from mvc.history.transaction import transaction
from mvc.ids import ObjectId, object_id
from mvc.repository import Repository

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)
NUMBERS = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324])


def commit(place: Place, value: float, message: str = "weights") -> str:
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    data = struct.pack("<Q", len(header)) + header + struct.pack("<f", value)
    (place.root / "m.safetensors").write_bytes(data)
    place.repository.add(["m.safetensors"])
    return place.repository.commit(message).id


def of(repository: Repository, revision: str = "HEAD") -> dict[str, float]:
    return {name: one.value for name, one in repository.metrics.of(revision).items()}


@given(st.dictionaries(NAMES, st.builds(Measured, NUMBERS, st.integers(0, 2**40), st.text())))
def test_what_is_encoded_comes_back_to_the_bit(values: dict[str, Measured]) -> None:
    found = decode(encode(values))
    assert found.keys() == values.keys()
    for name, one in values.items():
        assert struct.pack("<d", found[name].value) == struct.pack("<d", one.value) or (
            math.isnan(found[name].value) and math.isnan(one.value)
        )
        assert (found[name].time, found[name].how) == (one.time, one.how)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"mvc-metrics":2,"values":{}}',
        b'{"mvc-metrics":1,"values":{"a":1}}',
        b'{"mvc-metrics":1,"values":{"a":["many",0,""]}}',
    ],
)
def test_damage_is_called_damage(data: bytes) -> None:
    with pytest.raises(CorruptPack):
        decode(data)


@pytest.mark.parametrize("name", ["", "a b", "a=b", "-a", "a\nb", "x" * 201])
def test_some_names_are_none(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)


def test_they_outlive_another_message_another_parent_and_other_text(place: Place) -> None:
    repository = place.repository
    commit(place, 1.0)
    second = commit(place, 2.0)
    repository.metrics.add({"loss": 0.5, "odd": math.nan}, how="./eval")
    repository.commit("another message", amend=True)
    (place.root / "README.md").write_text("words")
    repository.add(["README.md"])
    repository.commit("words")
    assert of(repository)["loss"] == 0.5
    assert math.isnan(of(repository)["odd"])
    assert repository.metrics.of()["loss"].how == "./eval"
    assert of(repository, second) == of(repository, "HEAD~1") or math.isnan(of(repository)["odd"])
    assert of(repository, "HEAD~2") == {}
    repository.switch("other", create="new", start="HEAD~2")
    commit(place, 2.0, "the same weights on another branch")
    assert of(repository)["loss"] == 0.5


def test_undo_takes_back_what_was_noted_and_what_was_removed(place: Place) -> None:
    repository = place.repository
    commit(place, 1.0)
    repository.metrics.add({"loss": 1.0})
    repository.metrics.add({"loss": 2.0, "more": 3.0})
    repository.metrics.remove([])
    assert of(repository) == {}
    assert place.context.refs.raw(METRICS) is None
    repository.undo()
    assert of(repository) == {"loss": 2.0, "more": 3.0}
    repository.undo()
    assert of(repository) == {"loss": 1.0}
    repository.undo()
    assert place.context.refs.raw(METRICS) is None


def test_only_what_is_there_can_be_removed_and_only_weights_be_measured(place: Place) -> None:
    repository = place.repository
    place.commit("no weights")
    with pytest.raises(UsageError, match="has no weights"):
        repository.metrics.add({"loss": 1.0})
    commit(place, 1.0)
    with pytest.raises(UsageError, match="no metric 'loss' was noted"):
        repository.metrics.remove(["loss"])


def test_nobody_can_lose_them_and_git_reads_them(place: Place) -> None:
    repository = place.repository
    commit(place, 1.0)
    repository.metrics.add({"loss": 1.0})
    repository.upkeep.gc(prune="now", expire="now")
    again = mvc.open(str(place.root))
    assert of(again) == {"loss": 1.0}
    assert not [one for one in again.upkeep.fsck(full=True) if not one.harmless]
    (file,) = place.git("ls-tree", "-r", "--name-only", METRICS).split()
    assert '"loss":[1.0,' in place.git("show", f"{METRICS}:{file}")


def test_one_more_of_ten_thousand_writes_four_small_objects(place: Place) -> None:
    repository = place.repository
    commit(place, 1.0)
    roots = [object_id(str(number).encode()) for number in range(10_000)]
    with transaction(place.context, "metric", None) as current:
        one = {"loss": Measured(1.0, 0)}
        note(current, dict.fromkeys(roots, one))
    objects = {path: path.stat().st_size for path in objects_of(place)}
    repository.metrics.add({"loss": 2.0})
    written = [path for path in objects_of(place) if path not in objects]
    assert len(written) <= 6  # a blob, two trees, two commits, the stage's tree
    assert sum(path.stat().st_size for path in written) < 20_000
    assert of(repository) == {"loss": 2.0}
    assert Metrics(place.context).noted(ObjectId(roots[77])) == {"loss": Measured(1.0, 0)}


def objects_of(place: Place) -> set[Path]:
    return set(Path(place.repository.folder, "objects").glob("??/*"))


def test_expiry_keeps_the_best_of_what_was_noted(place: Place) -> None:
    repository = place.repository
    ids = [commit(place, float(number), f"step {number}\n\nloss: 9") for number in range(5)]
    for id_, loss in zip(ids, (5.0, 1.0, 2.0, math.nan, 7.0), strict=True):
        repository.metrics.add({"loss": loss}, id_)
    rules = Rules(metric="loss", best=2)
    gone = {one.commit for one in choose(place.context, [], rules, force=False)}
    assert gone == {ids[0], ids[3]}  # the last one is the tip of a branch


def test_along_goes_by_first_parents_from_the_oldest_on(place: Place) -> None:
    repository = place.repository
    ids = [commit(place, float(number), f"step {number}") for number in range(3)]
    commit(place, 3.0, "said in the message\n\nloss: 0.25")
    repository.metrics.add({"loss": 0.5}, ids[1])
    points = repository.metrics.along("loss")
    assert [point.value for point in points] == [None, 0.5, None, 0.25]
    assert points[0].commit.subject == "step 0"
    assert len(repository.metrics.along("loss", f"{ids[1]}..HEAD")) == 2
    with pytest.raises(UsageError, match="has the metric 'nope'"):
        repository.metrics.along("nope")
