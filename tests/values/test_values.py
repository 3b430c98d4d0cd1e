"""A class of ``mvc.values`` behaves as the standard library's; each law is asked of both."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import threading
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, ClassVar, get_type_hints

import pytest

from mvc import values

Make = Callable[..., Any]


@pytest.fixture(params=[dataclasses.dataclass, values.dataclass], ids=["standard", "ours"])
def dataclass(request: pytest.FixtureRequest) -> Make:
    make: Make = request.param
    return make


@pytest.fixture
def point(dataclass: Make) -> Any:
    @dataclass(frozen=True, slots=True)
    class Point:
        """A place."""

        x: int
        y: int = 2
        names: Mapping[str, int] = field(default_factory=dict)

        @property
        def sum(self) -> int:
            return self.x + self.y

        @staticmethod
        def origin() -> Point:
            return Point(0, 0)

    return Point


@values.dataclass(frozen=True, slots=True)
class Kept:
    """Can be found by its name, as pickle must."""

    x: int
    y: tuple[int, ...] = ()


def test_arguments_and_defaults(point: Any) -> None:
    assert (point(1).x, point(1).y, point(1).names) == (1, 2, {})
    assert point(1, y=5, names={"a": 1}).sum == 6
    assert point.origin().sum == 0
    one, other = point(1), point(1)
    assert one.names is not other.names
    for wrong in ((), (1, 2, {}, 4)):
        with pytest.raises(TypeError, match=r"__init__\(\)"):
            point(*wrong)


def test_equality_hash_and_words(point: Any) -> None:
    assert point(1) == point(1) != point(2)
    assert point(1) != (1, 2, {})
    assert repr(point(1)).endswith("Point(x=1, y=2, names={})")
    assert hash(point(1, 2, ())) == hash(point(1, 2, ()))
    with pytest.raises(TypeError, match="unhashable"):
        hash(point(1))
    match point(7):
        case point(x, y):
            assert (x, y) == (7, 2)


def test_what_is_frozen_stays(point: Any) -> None:
    made = point(1)
    for name in ("x", "z"):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            setattr(made, name, 3)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del made.x
    assert not hasattr(made, "__dict__")


def test_what_is_not_frozen_changes_and_has_no_hash(dataclass: Make) -> None:
    @dataclass(slots=True)
    class Open:
        x: int
        seen: list[int] = field(default_factory=list)

    made = Open(1)
    made.x = 2
    made.seen.append(3)
    assert made == Open(2, [3])
    with pytest.raises(TypeError, match="unhashable"):
        hash(made)
    with pytest.raises(AttributeError):
        made.z = 1  # type: ignore[attr-defined]


def test_without_equality_it_is_itself(dataclass: Make) -> None:
    @dataclass(slots=True, eq=False)
    class Node:
        inner: Any = None

    node = Node()
    node.inner = node
    assert node != Node(node)
    assert {node: 1}[node] == 1
    assert "..." in repr(node)


def test_it_is_a_dataclass_to_others(point: Any) -> None:
    made = point(1, names={"a": 1})
    assert dataclasses.is_dataclass(made)
    assert dataclasses.asdict(made) == {"x": 1, "y": 2, "names": {"a": 1}}
    assert dataclasses.replace(made, y=9) == point(1, 9, {"a": 1})
    assert [f.name for f in dataclasses.fields(point)] == ["x", "y", "names"]
    assert copy.deepcopy(made) == made == copy.copy(made)


def test_its_signature_can_be_read(point: Any) -> None:
    assert list(inspect.signature(point).parameters) == ["x", "y", "names"]
    hints = get_type_hints(point.__init__)
    assert hints == {"x": int, "y": int, "names": Mapping[str, int], "return": type(None)}


def test_what_is_to_happen_after_init_happens(dataclass: Make) -> None:
    @dataclass(frozen=True, slots=True)
    class Checked:
        x: int

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("negative")

    assert Checked(1).x == 1
    with pytest.raises(ValueError, match="negative"):
        Checked(-1)


def test_own_methods_win(dataclass: Make) -> None:
    @dataclass(frozen=True, slots=True)
    class Named:
        x: int

        def __repr__(self) -> str:
            return "me"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 4

    assert (repr(Named(1)), Named(1) == Named(2), hash(Named(1))) == ("me", True, 4)


def test_no_field_and_one_field(dataclass: Make) -> None:
    @dataclass(frozen=True, slots=True)
    class Empty:
        pass

    @dataclass(frozen=True, slots=True)
    class One:
        x: float

    nan = float("nan")
    assert Empty() == Empty()
    assert len({Empty(), Empty()}) == 1
    assert One(nan) == One(nan) != One(float("nan"))
    assert hash(One(1)) == hash((1,))


def test_what_it_does_not_know_is_left_to_the_standard_library() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Counted:
        total: ClassVar[int] = 3
        x: int
        hidden: int = field(default=0, repr=False, compare=False)

    @values.dataclass
    class Loose:
        x: int = 1

    assert Counted.total == 3
    assert Counted(1, 2) == Counted(1, 5)
    assert "hidden" not in repr(Counted(1))
    assert Loose().__dict__ == {"x": 1}


def test_it_can_be_pickled() -> None:
    made = Kept(1, (2, 3))
    assert pickle.loads(pickle.dumps(made)) == made


def test_threads_may_make_the_first_objects_at_once() -> None:
    for _ in range(20):

        @values.dataclass(frozen=True, slots=True)
        class Fresh:
            x: int

        start, made = threading.Barrier(4), []

        def first(
            cls: Any = Fresh, start: threading.Barrier = start, made: list[Any] = made
        ) -> None:
            start.wait()
            made.append(cls(1))

        threads = [threading.Thread(target=first) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == [Fresh(1)] * 4
