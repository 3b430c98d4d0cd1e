"""Recognising the calls that rebuild a tensor, and what they say: which storage, dtype, shape and strides.

Nothing here is called; a node either has the form that ``torch._utils`` writes or it is foreign.
"""

from __future__ import annotations

from typing import Final, TypeGuard

from mvc.dtypes import DTYPES
from mvc.formats.pytorch.nodes import Global, Node, Object, PersistentId, Sequence
from mvc.formats.pytorch.torch_types import DTYPES_BY_TORCH, ELEMENTS
from mvc.formats.pytorch.zip_directory import malformed
from mvc.limits import DIMENSIONS
from mvc.values import dataclass

_SIZE: Final = Global("torch", "Size")
_LARGEST: Final = 2**63 - 1

#: The functions whose first arguments are (storage, offset, size, stride); v3 has the dtype at 6.
REBUILD_V2: Final = Global("torch._utils", "_rebuild_tensor_v2")
REBUILD_V3: Final = Global("torch._utils", "_rebuild_tensor_v3")
_REBUILD: Final = Global("torch._utils", "_rebuild_tensor")
#: Calls around a tensor, by the place of that tensor among their arguments.
WRAPPERS: Final = (
    Global("torch._utils", "_rebuild_parameter"),
    Global("torch._utils", "_rebuild_parameter_with_state"),
)
#: ``(function, type, arguments, state)``: a tensor's own class or attributes around another rebuild call.
FROM_TYPE: Final = Global("torch._tensor", "_rebuild_from_type_v2")
#: Where all of these live: a file of a million other objects is not compared with each of them.
TORCH_MODULES: Final = frozenset({"torch._utils", "torch._tensor"})


@dataclass(frozen=True, slots=True)
class StorageRef:
    """What a persistent id says of a storage: ``count`` elements of ``itemsize`` bytes under ``key``.

    ``dtype`` is None where mvc has no name for it.
    """

    key: str
    dtype: str | None
    itemsize: int
    count: int


@dataclass(frozen=True, slots=True)
class View:
    """What a rebuild call says; ``offset`` and ``strides`` count elements of ``dtype``."""

    storage: StorageRef
    dtype: str
    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...]

    @property
    def elements(self) -> int:
        """The number of elements of the tensor, which a stride of 0 may make larger than its storage."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    @property
    def nbytes(self) -> int:
        """The bytes of the tensor written row by row."""
        return self.elements * DTYPES[self.dtype].bits // 8

    @property
    def row_major(self) -> bool:
        """Whether the elements lie in the storage as they would be written row by row."""
        if not self.elements:
            return True
        step = 1
        for extent, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if extent != 1 and stride != step:
                return False
            step *= extent
        return True


def storage_ref(reference: PersistentId) -> StorageRef | None:
    """The storage that a persistent id names, or None for another kind of reference.

    Raises:
        MalformedFile: a storage with a key or count that is none.
    """
    fields = items(reference.value)
    if fields is None or len(fields) < 5 or fields[0] != "storage":
        return None
    _, kind, key, _, count = fields[:5]
    if not isinstance(kind, Global) or kind.module.split(".")[0] != "torch":
        return None
    if not isinstance(key, str) or not _is_count(count):
        raise malformed("the pickle names a storage without a proper key and size")
    dtype, itemsize = ELEMENTS.get(kind.name, (None, 0))
    return StorageRef(key, dtype, itemsize, count)


def view_of(node: Object) -> View | None:
    """The tensor that the call in ``node`` rebuilds, or None if it is another call or an unknown dtype.

    Raises:
        MalformedFile: the call has the form of a rebuild but its numbers can't be, or leave the storage.
    """
    function, arguments = rebuild_call(node)
    if function not in (_REBUILD, REBUILD_V2, REBUILD_V3) or len(arguments) < 4:
        return None
    reference, offset, size, stride = arguments[:4]
    storage = storage_ref(reference) if isinstance(reference, PersistentId) else None
    if storage is None:
        return None
    dtype = storage.dtype
    if function == REBUILD_V3:
        named = arguments[6] if len(arguments) > 6 else None
        known = isinstance(named, Global) and named.module == "torch"
        dtype = DTYPES_BY_TORCH.get(named.name) if known and isinstance(named, Global) else None
    shape, strides = _counts(size), _counts(stride)
    if shape is None or strides is None or len(shape) != len(strides) or not _is_count(offset):
        raise malformed(f"a tensor over the storage {storage.key!r} has no proper shape")
    if dtype is None:
        return None
    view = View(storage, dtype, shape, offset, strides)
    _check_inside(view)
    return view


def rebuild_call(node: Object) -> tuple[Node, list[Node]]:
    """The function and arguments that make a tensor, seen through ``_rebuild_from_type_v2``."""
    arguments = items(node.arguments) or []
    if node.how != "reduce":
        return None, []
    if node.callable == FROM_TYPE and len(arguments) == 4:
        return arguments[0], items(arguments[2]) or []
    return node.callable, arguments


def items(node: Node) -> list[Node] | None:
    """The items of a tuple, or of the tuple inside a ``torch.Size``; None for anything else."""
    if isinstance(node, Object) and node.callable == _SIZE and isinstance(node.arguments, Sequence):
        node = node.arguments.items[0] if node.arguments.items else None
    if isinstance(node, Sequence) and node.kind == "tuple":
        return node.items
    return None


def _check_inside(view: View) -> None:
    storage = view.storage
    available = storage.count * storage.itemsize * 8 // DTYPES[view.dtype].bits
    reach = view.offset
    if view.elements:
        spans = zip(view.shape, view.strides, strict=True)
        reach += 1 + sum((extent - 1) * stride for extent, stride in spans)
    if reach > available:
        raise malformed(
            f"a tensor of shape {list(view.shape)} reaches element {reach} of the storage "
            f"{storage.key!r}, which has {available}"
        )


def _counts(node: Node) -> tuple[int, ...] | None:
    values = items(node)
    if values is None or len(values) > DIMENSIONS:
        return None
    counts = tuple(value for value in values if _is_count(value))
    return counts if len(counts) == len(values) else None


def _is_count(value: Node) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _LARGEST
