"""What the kernel does on processors without AVX-512 and on any other, it does to the bit as in NumPy."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mvc.store.kernel import native
from mvc.store.kernel.array_coder import NumpyCoder
from mvc.store.kernel.arrays import NumpyKernel
from mvc.store.kernel.coding import MARGIN, Coder
from mvc.store.kernel.native_coder import NativeCoder

COMPILER = shutil.which(os.environ.get("CC") or "cc")
SOURCES = sorted(map(str, Path(native.__file__).parent.glob("*.c")))
COUNT = 20_011

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


@pytest.fixture(scope="module", params=["WITHOUT_AVX512", "PORTABLE"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    built = str(tmp_path_factory.mktemp("kernel") / "_kernel.so")
    flags = "-std=c11", "-O1", "-fPIC", "-shared", f"-DMVC_{request.param}"
    assert COMPILER is not None
    subprocess.run([COMPILER, *flags, "-o", built, *SOURCES], check=True)
    return built


def versions(kind: str, width: int) -> tuple[bytes, bytes]:
    """Words after a change of a ``kind``, and before."""
    draw = np.random.default_rng(width)
    before = draw.normal(0, 0.02, COUNT).astype("<f4")
    step = {"small": 1e-5, "usual": 1e-3, "everything": 1.0}[kind]
    after = before + (step * draw.standard_normal(COUNT)).astype("<f4")
    if kind == "small":
        after[::3] = before[::3]
    words = (np.resize(one.view(np.uint8), COUNT * width) for one in (after, before))
    high = (one.view("<u2")[1::2].tobytes() for one in (after, before))
    mine, under = high if width == 2 else (one.tobytes() for one in words)
    return mine, under


def coded(coder: Coder, raw: bytes, base: bytes, width: int) -> tuple[bytes, bytes, bytes, bytes]:
    """What each step makes of a frame, once all of it is turned back."""
    mine, under = memoryview(raw), memoryview(base)
    tokens, contexts = memoryview(bytearray(COUNT)), memoryview(bytearray(COUNT))
    extra = memoryview(bytearray(COUNT * width + MARGIN))
    used = coder.tokens(mine, under, width, True, tokens, extra)
    tables = coder.tables(tokens, contexts, coder.contexts(under, width, True, contexts))
    room = memoryview(bytearray(4 * COUNT))
    length = coder.encode(tokens, contexts, tables, 64, room)
    assert length is not None
    back, words = memoryview(bytearray(COUNT)), memoryview(bytearray(len(raw)))
    data = room[len(room) - length :]
    assert coder.decode(data, contexts, tables, 64, back)
    assert back == tokens
    assert coder.words(tokens, extra, used, under, width, True, words)
    assert words == mine
    return bytes(tokens), bytes(extra[:used]), bytes(contexts), bytes(data)


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", ["small", "usual", "everything"])
def test_every_processor_writes_the_same_deltas(library: str, kind: str, width: int) -> None:
    raw, base = versions(kind, width)
    mine = coded(NativeCoder(ctypes.CDLL(library)), raw, base, width)
    assert mine == coded(NumpyCoder(), raw, base, width)


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_every_processor_takes_the_same_planes(library: str, width: int, rotated: bool) -> None:
    raw, _ = versions("usual", width)
    for number in range(width):
        planes = []
        for kernel in (native.NativeKernel(ctypes.CDLL(library)), NumpyKernel()):
            planes.append(memoryview(bytearray(COUNT)))
            kernel.plane(memoryview(raw), width, number, rotated, planes[-1])
        assert planes[0] == planes[1]
