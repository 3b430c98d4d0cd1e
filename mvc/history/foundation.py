"""What every repository folder holds from birth: its format line, its configuration, its folders.

Owns these constants and the laying out; ``fsck`` judges a folder by them and ``repair`` puts them back. It
knows nothing of what comes later: commits, refs, packs.
"""

from __future__ import annotations

import os
import re

from mvc.history.refs import BRANCHES
from mvc.store.fs import Disk

FORMAT = "mvc repository 1\n"
#: What a format line of any version looks like.
NEWER = re.compile(r"mvc repository [0-9]{1,9}\n")

#: Git's own tools must not lose anything that only mvc knows the worth of, and must see a bare repository.
CONFIG = """\
[core]
\trepositoryformatversion = 1
\tbare = true
\tfilemode = true
\tlogAllRefUpdates = always
[extensions]
\tpreciousObjects = true
[gc]
\tauto = 0
\tpruneExpire = never
\treflogExpire = never
\treflogExpireUnreachable = never
[receive]
\tdenyDeletes = true
"""

#: `git clean -fdx` spares a folder that looks like a repository of its own.
POINTER = "gitdir: .\n"

FOLDERS = (
    "objects/info",
    "objects/pack",
    "refs/heads",
    "refs/tags",
    "refs/mvc",
    "logs/refs/heads",
    "info",
    "locks",
    "tmp",
)


def lay_out(folder: str, branch: str, disk: Disk) -> None:
    """Make an empty repository in ``folder``; ``HEAD``, by which it is known, is written last."""
    from mvc.store.store import Store

    for name in FOLDERS:
        disk.make_folder(os.path.join(folder, *name.split("/")))
    Store.create(os.path.join(folder, "store"), disk)
    files = {
        "config": CONFIG,
        "description": "Git for model weights; the tensors are in store/.\n",
        "format": FORMAT,
        ".git": POINTER,
        "HEAD": f"ref: {BRANCHES}{branch}\n",
    }
    for name, text in files.items():
        disk.write_whole(os.path.join(folder, name), text.encode())
