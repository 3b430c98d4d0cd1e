"""Files as ``torch.save`` writes them, made with the standard library alone."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

_BYTES = {"FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8}


@dataclass(frozen=True)
class Name:
    """Pickled as a global that need not exist."""

    module: str
    name: str

    def __call__(self, *_: object) -> None:
        raise AssertionError("a name is never called")


@dataclass(eq=False)
class Store:
    """A storage; its key is the order of its first use."""

    data: bytes
    kind: str = "FloatStorage"

    @property
    def count(self) -> int:
        return len(self.data) // _BYTES.get(self.kind, 1)


@dataclass(eq=False)
class Call:
    """``function(*arguments)``, then a state."""

    function: Name
    arguments: tuple[Any, ...] = ()
    state: Any = None

    def __reduce__(self) -> Any:
        call = (self.function, self.arguments)
        return call if self.state is None else (*call, self.state)


def tensor(
    store: Store,
    shape: tuple[int, ...],
    strides: tuple[int, ...] | None = None,
    offset: int = 0,
    *,
    dtype: str | None = None,
    grad: bool = False,
) -> Call:
    """A tensor over ``store``; of version 3 where ``dtype`` is given."""
    if strides is None:
        strides = row_major(shape)
    fields = (store, offset, shape, strides, grad, OrderedDict())
    if dtype is None:
        return Call(Name("torch._utils", "_rebuild_tensor_v2"), fields)
    return Call(Name("torch._utils", "_rebuild_tensor_v3"), (*fields, Name("torch", dtype)))


def floats(*shape: int, seed: int = 1) -> Call:
    """A float tensor of its own storage."""
    count = 4
    for extent in shape:
        count *= extent
    return tensor(Store(bytes((seed + i) % 251 for i in range(count))), shape)


def parameter(inner: Call, grad: bool = True) -> Call:
    return Call(Name("torch._utils", "_rebuild_parameter"), (inner, grad, OrderedDict()))


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides: list[int] = []
    step = 1
    for extent in reversed(shape):
        strides.insert(0, step)
        step *= max(extent, 1)
    return tuple(strides)


class _Pickler(pickle._Pickler):  # type: ignore[misc, name-defined]
    def __init__(self, file: io.BytesIO, protocol: int, stores: list[Store]) -> None:
        super().__init__(file, protocol)
        self.stores = stores

    def persistent_id(self, value: object) -> Any:
        if not isinstance(value, Store):
            return None
        if value not in self.stores:
            self.stores.append(value)
        module = "torch.storage" if value.kind == "UntypedStorage" else "torch"
        key = str(self.stores.index(value))
        return ("storage", Name(module, value.kind), key, "cpu", value.count)

    def save(self, value: Any, save_persistent_id: bool = True) -> None:
        if not isinstance(value, Name):
            super().save(value, save_persistent_id)
        elif id(value) in self.memo:
            self.write(self.get(self.memo[id(value)][0]))
        else:
            self.write(b"c" + f"{value.module}\n{value.name}\n".encode())
            self.memoize(value)


def pickled(value: Any, protocol: int = 2) -> tuple[bytes, list[Store]]:
    """The pickle of ``value`` and the storages that it names, by key."""
    file = io.BytesIO()
    stores: list[Store] = []
    _Pickler(file, protocol, stores).dump(value)
    return file.getvalue(), stores


class _Pipe(io.BytesIO):
    def tell(self) -> int:
        raise OSError("a pipe has no position")


@dataclass
class Archive:
    """The entries of a file; change them, then ``write``."""

    entries: dict[str, bytes] = field(default_factory=dict)
    deflated: set[str] = field(default_factory=set)

    def write(self, *, streamed: bool = False) -> bytes:
        """The file; ``streamed``: with the sizes behind the data."""
        file = _Pipe() if streamed else io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in self.entries.items():
                info = zipfile.ZipInfo(name)
                deflate = name in self.deflated
                info.compress_type = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
                archive.writestr(info, content)
        return file.getvalue()


def archive(value: Any, *, protocol: int = 2, prefix: str = "archive") -> Archive:
    """The entries of a checkpoint of ``value``."""
    content, stores = pickled(value, protocol)
    return of_pickle(content, [store.data for store in stores], prefix=prefix)


def of_pickle(content: bytes, stores: list[bytes] = [], *, prefix: str = "archive") -> Archive:  # noqa: B006 (read only)
    """The entries of a checkpoint with this pickle."""
    entries = {f"{prefix}/data.pkl": content, f"{prefix}/byteorder": b"little"}
    entries |= {f"{prefix}/data/{key}": data for key, data in enumerate(stores)}
    entries[f"{prefix}/version"] = b"3\n"
    return Archive(entries)


def saved(value: Any, *, protocol: int = 2, prefix: str = "archive") -> bytes:
    """A checkpoint of ``value``."""
    return archive(value, protocol=protocol, prefix=prefix).write()
