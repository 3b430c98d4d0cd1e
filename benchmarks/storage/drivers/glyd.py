"""glyd's store, which looks for a base by itself: ``glyd.py store|restore MODEL FOLDER NUMBER``."""

import sys
from pathlib import Path

sys.path.pop(0)  # the package has this script's name

import glyd  # type: ignore[import-not-found]

verb, model, folder, number = sys.argv[1:]
with glyd.Store(folder) as store:
    if verb == "store":
        store.put(number, Path(model).read_bytes())
    else:
        Path(model).write_bytes(store.get(int(number) - 1))
