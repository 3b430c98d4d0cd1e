"""How each situation of ``docs/reference/errors.md`` comes about: a section's title → what makes it happen."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.terminal import Terminal, safetensors

from mvc.store.fs import Disk

Situation = Callable[[Terminal, pytest.MonkeyPatch], object]
SITUATIONS: dict[str, Situation] = {}


def situation(title: str) -> Callable[[Situation], Situation]:
    def keep(make: Situation) -> Situation:
        SITUATIONS[title] = make
        return make

    return keep


def _one(terminal: Terminal, message: str = "one", **tensors: list[float]) -> str:
    return terminal.commit(message, model=tensors or {"w": [1.0, 2.0]})


def _model(terminal: Terminal, *values: float) -> Path:
    return terminal.write("model.safetensors", safetensors({"w": list(values)}))


# ---- what was typed


@situation("A command that does not exist")
def _typo(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    """Nothing to prepare."""


@situation("A path that is not there")
def _absent(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    """Nothing to prepare."""


@situation("An unknown revision")
def _unknown(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _one(terminal)


@situation("A revision past the history")
def _past(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _one(terminal)


@situation("An ambiguous short id")
def _ambiguous(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    for number in (195, 389):  # the first two numbers whose blobs have ids that begin alike
        terminal.write(f"{number}.txt", f"{number}\n")
    terminal("add", "-A")


@situation("A symbolic link")
def _link(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _model(terminal, 1.0)
    (terminal.root / "latest.safetensors").symlink_to("model.safetensors")


@situation("A path beyond a symbolic link")
def _beyond(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    (terminal.root.parent / "elsewhere").mkdir()
    (terminal.root.parent / "elsewhere" / "model.safetensors").write_bytes(b"")
    (terminal.root / "models").symlink_to("../elsewhere")


@situation("A pipe, socket or device")
def _special(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    os.mkfifo(terminal.root / "model.safetensors")


@situation("A name that some system can't have")
def _reserved(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    terminal.write("nul.safetensors", b"")


@situation("A path outside the repository")
def _outside(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    """Nothing to prepare."""


@situation("An ignored file")
def _ignored(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    terminal.write(".mvcignore", "*.tmp\n")
    terminal.write("model.tmp", "x")


@situation("Nothing to commit")
def _nothing(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _one(terminal)


# ---- the repository


@situation("Not a repository")
def _no_repository(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(terminal.root.parent)


@situation("A repository of a newer mvc")
def _newer(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    (terminal.root / ".mvc" / "format").write_text("mvc repository 2\n")


@situation("A repository of another user")
def _foreign(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(os, "geteuid", lambda: os.stat(terminal.root).st_uid + 1000)


@situation("A repository that another process holds")
def _locked(terminal: Terminal, patch: pytest.MonkeyPatch) -> int:
    """The descriptor that keeps the lock until it is closed."""
    _one(terminal)
    _model(terminal, 3.0)
    descriptor = os.open(terminal.root / ".mvc" / "locks" / "refs", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    defaults: dict[str, Any] = Disk.lock.__wrapped__.__kwdefaults__  # type: ignore[attr-defined]
    patch.setitem(defaults, "patience", 0.0)
    return descriptor


@situation("Unsaved work in the way")
def _dirty(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _one(terminal)
    terminal("branch", "wide")
    _one(terminal, "two", w=[5.0, 6.0])
    _model(terminal, 7.0, 8.0)


@situation("An untracked file in the way")
def _untracked(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    terminal.commit("one", other={"w": [0.0]})
    terminal("switch", "-c", "wide")
    _one(terminal, "two")
    terminal("switch", "main")
    _model(terminal, 7.0, 8.0)


@situation("A merge that stops")
def _conflict(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _one(terminal)
    terminal("switch", "-c", "wide")
    _one(terminal, "theirs", w=[3.0, 3.0])
    terminal("switch", "main")
    _one(terminal, "ours", w=[4.0, 4.0])


@situation("A key that can't be used")
def _no_key(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    terminal("config", "user.signingkey", "absent.pub")
    _model(terminal, 1.0)
    terminal("add", "model.safetensors")


@situation("A signature that is asked for")
def _unsigned(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _conflict(terminal, patch)


@situation("Models that do not match")
def _mismatch(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    terminal.commit("one", model={"lm_head.weight": [1.0, 2.0]})
    terminal("switch", "-c", "wide")
    terminal.commit("theirs", model={"lm_head.weight": [3.0, 3.0, 3.0]})
    terminal("switch", "main")
    terminal.commit("ours", model={"lm_head.weight": [4.0, 4.0]})


@situation("A change against an undecided tensor")
def _against(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _conflict(terminal, patch)
    terminal("merge", "--keep-conflicts", "wide")
    terminal("switch", "wide")
    _one(terminal, "again", w=[5.0, 5.0])
    terminal("switch", "main")


@situation("A strategy that can't settle a tensor")
def _unsettled(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _one(terminal, w=[1.0], v=[1.0])
    terminal("switch", "-c", "wide")
    _one(terminal, "theirs", w=[2.0])
    terminal("switch", "main")
    _one(terminal, "ours", w=[1.0], v=[2.0])
    terminal("merge", "--keep-conflicts", "wide")


@situation("A branch that moved meanwhile")
def _moved(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    first = _one(terminal)
    _one(terminal, "two", w=[3.0, 3.0])
    from mvc.history.operations import OperationLog

    append = OperationLog.append

    def raced(self: OperationLog, *arguments: Any) -> Any:
        (terminal.root / ".mvc" / "refs" / "heads" / "main").write_text(f"{first}\n")
        return append(self, *arguments)

    _model(terminal, 9.0)
    terminal("add", "model.safetensors")
    patch.setattr(OperationLog, "append", raced)


# ---- files


@situation("A Git LFS pointer")
def _pointer(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d" * 32 + "\nsize 9\n"
    terminal.write("model.safetensors", text)


@situation("An HTML page")
def _html(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    terminal.write("model.safetensors", "<!DOCTYPE html><title>404</title>")


@situation("A malformed header")
def _malformed(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    header = b'{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}'
    terminal.write("model.safetensors", struct.pack("<Q", len(header)) + header + bytes(8))


@situation("A file that was cut off")
def _cut(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    whole = safetensors({"w": [1.0] * 8})
    terminal.write("model.safetensors", whole[:-16])


@situation("A file that asks for too much")
def _too_much(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    terminal.write("model.safetensors", struct.pack("<Q", 2**40) + bytes(100))


@situation("A pickle that could run code")
def _hostile(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(terminal.root / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", b"cos\nsystem\n(S'rm -rf ~'\ntR.")


@situation("A file that changes")
def _changing(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    from mvc.worktree import ingest

    file = _model(terminal, 1.0)
    classify = ingest.classify

    def meanwhile(opened: Any, **options: Any) -> Any:
        content = classify(opened, **options)
        with file.open("ab") as more:
            more.write(b"\0")
        return content

    patch.setattr(ingest, "classify", meanwhile)


@situation("A file that vanishes")
def _vanishing(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    from mvc.worktree import reading

    file = _model(terminal, 1.0)
    check_way = reading.check_way

    def meanwhile(root: str, path: str) -> None:
        check_way(root, path)
        file.unlink(missing_ok=True)

    patch.setattr(reading, "check_way", meanwhile)


@situation("A file that can't be read")
def _unreadable(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _model(terminal, 1.0)
    _failing(
        patch, "open", errno.EACCES, lambda path, *rest: str(path).endswith("model.safetensors")
    )


# ---- storage


def _failing(
    patch: pytest.MonkeyPatch, name: str, code: int, when: Callable[..., bool] = lambda *_: True
) -> None:
    """``os.NAME`` fails with ``code`` where ``when`` says so of its arguments."""
    call = getattr(os, name)

    def failing(*arguments: Any, **options: Any) -> Any:
        if when(*arguments):
            raise OSError(code, os.strerror(code))
        return call(*arguments, **options)

    patch.setattr(os, name, failing)


@situation("A full disk")
def _full(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    def refuses(descriptor: int, data: memoryview, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    _model(terminal, 1.0)
    _failing(patch, "write", errno.ENOSPC, lambda descriptor, data: descriptor > 2)
    patch.setattr("mvc.store.fs._pwrite", refuses)


@situation("A read-only repository")
def _read_only(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _model(terminal, 1.0)
    _failing(patch, "open", errno.EROFS, lambda path, flags, *mode: bool(flags & os.O_CREAT))


@situation("A disk that can't make a write durable")
def _not_durable(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    def refuses(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    _model(terminal, 1.0)
    patch.setattr("mvc.store.fs._full_sync", refuses)


@situation("A file system without locks")
def _no_locks(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    def refuses(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    _model(terminal, 1.0)
    patch.setattr(fcntl, "flock", refuses)


# ---- integrity


def _packs(terminal: Terminal) -> list[Path]:
    return sorted((terminal.root / ".mvc" / "store" / "packs").iterdir())


@situation("A damaged pack")
def _damaged(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _one(terminal, w=[1.0] * 64)
    (pack,) = _packs(terminal)
    data = bytearray(pack.read_bytes())
    data[16 + 96 + 48] ^= (
        1  # behind the header of the pack, of its first object and of that one's frame
    )
    pack.write_bytes(data)
    (terminal.root / "model.safetensors").unlink()


@situation("A pack that is gone")
def _gone(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _one(terminal)
    for pack in _packs(terminal):
        pack.unlink()
    (terminal.root / "model.safetensors").unlink()


@situation("Weights that were expired")
def _expired(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _one(terminal, w=[1.0] * 64)
    _one(terminal, "two", w=[2.0] * 64)
    terminal("expire", "HEAD~1")
    terminal("gc", "--prune=now", "--expire=now")


@situation("A damaged commit")
def _damaged_commit(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    id_ = _one(terminal)
    loose = terminal.root / ".mvc" / "objects" / id_[:2] / id_[2:]
    loose.write_bytes(loose.read_bytes()[:-9])


@situation("A damaged ref")
def _damaged_ref(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    _one(terminal)
    (terminal.root / ".mvc" / "refs" / "heads" / "main").write_bytes(b"\0" * 41)


@situation("A bug in mvc")
def _bug(terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
    from mvc.repository import Repository

    def broken(self: Repository) -> None:
        raise KeyError("weights")

    patch.setattr(Repository, "status", broken)
