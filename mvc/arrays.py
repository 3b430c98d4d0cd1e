"""The bytes of a tensor as an array that people compute with, and back.

Owns the table from safetensors' dtype names to NumPy's and PyTorch's, the packing of elements smaller than a
byte, and the mapping that decodes a tensor on first use. It promises that ``to_bytes`` gives back the bits
that ``to_numpy`` and ``to_torch`` were given. It must not know where the bytes come from. PyTorch is
imported only by ``to_torch``, and by ``to_bytes`` once it was handed a PyTorch tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import ml_dtypes
import numpy as np

from mvc.dtypes import DTYPES, nbytes
from mvc.errors import MalformedFile, MvcError, UnsupportedDtype

Array: TypeAlias = "np.ndarray[Any, Any]"
Buffer: TypeAlias = bytes | bytearray | memoryview

_NUMPY: Final[dict[str, np.dtype[Any]]] = {
    name: np.dtype(scalar)
    for name, scalar in {
        "BOOL": "?",
        "F4": ml_dtypes.float4_e2m1fn,
        "F6_E2M3": ml_dtypes.float6_e2m3fn,
        "F6_E3M2": ml_dtypes.float6_e3m2fn,
        "U8": "u1",
        "I8": "i1",
        "F8_E5M2": ml_dtypes.float8_e5m2,
        "F8_E4M3": ml_dtypes.float8_e4m3fn,
        "F8_E8M0": ml_dtypes.float8_e8m0fnu,
        "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
        "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
        "I16": "<i2",
        "U16": "<u2",
        "F16": "<f2",
        "BF16": ml_dtypes.bfloat16,
        "I32": "<i4",
        "U32": "<u4",
        "F32": "<f4",
        "C64": "<c8",
        "F64": "<f8",
        "I64": "<i8",
        "U64": "<u8",
    }.items()
}
_NAMES: Final = {dtype: name for name, dtype in _NUMPY.items()}

#: PyTorch's names; it has no 6-bit floats, and calls a byte with two F4 one element.
_TORCH: Final[dict[str, str]] = {
    "BOOL": "bool",
    "F4": "float4_e2m1fn_x2",
    "U8": "uint8",
    "I8": "int8",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "C64": "complex64",
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
}
_TORCH_NAMES: Final = {f"torch.{theirs}": name for name, theirs in _TORCH.items()}


def numpy_dtype(name: str) -> np.dtype[Any]:
    """NumPy's dtype (ml_dtypes' where NumPy has none) of one element of the dtype ``name``.

    Raises:
        UnsupportedDtype: neither has it.
    """
    try:
        return _NUMPY[name]
    except KeyError:
        raise UnsupportedDtype(f"NumPy has no dtype for {name}") from None


def to_numpy(dtype: str, shape: tuple[int, ...], data: Buffer) -> Array:
    """The array over ``data``, row-major little-endian bytes; writable where ``data`` is.

    Elements smaller than a byte are unpacked, one to a byte, as ml_dtypes holds them; all other arrays are
    views of ``data``.

    Raises:
        UnsupportedDtype: NumPy and ml_dtypes don't have the dtype.
        MalformedFile: ``data`` has not the length that dtype and shape ask for.
    """
    element = numpy_dtype(dtype)
    _check_length(dtype, shape, data)
    flat = np.frombuffer(data, np.uint8)
    if DTYPES[dtype].bits < 8:
        flat = unpack(dtype, flat)
    return flat.view(element).reshape(shape)


def to_torch(dtype: str, shape: tuple[int, ...], data: Buffer) -> Any:
    """The PyTorch tensor over ``data``; it shares writable memory and copies the rest.

    F4 becomes ``float4_e2m1fn_x2``, whose last dimension counts pairs.

    Raises:
        UnsupportedDtype: this PyTorch does not have the dtype.
        MalformedFile: ``data`` has not the length that dtype and shape ask for.
        MvcError: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MvcError(
            "PyTorch is not installed", hint='pip install "mvc-weights[torch]"'
        ) from error
    element = getattr(torch, _TORCH.get(dtype, ""), None)
    if element is None:
        raise UnsupportedDtype(
            f"PyTorch {torch.__version__} has no dtype for {dtype}", hint='load as framework="np"'
        )
    _check_length(dtype, shape, data)
    if dtype == "F4":
        if not shape or shape[-1] % 2:
            raise UnsupportedDtype(
                f"PyTorch holds F4 in pairs, and the last dimension of {list(shape)} is odd",
                hint='load as framework="np"',
            )
        shape = (*shape[:-1], shape[-1] // 2)
    if not len(data):
        return torch.empty(shape, dtype=element)
    if memoryview(data).readonly:
        data = bytearray(data)
    return torch.frombuffer(data, dtype=torch.uint8).view(element).reshape(shape)


def to_bytes(array: Any) -> tuple[str, tuple[int, ...], bytes]:
    """``(dtype, shape, row-major little-endian bytes)`` of a NumPy array or scalar or a PyTorch tensor.

    Whatever else turns itself into a NumPy array (``__array__``) is taken as that.

    Raises:
        UnsupportedDtype: no array, or its dtype is none of ``mvc.dtypes``.
    """
    if any(c.__module__ == "torch" and c.__name__ == "Tensor" for c in type(array).__mro__):
        return _torch_bytes(array)
    if not hasattr(array, "__array__"):
        raise UnsupportedDtype(
            f"a {type(array).__name__} is no array", hint="give NumPy arrays or PyTorch tensors"
        )
    array = np.asarray(array)
    name = _NAMES.get(array.dtype.newbyteorder("="))
    if name is None:
        raise UnsupportedDtype(f"no dtype of safetensors stands for NumPy's {array.dtype}")
    # ascontiguousarray makes 0-d arrays 1-d, hence the shape of the original.
    flat = np.ascontiguousarray(array, _NUMPY[name]).reshape(-1)
    if DTYPES[name].bits == 8 * flat.itemsize:
        return name, array.shape, flat.tobytes()
    if array.size * DTYPES[name].bits % 8:
        raise UnsupportedDtype(
            f"{array.size} elements of {name} don't fill whole bytes", hint="pad the tensor"
        )
    return name, array.shape, pack(name, flat.view(np.uint8)).tobytes()


def unpack(dtype: str, packed: Array) -> Array:
    """Sub-byte elements, one to a byte in its low bits; ``packed`` and the result are flat ``uint8``.

    The first element lies in the lowest bits, as in PyTorch's ``float4_e2m1fn_x2``; safetensors itself
    leaves the order open.
    """
    if DTYPES[dtype].bits == 4:
        return np.stack([packed & 15, packed >> 4], axis=-1).reshape(-1)
    low, middle, high = packed.reshape(-1, 3).T
    parts = (low, low >> 6 | middle << 2, middle >> 4 | high << 4, high >> 2)
    return np.stack(parts, axis=-1).reshape(-1) & 63


def pack(dtype: str, codes: Array) -> Array:
    """The inverse of ``unpack``; bits above the element's are dropped."""
    if DTYPES[dtype].bits == 4:
        low, high = codes.reshape(-1, 2).T
        return low & 15 | high << 4
    a, b, c, d = (codes & 63).reshape(-1, 4).T
    return np.stack([a | b << 6, b >> 2 | c << 4, c >> 4 | d << 2], axis=-1).reshape(-1)


class LazyTensors(Mapping[str, Any]):
    """Tensors by name, each decoded by ``decode(name)`` on first use and then kept, if it is to ``keep`` them.

    Asking for names, length or membership decodes nothing.

    Raises:
        MvcError: ``names`` has a name twice, as two files of one commit may.
    """

    def __init__(
        self, names: Iterable[str], decode: Callable[[str], Any], *, keep: bool = True
    ) -> None:
        self._keep = keep
        self._decoded: dict[str, Any] = {}
        self._names: dict[str, None] = {}
        self._decode = decode
        for name in names:
            if name in self._names:
                raise MvcError(
                    f"the tensor {name!r} is there twice, in different files",
                    hint="name the one file or model to load",
                )
            self._names[name] = None

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if not self._keep:
            return self._decode(name)
        if name not in self._decoded:
            self._decoded[name] = self._decode(name)
        return self._decoded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<{len(self)} tensors, {len(self._decoded)} decoded>"


def _check_length(dtype: str, shape: tuple[int, ...], data: Buffer) -> None:
    try:
        expected = nbytes(dtype, shape)
    except ValueError as error:
        raise MalformedFile(f"no tensor: {error}") from error
    if memoryview(data).nbytes != expected:
        raise MalformedFile(
            f"{dtype} {list(shape)} takes {expected} bytes, not {memoryview(data).nbytes}"
        )


def _torch_bytes(tensor: Any) -> tuple[str, tuple[int, ...], bytes]:
    import torch  # already loaded by whoever made the tensor

    name = _TORCH_NAMES.get(str(tensor.dtype))
    if name is None or tensor.layout != torch.strided or tensor.is_meta:
        kind = "meta tensor" if tensor.is_meta else f"{tensor.layout} tensor of {tensor.dtype}"
        raise UnsupportedDtype(
            f"a {kind} can't be stored", hint="make it dense, in memory and of a standard dtype"
        )
    shape = tuple(tensor.shape)
    if name == "F4":
        shape = (*shape[:-1], 2 * shape[-1])
    if not math.prod(shape):
        return name, shape, b""
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return name, shape, plain.reshape(-1).view(torch.uint8).numpy().tobytes()
