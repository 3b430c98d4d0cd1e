"""Xet by Hugging Face's client, with a folder for a server: ``xet.py store|restore MODEL FOLDER NUMBER``."""

import json
import sys
from pathlib import Path

import hf_xet  # type: ignore[import-not-found]

verb, model, folder, number = sys.argv[1:]
kept = Path(folder).resolve()
kept.mkdir(exist_ok=True)
pointer = kept / f"{number}.json"
store = f"local://{kept}"
if verb == "store":
    (info,) = hf_xet.upload_files([str(Path(model).resolve())], store, None, None, None, None)
    pointer.write_text(json.dumps({"hash": info.hash, "size": info.file_size}))
else:
    told = json.loads(pointer.read_text())
    target = hf_xet.PyXetDownloadInfo(str(Path(model).resolve()), told["hash"], told["size"])
    hf_xet.download_files([target], store, None, None, None)
