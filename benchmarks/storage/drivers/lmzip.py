"""lmz, an archive to which each version is appended: ``lmzip.py store|restore MODEL FOLDER NUMBER``."""

import shutil
import subprocess
import sys
from pathlib import Path

verb, model, folder, number = sys.argv[1:]
kept = Path(folder)
kept.mkdir(exist_ok=True)
lmz = Path(sys.executable).parent / "lmz"
archive, member = kept / "versions.lmz", f"v{number}.safetensors"
if verb == "restore":
    command = ["extract", "-q", "-f", archive, member, model]
    subprocess.run([lmz, *command], check=True)
else:
    shutil.move(model, member)  # a member is named after its file
    command = (
        ["append", "-q", archive, member]
        if archive.exists()
        else ["compress", "-q", member, archive]
    )
    subprocess.run([lmz, *command], check=True)
    shutil.move(member, model)
