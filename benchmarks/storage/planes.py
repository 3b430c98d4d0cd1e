"""Processor seconds of ``planes`` over a file, on one core: ``python -m benchmarks.storage.planes FILE``.

Frames of 1 MiB from memory to memory, as the store hands them over; no hashes, no files; decoded and compared.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from benchmarks.storage.reference import tensors
from mvc.limits import FRAME
from mvc.store import codecs

_PARAM = 2 | codecs.ROTATED  # BF16


def measure(file: Path) -> dict[str, float]:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    coder = codecs.codec(codecs.PLANES)
    frames = [
        memoryview(bytes(raw[at : at + FRAME]))
        for _, dtype, raw in tensors(file)[1]
        if dtype == "BF16"
        for at in range(0, len(raw), FRAME)
    ]
    out, back = bytearray(FRAME), memoryview(bytearray(FRAME))
    coder.encode(frames[0], _PARAM, memoryview(out))  # the first call makes its scratch
    payloads: list[bytes | None] = []
    encoding = 0.0
    for frame in frames:
        started = time.process_time()
        length = coder.encode(frame, _PARAM, memoryview(out)[: len(frame)])
        encoding += time.process_time() - started
        payloads.append(None if length is None else bytes(out[:length]))
    decoding = 0.0
    for frame, payload in zip(frames, payloads, strict=True):
        if payload is not None:
            started = time.process_time()
            coder.decode(memoryview(payload), _PARAM, back[: len(frame)])
            decoding += time.process_time() - started
            assert back[: len(frame)] == frame
    raw = sum(map(len, frames))
    stored = sum(len(f) if p is None else len(p) for f, p in zip(frames, payloads, strict=True))
    return {"encode": encoding, "decode": decoding, "raw": raw, "stored": stored}


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
