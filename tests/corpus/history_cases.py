"""Commits, trees and refs of a repository that someone made to harm its reader."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from corpus.case import Case
from corpus.forge import FILE, FOLDER, WHO, Forge

SWITCH = ("switch", "evil")
LOOKS = (
    ("log", "--graph", "--stat", "evil"),
    ("show", "evil"),
    ("ls", "--tensors", "evil"),
    ("ls", "--json", "evil"),
    ("diff", "--json", "evil"),
)
USAGE, CORRUPT, MISSING = "UsageError", "CorruptPack", "MissingObject"


def _case(
    name: str,
    forge: Callable[[Forge], object],
    error: str | None = None,
    says: str = "",
    verb: tuple[str, ...] = SWITCH,
) -> Case:
    return Case(name, lambda root: forge(Forge(root)), verb, error, says, after=LOOKS)


def _named(name: str | bytes, mode: int = FILE) -> Callable[[Forge], object]:
    def forge(f: Forge) -> object:
        id_ = f.tree((FILE, "config", f.blob(b"x\n"))) if mode == FOLDER else f.blob(b"x\n")
        return f.branch(f.commit(f.tree((mode, name, id_))))

    return forge


def _trees() -> Iterator[Case]:
    yield _case("a sound tree", _named("file"))
    for name in (
        ".git",
        ".GIT",
        ".git ",
        "git~1",
        ".g\u200dit",
        ".MVC",
        "mvc~1",
        ".mvc.",
        ".mvc:x",
    ):
        yield _case(f"a folder {name!r}", _named(name, FOLDER), USAGE, "the path")
        yield _case(f"a file {name!r}", _named(name), USAGE, "the path")
    for name in (
        "..",
        ".",
        "../x",
        "/etc/cron.d/x",
        "a/b",
        "a\\..\\b",
        "C:x",
        "con",
        "a\nb",
        "\x1b[2J",
    ):
        yield _case(f"an entry {name!r}", _named(name), USAGE if name != "a/b" else None)
    yield _case("an empty name", _named(""), USAGE)
    yield _case("a name that is not UTF-8", _named(b"a\xff"), USAGE, "UTF-8")
    yield _case("a name of 300 bytes", _named("n" * 300), USAGE, "longer than")
    for mode, what in (
        (0o120000, "a link"),
        (0o160000, "a submodule"),
        (0o100600, "another mode"),
        (0, "no mode"),
    ):
        error = None if what == "another mode" else CORRUPT
        yield _case(f"an entry with {what}", _named("file", mode), error)
    yield _case("a link, then a file through it", _through_link, CORRUPT)

    def unsorted(f: Forge) -> object:
        x = f.blob(b"x\n")
        return f.branch(f.commit(f.tree((FILE, "b", x), (FILE, "a", x))))

    yield _case("an unsorted tree", unsorted)

    def twice(f: Forge) -> object:
        return f.branch(f.commit(f.tree((FILE, "a", f.blob(b"1\n")), (FILE, "a", f.blob(b"2\n")))))

    yield _case("a name twice", twice, None)

    def both(f: Forge) -> object:
        inner = f.tree((FILE, "b", f.blob(b"1\n")))
        return f.branch(f.commit(f.tree((FILE, "a", f.blob(b"2\n")), (FOLDER, "a", inner))))

    yield _case("a file and a folder of one name", both, USAGE, "can't be both")

    def deep(f: Forge) -> object:
        id_ = f.tree((FILE, "file", f.blob(b"x\n")))
        for _ in range(3_000):
            id_ = f.tree((FOLDER, "d", id_))
        return f.branch(f.commit(id_))

    yield replace(_case("3,000 folders in each other", deep, "LimitExceeded", "deeper"), weight=2)

    def bomb(f: Forge) -> object:
        id_ = f.tree(*((FILE, f"f{n}", f.blob(b"x\n")) for n in range(10)))
        for _ in range(9):
            id_ = f.tree(*((FOLDER, f"d{n}", id_) for n in range(10)))
        return f.branch(f.commit(id_))

    yield Case(
        "a tree of ten billion files",
        lambda root: bomb(Forge(root)),
        SWITCH,
        "LimitExceeded",
        "wider",
        after=(("log", "evil"), ("ls", "evil")),
        weight=2,
    )

    def wide(f: Forge) -> object:
        x = f.blob(b"x\n")
        return f.branch(f.commit(f.tree(*((FILE, f"f{n:06}", x) for n in range(20_000)))))

    yield Case("20,000 files", lambda root: wide(Forge(root)), ("ls", "evil"))


def _through_link(f: Forge) -> object:
    link = f.put("blob", b"/tmp")
    inner = f.tree((FILE, "canary", f.blob(b"x\n")))
    return f.branch(f.commit(f.tree((0o120000, "a", link), (FOLDER, "a", inner))))


def _commits() -> Iterator[Case]:
    def empty(f: Forge) -> str:
        return f.tree()

    def said(message: str = "m\n", who: str = WHO) -> Callable[[Forge], object]:
        return lambda f: f.branch(f.commit(empty(f), (), message, who))

    for what, message in {
        "colours": "\x1b[31mred\x1b[0m\n\n\x1b]0;owned\x07\n",
        "right to left": "\u202egnp.exe\n",
        "a carriage return": "safe\revil\n",
        "nothing": "",
        "a megabyte on one line": "m" * 10**6,
        "100,000 lines": "m\n" * 100_000,
        "a false trailer": "m\n\nTensor-Merkle-Root: " + "0" * 64 + "\n",
    }.items():
        yield _case(f"a message of {what}", said(message), None)
    for what, who in {
        "a colour": "\x1b[31mAda <\x1b[0m> 1700000000 +0000",
        "no time": "Ada <a@b.c>",
        "a time beyond any clock": "Ada <a@b.c> 9999999999999999 +0000",
        "a time before any clock": "Ada <a@b.c> -99999999999 +0000",
        "an impossible zone": "Ada <a@b.c> 1700000000 +9999",
        "no name": " <> 0 +0000",
    }.items():
        yield _case(f"an author with {what}", said(who=who))

    def parents(count: int) -> Callable[[Forge], object]:
        def forge(f: Forge) -> object:
            ids = [f.commit(empty(f), (), f"{n}\n") for n in range(count)]
            return f.branch(f.commit(empty(f), ids))

        return forge

    yield Case(
        "10,000 parents",
        lambda root: parents(10_000)(Forge(root)),
        ("log", "-n", "1", "evil"),
        None,
        after=(("show", "evil"),),
        weight=2,
    )
    yield _case(
        "one parent 1,000 times",
        lambda f: f.branch(f.commit(empty(f), [f.commit(empty(f))] * 1000)),
    )

    def line(f: Forge) -> object:
        id_ = f.commit(empty(f))
        for n in range(3_000):
            id_ = f.commit(empty(f), [id_], f"{n}\n")
        return f.branch(id_)

    yield Case(
        "3,000 commits in a line",
        lambda root: line(Forge(root)),
        ("log", "-n", "1", "evil"),
        after=(("log", "--graph", "evil"), ("log", "--oneline", "evil~2999")),
        weight=2,
    )
    yield _case(
        "a parent that is missing", lambda f: f.branch(f.commit(empty(f), ["a" * 40])), None
    )
    yield _case("a tree that is missing", lambda f: f.branch(f.commit("a" * 40)), MISSING, "a" * 40)
    yield _case(
        "a blob that is missing",
        lambda f: f.branch(f.commit(f.tree((FILE, "a", "a" * 40)))),
        MISSING,
    )
    yield _case(
        "a tree that is a blob", lambda f: f.branch(f.commit(f.blob(b"x"))), "MvcError", "is a blob"
    )
    yield _case(
        "a blob that is a tree",
        lambda f: f.branch(f.commit(f.tree((FILE, "a", f.tree())))),
        "MvcError",
        "is a tree",
    )
    yield _case("a parent that is a tree", lambda f: f.branch(f.commit(empty(f), [f.tree()])), None)
    yield _case(
        "a commit without a tree", lambda f: f.branch(f.put("commit", b"author x\n\nm\n")), CORRUPT
    )
    yield _case(
        "a commit of bytes", lambda f: f.branch(f.put("commit", bytes(range(256)))), CORRUPT
    )


def _loose() -> Iterator[Case]:
    def stored(raw: bytes) -> Callable[[Forge], object]:
        return lambda f: f.branch(f.put("commit", b"x" * 50, raw=raw))

    head = b"commit 50\0"
    for what, raw in {
        "nothing": b"",
        "no zlib": b"\xff" * 99,
        "a zlib stream cut short": zlib.compress(head + b"x" * 50)[:-8],
        "less than it declares": zlib.compress(head + b"x" * 9),
        "more than it declares": zlib.compress(head + b"x" * 99),
        "a bomb of 100 MB": zlib.compress(head + bytes(10**8), 9),
        "no header": zlib.compress(b"x" * 99),
        "a header without a size": zlib.compress(b"commit \0"),
        "a negative size": zlib.compress(b"commit -5\0x"),
        "a size of 40 digits": zlib.compress(b"commit " + b"9" * 40 + b"\0x"),
        "an unknown kind": zlib.compress(b"virus 1\0x"),
        "another object": zlib.compress(b"commit 5\0tree "),
    }.items():
        yield _case(f"an object file of {what}", stored(raw), CORRUPT, "is damaged")
    big = zlib.compress(b"blob 900000000000\0x")
    yield _case("an object of 900 GB", stored(big), "LimitExceeded", "declares")


def _refs() -> Iterator[Case]:
    def written(path: str, data: bytes, *, head: bool = True) -> Callable[[Forge], object]:
        def forge(f: Forge) -> object:
            if head:
                f.files(a_txt=b"x\n")
            place = f.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            return place.write_bytes(data)

        return forge

    nothing, log = ("status",), ("log",)
    for what, data in {
        "itself": b"ref: HEAD\n",
        "a circle": b"ref: refs/heads/loop\n",
        "a way out": b"ref: ../../../etc/passwd\n",
        "an absolute path": b"ref: /etc/passwd\n",
        "NUL": b"ref: refs/heads/a\0b\n",
        "bytes": bytes(range(128, 256)),
        "nothing": b"",
        "a short id": b"abcdef\n",
        "a colour": b"ref: refs/heads/\x1b[31m\n",
        "a name of 5,000 bytes": b"ref: refs/heads/" + b"a" * 5000 + b"\n",
    }.items():  # fmt: skip
        unborn = what in ("a circle", "a name of 5,000 bytes")
        error = None if unborn else CORRUPT
        yield _case(f"a HEAD of {what}", written("HEAD", data), error, verb=nothing)
    yield _case("a ref in a circle", written("refs/heads/evil", b"ref: refs/heads/evil\n"), CORRUPT)
    yield _case(
        "a ref of bytes", written("refs/heads/evil", b"\xff\xfe"), CORRUPT, "refs/heads/evil"
    )
    yield _case(
        "packed refs of bytes",
        written("packed-refs", b"\xff" * 99),
        CORRUPT,
        "packed-refs",
        verb=log,
    )
    yield _case(
        "packed refs of no ids", written("packed-refs", b"x y\n"), CORRUPT, "packed-refs", verb=log
    )
    yield _case(
        "operations that are no commit",
        written("refs/mvc/ops", b"a" * 40 + b"\n"),
        MISSING,
        verb=nothing,
    )
    yield _case(
        "a stage that is missing",
        written("refs/mvc/stage", b"a" * 40 + b"\n"),
        MISSING,
        verb=nothing,
    )
    yield _case(
        "a reflog of bytes", written("logs/HEAD", bytes(range(256)) * 9), None, verb=("reflog",)
    )
    yield _case("a configuration of bytes", written("config", b"\xff" * 99), None, verb=nothing)
    include = (
        b"[core]\n\tbare = true\n\trepositoryformatversion = 1\n[include]\n\tpath = /etc/passwd\n"
    )
    yield _case(
        "a configuration that includes",
        written("config", include),
        USAGE,
        "bad config",
        ("config", "--list"),
    )
    orders = (
        b"[core]\n\tbare = true\n\trepositoryformatversion = 1\n\tfsmonitor = touch canary\n"
        b"\tpager = touch canary\n\thooksPath = /tmp\n\teditor = touch canary\n"
        b"[alias]\n\tst = !touch canary\n[diff]\n\texternal = touch canary\n"
    )
    yield _case("a configuration that gives orders", written("config", orders), None)
    yield _case(
        "an extension from the future",
        written(
            "config", b"[core]\n\trepositoryformatversion = 1\n[extensions]\n\tfuture = true\n"
        ),
        CORRUPT,
        "unsupported extension",
        ("log", "evil"),
    )
    hook = written("hooks/post-checkout", b"#!/bin/sh\ntouch canary\n")
    yield _case("a hook", lambda f: (hook(f), (f.folder / "hooks/post-checkout").chmod(0o755)))
    yield _case("a stat cache of bytes", written("stat-cache", bytes(range(256)) * 9), None)
    yield _case(
        "a lock that is a folder",
        lambda f: (f.files(a_txt=b"x"), (f.folder / "locks/refs").mkdir()),
        "StorageError",
        "can't open the lock",
    )
    yield _case(
        "a format from the future",
        written("format", b"mvc repository 99\n"),
        USAGE,
        "newer than this mvc",
    )
    yield _case("a format of bytes", written("format", b"\xff\xff"), CORRUPT, "format is damaged")


CASES = [*_trees(), *_commits(), *_loose(), *_refs()]
