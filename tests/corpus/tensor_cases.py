"""Checkpoints whose pickle lies about storages and tensors."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from corpus.case import Case, of_file
from formats.pytorch.torch_zip import (
    Archive,
    Call,
    Name,
    Store,
    archive,
    floats,
    of_pickle,
    parameter,
    pickled,
    saved,
    tensor,
)

FILE = "m.pt"
BAD, LIMIT = "MalformedFile", "LimitExceeded"


def _case(name: str, data: bytes, error: str | None = None, says: str = "") -> Case:
    return of_file(name, data, error, says, file=FILE)


def _over(shape: Any, strides: Any, offset: Any = 0, size: int = 64) -> bytes:
    fields = (Store(bytes(size)), offset, shape, strides, False, OrderedDict())
    return saved({"w": Call(Name("torch._utils", "_rebuild_tensor_v2"), fields)})


def _changed(change: Any) -> bytes:
    made = archive({"w": floats(2, 3), "v": floats(4, seed=7)})
    change(made)
    return made.write()


def _shapes() -> Iterator[Case]:
    yield _case("a sound one", _over((4, 4), (4, 1)))
    yield _case("strides of 0", _over((4, 4), (0, 0)))
    yield _case("strides of 0 over petabytes", _over((2**25, 2**25), (0, 0)), LIMIT, "views repeat")
    yield _case("a shape beyond 64 bits", _over((2**62, 2**62), (0, 0)), LIMIT, "views repeat")
    yield _case("2,000 views of one storage", _views(2_000), LIMIT, "views repeat")
    yield _case("reaching past its storage", _over((4, 5), (5, 1)), BAD, "reaches element 20")
    yield _case("an offset past its storage", _over((1,), (1,), 16), BAD, "reaches element 17")
    yield _case("nothing, past its storage", _over((0,), (1,), 17), BAD, "reaches element 17")
    yield _case("an offset of 2**63", _over((1,), (1,), 2**63), BAD, "no proper shape")
    yield _case("strides of 2**62", _over((2, 2), (2**62, 1)), BAD, "reaches element")
    yield _case("a negative shape", _over((-4,), (1,)), BAD, "no proper shape")
    yield _case("a negative stride", _over((4,), (-1,)), BAD, "no proper shape")
    yield _case("a negative offset", _over((4,), (1,), -4), BAD, "no proper shape")
    yield _case("fewer strides than extents", _over((4, 4), (1,)), BAD, "no proper shape")
    yield _case("a shape of floats", _over((4.0,), (1,)), BAD, "no proper shape")
    yield _case("a shape of booleans", _over((True,), (1,)), BAD, "no proper shape")
    yield _case("a shape that is text", _over("44", (1,)), BAD, "no proper shape")
    yield _case("65 dimensions", _over((1,) * 65, (1,) * 65), BAD, "no proper shape")
    yield _case("64 dimensions", _over((1,) * 64, (1,) * 64))
    yield replace(of_file("20,000 tensors in one storage", _many, file=FILE), weight=2)


def _views(count: int) -> bytes:
    store = Store(bytes(200_000))
    return saved([tensor(store, (50_000 - n % 7,), (1,)) for n in range(count)])


def _many() -> bytes:
    store = Store(bytes(40_000))
    return saved({f"w{n}": tensor(store, (1,), (1,), n % 10_000) for n in range(20_000)})


def _storages() -> Iterator[Case]:
    def key(new: str) -> Any:
        def change(made: Archive) -> None:
            content = made.entries["archive/data.pkl"]
            long = b"X" + len(new).to_bytes(4, "little") + new.encode()
            assert b"X\1\0\0\0\x30" in content
            made.entries["archive/data.pkl"] = content.replace(b"X\1\0\0\0\x30", long, 1)

        return change

    def stored(data: bytes) -> Any:
        return lambda made: made.entries.update({"archive/data/0": data})

    yield _case("a storage that is not there", _changed(key("9")), BAD, "the file does not have")
    yield _case("a storage up the tree", _changed(key("../version")), BAD, "does not have")
    yield _case("a storage of an absolute path", _changed(key("/etc/passwd")), BAD, "does not have")
    yield _case("a storage with NUL", _changed(key("0\0")), BAD, "does not have")
    yield _case("the pickle as a storage", _changed(key("../data.pkl")), BAD, "does not have")
    yield _case("a storage of no name", _changed(key("")), BAD, "does not have")
    yield _case("two tensors, one key", _changed(key("1")), BAD, "'archive/data/1' 6 elements")
    yield _case(
        "a storage shorter than said", _changed(stored(bytes(23))), BAD, "the file 23 bytes"
    )
    yield _case("a storage longer than said", _changed(stored(bytes(25))))
    yield _case("an empty storage", _changed(stored(b"")), BAD, "the file 0 bytes")
    yield _case(
        "a compressed storage",
        _changed(lambda m: m.deflated.add("archive/data/0")),
        BAD,
        "compressed",
    )
    yield _case(
        "big-endian",
        _changed(lambda m: m.entries.update({"archive/byteorder": b"big"})),
        BAD,
        "little",
    )
    order = {"archive/byteorder": b"little" * 1000}
    yield _case(
        "a long byte order", _changed(lambda m: m.entries.update(order)), LIMIT, "byteorder"
    )
    for kind in ("QInt8Storage", "ComplexDoubleStorage", "system", "UntypedStorage"):
        yield _case(f"a {kind}", saved({"w": tensor(Store(bytes(64), kind), (4,))}), None)
    for count in (2**63, -1, 2.0, "8", None):
        fields = ("storage", Name("torch", "FloatStorage"), "0", "cpu", count)
        yield _case(f"a storage of {count!r} elements", _persistent(fields), BAD, "storage")


def _persistent(fields: tuple[Any, ...]) -> bytes:
    """A tensor over a storage that ``fields`` describe; the reference is written by hand."""
    reference = pickled(fields)[0][2:-1]
    rest = b"K\0K\2\x85K\1\x85\x89ccollections\nOrderedDict\n)R"
    content = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + reference + b"Q" + rest + b"tR."
    return of_pickle(content, [bytes(8)]).write()


def _wrappers() -> Iterator[Case]:
    deep: Any = floats(2)
    for _ in range(80):
        deep = parameter(deep)
    yield _case("a Parameter 80 times over", saved({"w": deep}), None)
    yield _case(
        "a Parameter of nothing", saved({"w": Call(Name("torch._utils", "_rebuild_parameter"), ())})
    )
    for arguments in ((), (1,), (Store(bytes(8)),), (None,) * 6, (Store(bytes(8)), 0, (2,), (1,))):
        call = Call(Name("torch._utils", "_rebuild_tensor_v2"), arguments)
        yield _case(
            f"a tensor of {len(arguments)} arguments ({str(arguments)[:8]})",
            saved({"w": call}),
            None,
        )
    typed = Call(Name("torch._tensor", "_rebuild_from_type_v2"), (1, 2, 3, 4))
    yield _case("a tensor of a type of numbers", saved({"w": typed}))


CASES = [*_shapes(), *_storages(), *_wrappers()]
