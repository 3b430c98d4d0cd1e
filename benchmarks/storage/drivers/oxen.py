"""Oxen by its Python package: ``oxen.py store|restore MODEL FOLDER NUMBER``."""

import shutil
import sys
from pathlib import Path

# The package has this script's name: it must be found first.
sys.path.pop(0)

from oxen import Repo, user  # type: ignore[import-not-found]

verb, model, folder, number = sys.argv[1:]
kept = Path(folder)
inside = kept / Path(model).name
repository = Repo(folder, mkdir=True)
if verb == "store":
    if number == "1":
        user.config_user("Benchmark", "benchmark@example.com")
        repository.init()
    shutil.move(model, inside)  # its work tree, which is not counted
    repository.add(str(inside))
    repository.commit(number)
    shutil.move(inside, model)
else:
    commit = next(one for one in repository.log() if one.message == number)
    repository.restore(Path(model).name, source=commit.id)
    shutil.move(inside, model)
