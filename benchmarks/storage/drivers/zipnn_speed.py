"""Processor seconds of zipnn over a file, on one core, from memory to memory: ``zipnn_speed.py FILE``."""

import json
import os
import sys
import time
from pathlib import Path

sys.path.pop(0)  # a script beside this one has the package's name

from zipnn import ZipNN  # type: ignore[import-not-found]

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
raw = Path(sys.argv[1]).read_bytes()
coder = ZipNN(bytearray_dtype="bfloat16", threads=1)
coder.decompress(coder.compress(bytearray(raw[: 1 << 20])))  # the first call is slower
data = bytearray(raw)  # zipnn works in the bytes that it is given
started = time.process_time()
packed = coder.compress(data)
middle = time.process_time()
back = coder.decompress(packed)
done = time.process_time()
assert bytes(back) == raw
told = {"encode": middle - started, "decode": done - middle, "raw": len(raw), "stored": len(packed)}
print(json.dumps(told))
