"""zipnn's own delta: each version as its XOR with the one before, ``zipnn_xor.py store|restore MODEL FOLDER
NUMBER``.

The version before is read from a copy that is not counted; a version of another length is stored alone.
"""

import shutil
import sys
from pathlib import Path

sys.path.pop(0)  # a script beside this one has the package's name

from zipnn import ZipNN  # type: ignore[import-not-found]

verb, model, folder, number = sys.argv[1:]
kept, before = Path(folder), Path("before")
kept.mkdir(exist_ok=True)
alone = ZipNN(bytearray_dtype="bfloat16", threads=2)
over = ZipNN(bytearray_dtype="bfloat16", threads=2, delta_compressed_type="byte")
if verb == "store":
    data = bytearray(Path(model).read_bytes())
    base = before.read_bytes() if before.exists() else b""
    if len(base) == len(data):
        (kept / f"{number}.delta").write_bytes(over.compress(data, delta_second_data=base))
    else:
        (kept / number).write_bytes(alone.compress(data))
    shutil.copyfile(model, before)
else:
    last = int(number)
    first = max(n for n in range(1, last + 1) if (kept / str(n)).exists())
    data = bytes(alone.decompress((kept / str(first)).read_bytes()))
    for step in range(first + 1, last + 1):
        data = bytes(over.decompress((kept / f"{step}.delta").read_bytes(), delta_second_data=data))
    Path(model).write_bytes(data)
