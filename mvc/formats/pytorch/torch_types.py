"""How torch's names for storages and dtypes map to the dtypes that mvc knows.

What is missing here (complex128, quantized and packed types) has no name in ``mvc.dtypes``: such tensors get
no line of their own, their storages are kept as plain spans.
"""

from __future__ import annotations

from typing import Final

#: torch's storage class for an mvc dtype; the others live in an untyped storage, their dtype beside it.
STORAGE_TYPES: Final = {
    "F64": "DoubleStorage",
    "F32": "FloatStorage",
    "F16": "HalfStorage",
    "BF16": "BFloat16Storage",
    "I64": "LongStorage",
    "I32": "IntStorage",
    "I16": "ShortStorage",
    "I8": "CharStorage",
    "U8": "ByteStorage",
    "BOOL": "BoolStorage",
    "C64": "ComplexFloatStorage",
}

#: torch.dtype by mvc dtype, as ``_rebuild_tensor_v3`` takes it.
TORCH_DTYPES: Final = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}

#: The mvc dtype, or None, and the bytes an element takes, by storage class.
ELEMENTS: Final[dict[str, tuple[str | None, int]]] = {
    "UntypedStorage": ("U8", 1),
    "_UntypedStorage": ("U8", 1),
    "ComplexDoubleStorage": (None, 16),
    "QInt8Storage": (None, 1),
    "QUInt8Storage": (None, 1),
    "QInt32Storage": (None, 4),
    "QUInt4x2Storage": (None, 1),
    "QUInt2x4Storage": (None, 1),
}
DTYPES_BY_TORCH: Final = {torch: dtype for dtype, torch in TORCH_DTYPES.items()}

_BYTES: Final = {"F64": 8, "I64": 8, "C64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}
ELEMENTS.update((torch, (name, _BYTES.get(name, 1))) for name, torch in STORAGE_TYPES.items())
