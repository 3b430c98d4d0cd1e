"""Arrays and bytes are inverse for every dtype, and what can't be taken is refused by name."""

from __future__ import annotations

import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.arrays import LazyTensors, numpy_dtype, to_bytes, to_numpy, to_torch
from mvc.dtypes import DTYPES, nbytes
from mvc.errors import MalformedFile, MvcError, UnsupportedDtype

IN_TORCH = sorted(set(DTYPES) - {"F6_E2M3", "F6_E3M2"})


@st.composite
def tensors(draw: st.DrawFn) -> tuple[str, tuple[int, ...], bytes]:
    dtype = draw(st.sampled_from(sorted(DTYPES)))
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    if DTYPES[dtype].bits < 8:
        shape.append(4)  # whole bytes
    size = nbytes(dtype, tuple(shape))
    data = draw(st.binary(min_size=size, max_size=size))
    if dtype == "BOOL":
        data = bytes(byte & 1 for byte in data)
    return dtype, tuple(shape), data


@given(tensors())
def test_numpy_gives_back_the_bits_of_every_dtype(
    tensor: tuple[str, tuple[int, ...], bytes],
) -> None:
    array = to_numpy(*tensor)
    assert array.shape == tensor[1]
    assert array.dtype == numpy_dtype(tensor[0])
    assert to_bytes(array) == tensor


def test_values_are_those_of_the_dtype() -> None:
    assert to_numpy("BF16", (2,), b"\x80\x3f\x00\xc0").tolist() == [1.0, -2.0]
    assert to_numpy("F4", (2,), b"\xf1").tolist() == [0.5, -6.0]
    assert to_numpy("F8_E8M0", (1,), b"\x80").tolist() == [2.0]
    # four 6-bit codes, lowest bits first: 0, 1, 2, 63
    packed = (0 | 1 << 6 | 2 << 12 | 63 << 18).to_bytes(3, "little")
    assert to_numpy("F6_E2M3", (4,), packed).tolist() == [0.0, 0.125, 0.25, -7.5]
    assert to_numpy("C64", (), np.complex64(1 - 2j).tobytes()) == 1 - 2j


def test_an_array_is_a_view_of_writable_bytes() -> None:
    data = bytearray(8)
    to_numpy("F32", (2,), data)[1] = 1.0
    assert data[4:] == np.float32(1).tobytes()
    assert not to_numpy("F32", (2,), bytes(8)).flags.writeable


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype="<i4").reshape(3, 4).T,
        np.arange(12, dtype=">i4").reshape(3, 4),
        np.arange(24, dtype="<i4").reshape(3, 8)[:, ::-2],
        np.float32(3.5),
        np.zeros((), ml_dtypes.bfloat16),
    ],
)
def test_order_and_byte_order_of_the_input_do_not_matter(array: np.ndarray) -> None:
    dtype, shape, data = to_bytes(array)
    again = to_numpy(dtype, shape, data)
    assert again.shape == array.shape
    assert again.tolist() == array.tolist()
    assert data == b"".join(np.asarray(v, again.dtype).tobytes() for v in array.flat)


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(2, "c16"),
        np.array(["a"]),
        np.array([None]),
        np.zeros(1, "M8[s]"),
        np.zeros(1, [("a", "f4")]),
        [1.0, 2.0],
        "text",
        None,
    ],
)
def test_what_no_dtype_stands_for_is_refused(value: object) -> None:
    with pytest.raises(UnsupportedDtype):
        to_bytes(value)


def test_sub_byte_elements_must_fill_bytes() -> None:
    with pytest.raises(UnsupportedDtype, match="whole bytes"):
        to_bytes(np.zeros(3, ml_dtypes.float4_e2m1fn))


@pytest.mark.parametrize(
    ("dtype", "shape", "data"), [("F32", (2,), b"\0" * 7), ("F32", (), b""), ("F4", (3,), b"\0\0")]
)
def test_bytes_of_the_wrong_length_are_refused(
    dtype: str, shape: tuple[int, ...], data: bytes
) -> None:
    with pytest.raises(MalformedFile):
        to_numpy(dtype, shape, data)


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(UnsupportedDtype, match="Q4_K"):
        to_numpy("Q4_K", (2,), b"")


def test_importing_arrays_leaves_torch_alone() -> None:
    code = "import sys, mvc.arrays; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Calls:
    """A decoder that notes what it was asked for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, name: str) -> str:
        self.names.append(name)
        return name.upper()


def test_a_tensor_is_decoded_once_and_only_when_used() -> None:
    decode = Calls()
    tensors = LazyTensors(["a", "b", "c"], decode)
    assert len(tensors) == 3
    assert list(tensors) == ["a", "b", "c"]
    assert "a" in tensors
    assert "z" not in tensors
    assert not decode.names
    assert tensors["b"] == tensors["b"] == "B"
    assert decode.names == ["b"]
    assert tensors.get("z") is None
    with pytest.raises(KeyError):
        tensors["z"]
    assert decode.names == ["b"]


def test_a_name_in_two_files_is_refused() -> None:
    with pytest.raises(MvcError, match="'a' is there twice"):
        LazyTensors(["a", "b", "a"], Calls())


@pytest.mark.torch
@pytest.mark.parametrize("dtype", IN_TORCH)
def test_torch_gives_back_the_bits_of_every_dtype_it_has(dtype: str) -> None:
    for shape in [(3, 4), (0, 2), (2,)]:
        data = bytes(range(1, nbytes(dtype, shape) + 1))
        if dtype == "BOOL":
            data = bytes(byte & 1 for byte in data)
        assert to_bytes(to_torch(dtype, shape, data)) == (dtype, shape, data)


@pytest.mark.torch
def test_torch_tensors_of_any_kind_give_their_values() -> None:
    import torch

    transposed = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3)).T
    assert to_bytes(transposed)[2] == np.arange(6, dtype="<f4").reshape(2, 3).T.tobytes()
    assert to_bytes(torch.tensor(2.0)) == ("F32", (), np.float32(2).tobytes())
    conjugate = torch.tensor([1 + 2j], dtype=torch.complex64).conj()
    assert to_bytes(conjugate)[2] == np.complex64(1 - 2j).tobytes()
    for odd in [
        torch.zeros(2, dtype=torch.complex128),
        torch.zeros(2, device="meta"),
        torch.eye(2).to_sparse(),
    ]:
        with pytest.raises(UnsupportedDtype):
            to_bytes(odd)


@pytest.mark.torch
def test_torch_has_no_six_bit_floats_and_no_half_pairs() -> None:
    with pytest.raises(UnsupportedDtype, match="F6_E2M3"):
        to_torch("F6_E2M3", (4,), bytes(3))
    with pytest.raises(UnsupportedDtype, match="odd"):
        to_torch("F4", (2, 3), bytes(3))


@pytest.mark.torch
def test_a_torch_tensor_shares_writable_bytes_only() -> None:
    data = bytearray(4)
    to_torch("F32", (1,), data)[0] = 1.0
    assert bytes(data) == np.float32(1).tobytes()
    fixed = bytes(4)
    to_torch("F32", (1,), fixed)[0] = 1.0
    assert fixed == bytes(4)
