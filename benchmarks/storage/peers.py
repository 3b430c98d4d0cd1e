"""The tools that are compared, each as the commands that a person would type, and where each keeps its bytes.

In a command ``{model}`` is the file, ``{number}`` the version's, ``{bin}`` the folder of programs of the peer's
own environment, ``{drivers}`` ours beside this file: for tools that are libraries, a script of a few lines.
Environments are made by ``benchmarks.storage.install``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import mvc

DRIVERS = Path(__file__).parent / "drivers"
MODEL = "model.safetensors"

#: Commands, one after another.
Script = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool. ``pip`` is what its environment gets, none for a program of the system; ``tidy`` is what it
    has to make its store smaller afterwards."""

    name: str
    program: str
    commit: Script
    restore: Script
    store: tuple[str, ...]
    setup: Script = ()
    mark: Script = ()
    tidy: Script = ()
    pip: tuple[str, ...] = ()
    #: The name of its environment, where that is not the program's.
    home: str = ""

    @property
    def folder(self) -> str:
        return self.home or self.program


_GIT = ("git init -q",)
_GIT_COMMIT = "git commit -q -m {number}"
_TAG = ("git tag v{number}",)

OURS = Peer(
    "mvc",
    "mvc",
    setup=("mvc init",),
    commit=("mvc add {model}", "mvc commit -m {number}"),
    mark=("mvc tag v{number}",),
    restore=("mvc restore --source v{number} {model}",),
    tidy=("mvc gc --aggressive --prune=now",),
    store=(".mvc",),
)


def _driven(name: str, requirement: str, note: str = "", script: str = "") -> Peer:
    """A library or an archiver, behind a script that keeps all in one folder."""
    call = "{bin}/python -W ignore {drivers}/" + (script or name) + ".py"
    return Peer(
        f"{name}, {note}" if note else name,
        "python",
        commit=(call + " store {model} kept {number}",),
        restore=(call + " restore {model} kept {number}",),
        store=("kept",),
        pip=(requirement,),
        home=requirement.partition("==")[0],
    )


PEERS = (
    Peer(
        "git",
        "git",
        setup=_GIT,
        commit=("git add {model}", _GIT_COMMIT),
        mark=_TAG,
        restore=("git checkout -q v{number} -- {model}",),
        tidy=("git gc -q --prune=now",),
        store=(".git",),
    ),
    Peer(
        "git-lfs",
        "git-lfs",
        setup=(*_GIT, "git lfs install --local", "git lfs track {model}"),
        commit=("git add .gitattributes {model}", _GIT_COMMIT),
        mark=_TAG,
        restore=("git checkout -q v{number} -- {model}",),
        store=(".git",),
    ),
    Peer(
        "dvc",
        "dvc",
        setup=(*_GIT, "{bin}/dvc init -q", "{bin}/dvc config core.analytics false"),
        commit=("{bin}/dvc add -q {model}", "git add -A", _GIT_COMMIT),
        mark=_TAG,
        restore=("git checkout -q v{number} -- {model}.dvc", "{bin}/dvc checkout -q -f"),
        store=(".dvc", ".git"),
        pip=("dvc==3.67.1",),
    ),
    _driven("oxen", "oxenai==0.65.1"),
    _driven("xet", "hf-xet==1.8.0", "local store"),
    Peer(
        "restic",
        "restic",
        setup=("restic -q -r kept init",),
        commit=("restic -q -r kept backup --tag v{number} {model}",),
        restore=("restic -q -r kept restore latest --tag v{number} --target .",),
        store=("kept",),
    ),
    Peer(
        "borg, zstd 3",
        "borg",
        setup=("borg init -e none kept",),
        commit=("borg create -C zstd,3 kept::v{number} {model}",),
        restore=("borg extract kept::v{number}",),
        store=("kept",),
    ),
    _driven("lmzip", "lmzip==1.3.0", "appended"),
    _driven("zipnn", "zipnn==0.5.4", "each alone"),
    _driven("zipnn", "zipnn==0.5.4", "XOR with the one before", "zipnn_xor"),
    _driven("glyd", "glyd==0.32.1"),
    Peer(
        "git-theta",
        "git-theta",
        setup=(*_GIT, "git-theta install", "git-theta track {model}"),
        commit=("git add {model}", _GIT_COMMIT),
        mark=_TAG,
        restore=("git checkout -q v{number} -- {model}",),
        store=(".git",),
        pip=("git-theta==0.2.0", "safetensors", "ml_dtypes"),
    ),
)


def packages() -> list[str]:
    """What the environments get, with the versions that are compared."""
    return sorted({peer.pip[0].replace("==", " ") for peer in PEERS if peer.pip})


def environment(folder: Path, programs: Path) -> dict[str, str]:
    """What tools read besides a clean environment: a home of their own, and no calls home."""
    return {
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "GIT_CONFIG_GLOBAL": str(folder / "home" / ".gitconfig"),
        "RESTIC_PASSWORD": "benchmark",
        "BORG_BASE_DIR": str(folder / "home"),
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        "DVC_NO_ANALYTICS": "1",
        "HF_HUB_OFFLINE": "1",
        "GIT_THETA_CHECKPOINT_TYPE": "safetensors",
        "PYTHONWARNINGS": "ignore",
    }


def words(command: str, places: dict[str, str]) -> list[str]:
    """The command with its places filled in; ``mvc`` is that of this interpreter."""
    found = [word.format(**places) for word in command.split()]
    return [*mvc(), *found[1:]] if found[0] == "mvc" else found
