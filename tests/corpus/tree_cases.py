"""Work trees that lead elsewhere: links, special files, other names for ``.mvc`` and ``.git``."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from corpus.case import Case

USAGE = "UsageError"
#: Spellings that some file system folds into ``.git`` or ``.mvc``, and names that some system reserves.
ALIASES = (
    *(".git", ".GIT", ".Git", ".mvc", ".MVC", "git~1", "GIT~1", "mvc~1", "Mvc~1"),
    *(".git.", ".git ", ".git. . .", ".mvc.", ".mvc  ", ".mvc...", "git~1.", "mvc~1 "),
    *(
        ".g\u200cit",
        ".gi\u200dt",
        "\ufeff.git",
        ".git\u206f",
        ".\u202emvc",
        ".m\u200evc",
        ".mvc\u206a",
    ),
    *(".git::$INDEX_ALLOCATION", ".mvc:stream", "a:b"),
)
RESERVED = (
    *(
        "con",
        "CON",
        "nul",
        "NUL.safetensors",
        "aux.pt",
        "prn",
        "com1",
        "COM9.bin",
        "lpt1",
        "LPT9.txt",
    ),
    *("com\u00b9", "COM\u00b2.pt", "lpt\u00b3", "conin$", "CONOUT$"),
    *("a\\b", "..\\..\\x", "C:x"),
)
CONTROLS = ("a\nb", "a\tb", "\x1b[31m", "a\x7f", "\r", "a\x01b")


def _placed(name: str, *, folder: bool) -> Callable[[Path], None]:
    def build(root: Path) -> None:
        place = root / name
        if folder:
            if name not in (".mvc",):
                place.mkdir(exist_ok=True)
            place = place / "config"
        if not place.exists():
            place.write_text("hostile\n")

    return build


def _names() -> Iterator[Case]:
    for name in ALIASES:
        yield Case(
            f"{name!r} as a folder",
            _placed(name, folder=True),
            ("add", f"{name}/config"),
            USAGE,
            "has",
        )
        if name != ".mvc":
            yield Case(
                f"{name!r} as a file", _placed(name, folder=False), ("add", "-f", name), USAGE
            )
    for name in RESERVED:
        yield Case(f"the name {name!r}", _placed(name, folder=False), ("add", name), USAGE)
        inside = _placed(name, folder=True)
        yield Case(f"the folder {name!r}", inside, ("add", f"{name}/config"), USAGE)
    for name in CONTROLS:
        yield Case(
            f"the name {name!r}", _placed(name, folder=False), ("add", name), USAGE, "control"
        )
        yield Case(f"all, with {name!r}", _placed(name, folder=False), ("add", "-A"), None)
    for name in (
        "a" * 255,
        "\u00e9",
        "e\u0301",
        "-rf",
        "--",
        "$(touch canary)",
        "%s",
        "#",
        "!x",
        "[a]",
    ):
        yield Case(f"the odd name {name!r:.20}", _placed(name, folder=False), ("add", "--", name))

    def not_utf8(root: Path) -> None:
        Path(os.fsdecode(os.fsencode(root) + b"/a\xff.pt")).write_bytes(b"x")

    yield Case(
        "a name that is not UTF-8", not_utf8, ("add", os.fsdecode(b"a\xff.pt")), USAGE, "UTF-8"
    )
    yield Case("all, with a name that is not UTF-8", not_utf8, ("add", "-A"))

    def deep(root: Path) -> None:
        here = os.getcwd()
        for _ in range(300):
            os.mkdir("dddd")
            os.chdir("dddd")
        Path("file").write_text("deep\n")
        os.chdir(here)

    yield Case("300 folders in each other", deep, ("add", "-A"))

    def twins(root: Path) -> None:
        for name in ("Weight", "weight", "WEIGHT"):
            (root / name).write_text(name)

    yield Case("names that differ in case alone", twins, ("add", "-A"))


def _links() -> Iterator[Case]:
    def link(target: str, name: str = "link") -> Callable[[Path], None]:
        def build(root: Path) -> None:
            (root / name).symlink_to(target)

        return build

    for target in ("/etc/passwd", "../../secret", "nowhere", "link", ".mvc/HEAD", "/dev/zero"):
        yield Case(
            f"a link to {target}", link(target), ("add", "link"), USAGE, "is a symbolic link"
        )
        yield Case(f"all, with a link to {target}", link(target))
    for target in ("/etc", "..", ".", ".mvc"):
        name = "passwd" if target == "/etc" else "HEAD"
        words = ("add", f"link/{name}")
        yield Case(f"through a link to {target}", link(target), words, USAGE)
        yield Case(f"all, with a linked folder {target}", link(target))
    yield Case("a linked ignore file", link("/etc/passwd", ".mvcignore"), ("status",))
    yield Case(
        "a linked weight", link("/etc/passwd", "m.safetensors"), ("add", "m.safetensors"), USAGE
    )

    def into_git(root: Path) -> None:
        (root / "hooks").symlink_to(".mvc/hooks")

    yield Case("a link into the repository", into_git, ("add", "hooks/post-commit"), USAGE)


def _specials() -> Iterator[Case]:
    def fifo(root: Path) -> None:
        os.mkfifo(root / "m.pt")

    def plug(root: Path) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("m.pt")  # relative: the name of a socket may have 108 bytes

    def device(root: Path) -> None:
        os.mknod(root / "m.pt", 0o020644, os.makedev(1, 5))

    kinds: list[tuple[str, Callable[[Path], None]]] = [("a pipe", fifo), ("a socket", plug)]
    if os.geteuid() == 0:
        kinds.append(("an endless device", device))
    for what, build in kinds:
        yield Case(what, build, ("add", "m.pt"), USAGE, "is a device, pipe or socket")
        yield Case(f"all, with {what}", build, ("add", "-A"))
        yield Case(f"opaque, {what}", build, ("add", "--opaque", "m.pt"), USAGE, "device, pipe")

    def ignore_pipe(root: Path) -> None:
        os.mkfifo(root / ".mvcignore")

    yield Case("a pipe as the ignore file", ignore_pipe, ("status",))

    def sparse(root: Path) -> None:
        with (root / "m.safetensors").open("wb") as file:
            file.truncate(2**40)

    yield Case(
        "a terabyte of holes", sparse, ("add", "m.safetensors"), "MalformedFile", "byte 0 is 0"
    )

    def bad_rules(root: Path) -> None:
        (root / ".mvcignore").write_text("a\n\\\n!\n[z-a]\n")

    yield Case("an ignore file that is none", bad_rules, ("status",), USAGE, ".mvcignore")

    def slow_rules(root: Path) -> None:
        (root / ".mvcignore").write_text("*" * 90 + "z\n" + "*a" * 40 + "\n" + "**/a/" * 40 + "z\n")
        (root / ("a" * 200)).write_text("x")

    yield Case("an ignore file that is slow", slow_rules, ("status",))

    def binary_rules(root: Path) -> None:
        (root / ".mvcignore").write_bytes(bytes(range(256)) * 40)

    yield Case("an ignore file of bytes", binary_rules, ("status",))


def _outside() -> Iterator[Case]:
    nothing: Callable[[Path], object] = lambda root: None  # noqa: E731
    for path in ("../x", "/etc/passwd", "a/../../x", ".mvc/HEAD", ".mvc/../.mvc/config"):
        yield Case(f"add {path}", nothing, ("add", path), USAGE)
    for path in ("..", "/etc/passwd", "../x"):
        yield Case(f"restore {path}", nothing, ("restore", path), USAGE)
        yield Case(f"rm {path}", nothing, ("rm", path), USAGE)
        yield Case(f"mv {path}", nothing, ("mv", path, "y"), USAGE)


CASES = [*_names(), *_links(), *_specials(), *_outside()]
