"""Walking a pickle's nodes: where its tensors are, what they are called, which storages it uses otherwise.

A tensor's name is the path to it from the root, keys joined by dots. Each container is visited once, on the
first path in the file's own order, so names are deterministic and shared references can't multiply
(a "memo bomb"); within a container each place that holds a tensor gives it a name. Nothing recurses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from itertools import chain
from typing import Final, TypeAlias, TypeGuard

from mvc.errors import LimitExceeded
from mvc.formats.pytorch.nodes import (
    Edit,
    Global,
    Mapping,
    Node,
    Object,
    OldString,
    PersistentId,
    Sequence,
)
from mvc.formats.pytorch.views import (
    FROM_TYPE,
    TORCH_MODULES,
    WRAPPERS,
    View,
    items,
    storage_ref,
    view_of,
)
from mvc.formats.pytorch.zip_directory import OPAQUE
from mvc.limits import NAME, PICKLE, PICKLE_DEPTH
from mvc.values import dataclass

#: A path as a chain: the parent's, the key in it, and how long the chain is. Texts are made for tensors only:
#: a million containers under long keys would else take more memory than the file.
Path: TypeAlias = "tuple[Path | None, Node, int]"

ROOT: Final[Path] = (None, None, 0)
#: The name of a tensor that is the root itself.
ROOT_NAME: Final = "tensor"

ORDERED_DICT: Final = Global("collections", "OrderedDict")
_CONTAINERS: Final = frozenset({Sequence, Mapping, Object, PersistentId})


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that holds a node: ``values[index]``; ``keys`` is the list beside it in a dict, else None."""

    values: list[Node]
    index: int
    keys: list[Node] | None


@dataclass(frozen=True, slots=True)
class Found:
    """A tensor at a place. ``node`` is the outermost call, which may make a Parameter of it."""

    path: Path
    slot: Slot
    node: Object
    view: View


@dataclass(slots=True)
class Survey:
    """What a walk finds; ``places`` are the dicts to which a key can be added, ``loose`` the keys of
    storages that something else than a tensor with a name refers to."""

    found: list[Found] = field(default_factory=list)
    places: list[tuple[Path, Mapping | Object]] = field(default_factory=list)
    loose: set[str] = field(default_factory=set)


_Visit: TypeAlias = tuple[Node, Path, list[Node], int, "list[Node] | None"]


def survey(root: list[Node], start: Path = ROOT, *, places: bool = False) -> Survey:
    """Walk the node that the one-element list ``root`` holds; ``start`` is its path.

    What waits is an iterator a level, not a list of nodes, so that a wide file takes no more memory here
    than a deep one. With ``places`` the dicts are listed too.

    Raises:
        MalformedFile: a tensor's numbers can't be.
        LimitExceeded: containers nest deeper than ``limits.PICKLE_DEPTH``.
    """
    result = Survey()
    seen: set[int] = set()
    levels: list[Iterator[_Visit]] = [iter([(root[0], start, root, 0, None)])]
    while levels:
        visit = next(levels[-1], None)
        if visit is None:
            levels.pop()
            continue
        node, path, values, index, keys = visit
        view = _tensor(node) if type(node) is Object else None
        if view is not None and isinstance(node, Object):
            result.found.append(Found(path, Slot(values, index, keys), node, view))
        if id(node) in seen:
            continue
        seen.add(id(node))
        if path[2] > PICKLE_DEPTH:
            raise LimitExceeded(f"the pickle nests deeper than {PICKLE_DEPTH}", hint=OPAQUE)
        if isinstance(node, PersistentId) and (storage := storage_ref(node)) is not None:
            result.loose.add(storage.key)
            continue
        if places and (isinstance(node, Mapping) or _is_dict(node)):
            result.places.append((path, node))
        levels.append(_children(node, path, view is not None))
    return result


def _tensor(node: Object) -> View | None:
    """The view of a tensor, or of the tensor that a Parameter wraps."""
    function = node.callable
    if type(function) is not Global or function.module not in TORCH_MODULES:
        return None
    inner = wrapped(node)
    return view_of(node if inner is None else inner)


def wrapped(node: Object) -> Object | None:
    """The tensor inside a Parameter; None if ``node`` is no Parameter."""
    if node.how == "reduce" and node.callable in WRAPPERS:
        arguments = items(node.arguments)
        if arguments and isinstance(arguments[0], Object):
            return arguments[0]
    return None


def _is_dict(node: Node) -> TypeGuard[Object]:
    """Whether an object is filled as a dict is, or is an OrderedDict that may still be."""
    if not isinstance(node, Object):
        return False
    if node.edits and any(step.kind == "set" for step in node.edits):
        return True
    function = node.callable
    return type(function) is Global and function.name == "OrderedDict" and function == ORDERED_DICT


