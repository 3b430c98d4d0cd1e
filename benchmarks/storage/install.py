"""Put each peer that pip has into an environment of its own: ``python -m benchmarks.storage.install [FOLDER]``.

What is not installed is left out of the comparison, and named with the reason. git, git-lfs, restic and borg
come from the system: ``apt install git git-lfs restic borgbackup``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.storage.peers import PEERS, Peer

FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "peers"


def missing(peer: Peer, environments: Path) -> str:
    """Why the peer can't be run; empty where it can."""
    if peer.pip:
        place = environments / peer.folder / "bin" / peer.program
        return "" if place.exists() else f"not installed (`pip install {' '.join(peer.pip)}`)"
    return "" if shutil.which(peer.program) else "not installed (from the system's packages)"


def install(peer: Peer, environments: Path) -> str:
    """Make the peer's environment; why that failed, or nothing."""
    place = environments / peer.folder
    programs = place / "bin"
    try:
        subprocess.run([sys.executable, "-m", "venv", place], check=True, capture_output=True)
        pip = [str(programs / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "-q", *peer.pip], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        return str(error.stderr).strip().rpartition("\n")[2] or str(error)
    return missing(peer, environments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    environments = parser.parse_args().folder.resolve()
    for peer in PEERS:
        why = missing(peer, environments)
        if why and peer.pip:
            why = install(peer, environments)
        print(f"{peer.name}: {why or 'ready'}", flush=True)


if __name__ == "__main__":
    main()
