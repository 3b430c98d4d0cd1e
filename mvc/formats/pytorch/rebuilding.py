"""The calls that rebuild a tensor, written for new contents: the inverse of ``views``."""

from __future__ import annotations

from typing import Final

from mvc.dtypes import DTYPES
from mvc.formats.layout import ComposedTensor
from mvc.formats.pytorch.nodes import Global, Node, Object, PersistentId, Sequence
from mvc.formats.pytorch.survey import ORDERED_DICT, wrapped
from mvc.formats.pytorch.torch_types import STORAGE_TYPES, TORCH_DTYPES
from mvc.formats.pytorch.views import FROM_TYPE, REBUILD_V2, REBUILD_V3, items, rebuild_call

_UNTYPED: Final = Global("torch.storage", "UntypedStorage")


def new_tensor(tensor: ComposedTensor, key: str) -> Object:
    """The node of a plain tensor that fills the storage ``key`` row by row."""
    return Object("reduce", *_call(tensor, key, []))


def rebuilt(node: Object, tensor: ComposedTensor, key: str) -> Object:
    """What ``node`` makes, of new contents: still a Parameter, of the same class and attributes."""
    inner = wrapped(node)
    if inner is not None:
        arguments = list(items(node.arguments) or [])
        arguments[0] = rebuilt(inner, tensor, key)
        if len(arguments) > 1:
            arguments[1] = arguments[1] is True and _differentiable(tensor.dtype)
    elif node.callable == FROM_TYPE:
        arguments = list(items(node.arguments) or [])
        arguments[0], arguments[2] = _call(tensor, key, items(arguments[2]) or [])
    else:
        function, new_arguments = _call(tensor, key, rebuild_call(node)[1])
        return Object("reduce", function, new_arguments, edits=node.edits)
    return Object("reduce", node.callable, Sequence("tuple", arguments), edits=node.edits)


def _call(tensor: ComposedTensor, key: str, old: list[Node]) -> tuple[Global, Sequence]:
    """Function and arguments; ``old`` ones give location, ``requires_grad``, hooks and metadata."""
    typed = STORAGE_TYPES.get(tensor.dtype)
    reference = old[0].value if old and isinstance(old[0], PersistentId) else None
    location = (items(reference) or [None] * 5)[3] or "cpu"
    count = tensor.nbytes * 8 // DTYPES[tensor.dtype].bits if typed else tensor.nbytes
    kind = Global("torch", typed) if typed else _UNTYPED
    storage = PersistentId(Sequence("tuple", ["storage", kind, key, location, count]))
    grad: Node = False
    hooks: Node = Object("reduce", ORDERED_DICT, Sequence("tuple", []))
    if len(old) >= 6:
        grad, hooks = old[4] is True and _differentiable(tensor.dtype), old[5]
    shape = Sequence("tuple", list(tensor.shape))
    strides = Sequence("tuple", _row_major(tensor.shape))
    arguments: list[Node] = [storage, 0, shape, strides, grad, hooks]
    if not typed:
        arguments.append(Global("torch", TORCH_DTYPES[tensor.dtype]))
    # The dtype comes before the metadata, in the old call too if that was of version 3.
    arguments += [node for node in old[6:] if not isinstance(node, Global)]
    return (REBUILD_V2 if typed else REBUILD_V3), Sequence("tuple", arguments)


def _differentiable(dtype: str) -> bool:
    return DTYPES[dtype].signed_float or dtype == "C64"


def _row_major(shape: tuple[int, ...]) -> list[Node]:
    """Strides in elements as torch counts them: an extent of 0 counts as 1."""
    strides: list[Node] = []
    step = 1
    for extent in reversed(shape):
        strides.append(step)
        step *= max(extent, 1)
    return strides[::-1]
