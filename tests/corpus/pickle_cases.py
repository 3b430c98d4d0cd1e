"""Pickles that want to run something, or to grow. ``canary`` is what they would leave if they ran."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from typing import Any

from corpus.case import Case, of_file
from formats.pytorch.torch_zip import Call, Name, floats, of_pickle, pickled, saved

FILE = "m.pt"
COMMAND = "touch canary"


class _Attack:
    def __reduce__(self) -> Any:
        return os.system, (COMMAND,)


def _case(name: str, content: bytes, error: str | None = None, says: str = "") -> Case:
    return of_file(name, of_pickle(content, [bytes(8)]).write(), error, says, file=FILE)


def _text(text: str) -> bytes:
    return b"\x8c" + bytes((len(text),)) + text.encode()


def _running() -> Iterator[Case]:
    for protocol in range(6):
        content = pickle.dumps({"w": _Attack()}, protocol)
        yield _case(f"reduce, protocol {protocol}", content, "UnsafePickle", "posix.system'")
    yield _case("global", b"cos\nsystem\n.", "UnsafePickle", "'os.system'")
    stack = b"\x80\x04" + _text("os") + _text("system") + b"\x93" + _text(COMMAND) + b"\x85R."
    yield _case("stack global", stack, "UnsafePickle", "'os.system'")
    parts = b"\x80\x04" + _text("os") + b"\x94" + _text("system") + b"\x940h\0h\1\x93."
    yield _case("stack global by memo", parts, "UnsafePickle", "'os.system'")
    yield _case("inst", b"(S'touch canary'\nios\nsystem\n.", "UnsafePickle", "'os.system'")
    yield _case("obj", b"(cos\nsystem\nS'touch canary'\no.", "UnsafePickle", "'os.system'")
    newobj = b"\x80\x02csubprocess\nPopen\nX\x02\0\0\0ls\x85\x81."
    yield _case("newobj", newobj, "UnsafePickle", "'subprocess.Popen'")
    newobj_ex = b"\x80\x04csubprocess\nPopen\n)}\x92."
    yield _case("newobj_ex", newobj_ex, "UnsafePickle", "'subprocess.Popen'")
    build = b"\x80\x02cbuiltins\ngetattr\n)R}b."
    yield _case("build over getattr", build, "UnsafePickle", "'builtins.getattr'")
    dotted = b"\x80\x04" + _text("torch") + _text("serialization.os.system") + b"\x93."
    yield _case("a dotted way to os", dotted, "UnsafePickle", "'torch.serialization.os.system'")
    for module, name in (
        ("builtins", "eval"), ("builtins", "exec"), ("builtins", "__import__"), ("runpy", "run_path"),
        ("importlib", "import_module"), ("ctypes", "CDLL"), ("socket", "create_connection"),
        ("pickle", "loads"), ("torch", "load"), ("numpy", "load"), ("webbrowser", "open"),
        ("operator", "attrgetter"), ("shutil", "rmtree"), ("pip", "main"), ("code", "interact"),
    ):  # fmt: skip
        content = f"c{module}\n{name}\n(S'x'\ntR.".encode()
        yield _case(f"{module}.{name}", content, "UnsafePickle", f"'{module}.{name}'")
    inner = pickle.dumps(_Attack())
    yield _case("a pickle inside a pickle, as bytes", pickle.dumps({"w": inner}))
    yield _case(
        "a nested load", b"cpickle\nloads\n(" + pickle.dumps(inner)[2:-1] + b"tR.", "UnsafePickle"
    )
    unknown = Call(Name("evil.payload", "run"), (COMMAND,), {"w": floats(2)})
    yield of_file("a foreign name stays a name", saved({"x": unknown}), file=FILE)
    yield _case("an extension code", b"\x80\x02\x82\x01.", "MalformedFile", "0x82 is no opcode")
    yield _case("a buffer from outside", b"\x80\x05\x97.", "MalformedFile", "0x97 is no opcode")
    yield _case("a persistent id as a line", b"P../../etc/passwd\n.")


def _growing() -> Iterator[Case]:
    limit, bad = "LimitExceeded", "MalformedFile"
    doubling = b"\x80\x02]q\0" + b"0(h\0h\0lq\0" * 100 + b"."
    yield _case("a memo bomb of lists", doubling)
    tuples = b"\x80\x02)q\0" + b"0(h\0h\0tq\0" * 500 + b"."
    yield _case("a memo bomb of tuples", tuples)
    bomb: Any = [floats(1)]
    for _ in range(100):
        bomb = [bomb, bomb]
    yield of_file("a tensor behind 2**100 paths", saved(bomb), file=FILE)
    yield _case(
        "1,500 lists in each other", b"\x80\x02" + b"]" * 1500 + b"a" * 1499 + b".", limit, "deeper"
    )
    yield _case(
        "100,000 tuples in each other", b"\x80\x02N" + b"\x85" * 100_000 + b".", limit, "deeper"
    )
    yield _case("300,000 marks", b"\x80\x02" + b"(" * 300_000 + b".", bad, "one value on its stack")
    cycle = b"\x80\x02]q\0h\0a."
    yield _case("a list in itself", cycle)
    yield _case("a dict under its own key", b"\x80\x02}q\0X\1\0\0\0ah\0s.")
    huge = b"\x80\x02\x8b" + (2_000_000).to_bytes(4, "little") + b"\x7f" * 2_000_000 + b"."
    yield _case("a number of two million bytes", huge)
    yield _case("a negative length", b"\x80\x02\x8b\xff\xff\xff\xff.", bad, "promises")
    yield _case("a decimal of 100,000 digits", b"I" + b"9" * 100_000 + b"\n.", bad, "damaged")
    yield _case("a long of 100,000 digits", b"L" + b"9" * 100_000 + b"L\n.", bad, "damaged")
    for opcode, width in (
        (b"X", 4),
        (b"B", 4),
        (b"T", 4),
        (b"\x8d", 8),
        (b"\x8e", 8),
        (b"\x96", 8),
    ):
        content = (
            b"\x80\x05" + opcode + (2 ** (8 * width - 1) - 1).to_bytes(width, "little") + b"x."
        )
        yield _case(f"a text longer than the file ({opcode!r})", content, bad, "promises")
    yield _case("a memo slot far away", b"\x80\x02Nr\xff\xff\xff\xff0j\xff\xff\xff\xff.")
    yield _case(
        "a memo slot of 4,000 digits", b"Np" + b"9" * 4_000 + b"\n0g" + b"9" * 4_000 + b"\n."
    )
    yield _case("30,000 classes", b"".join(b"cm\nc%d\n0" % n for n in range(30_000)) + b"N.")


def _broken() -> Iterator[Case]:
    bad = "MalformedFile"
    sound = pickled({"w": floats(2)})[0]
    for size in (0, 1, 2, len(sound) // 2, len(sound) - 1):
        yield _case(f"cut off after {size} bytes", sound[:size], bad, "pickle is damaged")
    yield _case("protocol 6", b"\x80\x06N.", bad, "newer than 5")
    yield _case("an empty stack", b"\x80\x02.", bad, "damaged")
    yield _case("two values on the stack", b"\x80\x02NN.", bad, "one value on its stack")
    yield _case("a value never memoized", b"\x80\x02h\7.", bad, "memo")
    yield _case("an odd dict", b"\x80\x02}(Nu.", bad, "key without a value")
    yield _case("append to a number", b"\x80\x02K\1Na.", bad, "changes a int")
    yield _case("text that is not UTF-8", b"\x80\x02X\1\0\0\0\xff.", bad, "codec can't decode")
    yield _case("a name that is a number", b"\x80\x04K\1K\2\x93.", bad, "something else than text")
    yield _case("a line without an end", b"\x80\x02cos", bad, "no end")
    yield _case("Python 2's own strings", b"\x80\x02}U\1aU\1bs.")
    yield _case("bytes after the end", sound + b"cos\nsystem\n.")
    yield _case("a list as a dict's key", b"\x80\x02}]Ns.")
    yield _case("NaN as a key", b"\x80\x02}G\x7f\xf8\0\0\0\0\0\0Ns.")


CASES = [*_running(), *_growing(), *_broken()]
