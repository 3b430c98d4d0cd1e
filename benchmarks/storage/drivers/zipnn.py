"""zipnn, a file for each version: ``zipnn.py store|restore MODEL FOLDER NUMBER``."""

import sys
from pathlib import Path

sys.path.pop(0)  # the package has this script's name

from zipnn import ZipNN  # type: ignore[import-not-found]

verb, model, folder, number = sys.argv[1:]
kept = Path(folder)
kept.mkdir(exist_ok=True)
coder = ZipNN(bytearray_dtype="bfloat16", threads=2)
if verb == "store":
    (kept / number).write_bytes(coder.compress(bytearray(Path(model).read_bytes())))
else:
    Path(model).write_bytes(coder.decompress((kept / number).read_bytes()))