def _children(node: Node, path: Path, is_tensor: bool) -> Iterator[_Visit]:
    """The containers directly in ``node``, in the file's order, with their paths."""
    if isinstance(node, Sequence):
        return _positions(node.items, path)
    if isinstance(node, Mapping):
        return _pairs(node.keys, node.values, path)
    if isinstance(node, PersistentId):
        return _positions([node.value], path)
    if isinstance(node, Object):
        return chain(_call(node, path, is_tensor), _edits(node.edits or [], path))
    return iter(())


def _call(node: Object, path: Path, is_tensor: bool) -> Iterator[_Visit]:
    if is_tensor:
        yield from _beside_tensor(node, path)
        return
    arguments = items(node.arguments)
    yield from _positions([node.callable], path)
    yield from _positions([node.arguments] if arguments is None else arguments, path)
    if isinstance(node.keywords, Mapping):
        yield from _pairs(node.keywords.keys, node.keywords.values, path)


def _edits(steps: list[Edit], path: Path) -> Iterator[_Visit]:
    for step in steps:
        if step.kind == "set":
            yield from _pairs(step.keys, step.values, path)
        elif step.kind == "build":
            yield from _attributes(step.values, 0, path)
        else:
            yield from _positions(step.values, path)


def _positions(
    values: list[Node], path: Path, first: int = 0, last: int | None = None
) -> Iterator[_Visit]:
    for index in range(first, len(values) if last is None else min(last, len(values))):
        if type(values[index]) in _CONTAINERS:
            yield values[index], (path, index, path[2] + 1), values, index, None


def _pairs(keys: list[Node], values: list[Node], path: Path) -> Iterator[_Visit]:
    depth = path[2] + 1
    for index, value in enumerate(values):
        if type(keys[index]) in _CONTAINERS:
            yield keys[index], (path, "key", depth), keys, index, None
        if type(value) in _CONTAINERS:
            yield value, (path, keys[index], depth), values, index, keys


def _attributes(values: list[Node], index: int, path: Path) -> Iterator[_Visit]:
    """An object's state: its attributes go by their own names, also in the (dict, slots) form."""
    state = values[index]
    parts = state.items if isinstance(state, Sequence) and state.kind == "tuple" else []
    if len(parts) == 2 and isinstance(parts[1], Mapping):
        yield parts[0], path, parts, 0, None
        yield parts[1], path, parts, 1, None
    else:
        yield state, path, values, index, None


def _beside_tensor(node: Object, path: Path) -> Iterator[_Visit]:
    """What a tensor's call holds besides its storage, size and strides: hooks, attributes, metadata."""
    inner = wrapped(node)
    if inner is not None:
        arguments = items(node.arguments) or []
        yield from _positions(arguments, path, 1, 3)
        if len(arguments) > 3:
            yield from _attributes(arguments, 3, path)
        node = inner
    arguments = items(node.arguments) or []
    if node.callable == FROM_TYPE:
        yield from _attributes(arguments, 3, path)
        arguments = items(arguments[2]) or []
    yield from _positions(arguments, path, 4)


def name_of(path: Path) -> str:
    """The path as text: keys joined by dots, :data:`ROOT_NAME` for the root.

    Raises:
        LimitExceeded: longer than ``limits.NAME`` bytes.
    """
    parts: list[str] = []
    length = 0
    step: Path | None = path
    while step is not None and step[0] is not None:
        parts.append(_key_text(step[1]))
        length += len(parts[-1]) + 1
        if length > NAME + 1:  # a dot fewer than parts
            raise LimitExceeded(f"a tensor's name is longer than {NAME} bytes", hint=OPAQUE)
        step = step[0]
    text = ".".join(reversed(parts)) if parts else ROOT_NAME
    # A lone surrogate, which a pickle may hold, can't be written to a manifest.
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) > NAME:
        raise LimitExceeded(f"a tensor's name is longer than {NAME} bytes", hint=OPAQUE)
    return encoded.decode()


class Names:
    """Gives every path a name of its own: the second one of a kind gets ``#2``."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}
        self._total = 0

    def give(self, path: Path) -> str:
        """A name that was not given before.

        Raises:
            LimitExceeded: all names together are longer than ``limits.PICKLE``.
        """
        wanted = name = name_of(path)
        count = self._next.get(wanted, 1)
        while name in self._next:
            count += 1
            name = f"{wanted}#{count}"
        self._next[wanted] = count
        self._next.setdefault(name, 1)
        self._total += len(name)
        if self._total > PICKLE:
            raise LimitExceeded("the names of the tensors take too much memory", hint=OPAQUE)
        return name


def _key_text(key: Node) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, OldString):
        return key.decode("utf-8", "backslashreplace")
    if isinstance(key, int) and key.bit_length() > 64:
        return "int"  # Python refuses to print numbers of many digits
    if key is None or isinstance(key, (bool, int, float, Global)):
        return str(key)
    return type(key).__name__.lower()
