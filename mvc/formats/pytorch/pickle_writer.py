"""Nodes in, pickle out: the inverse of the symbolic unpickler, up to the numbering of the memo.

``read_pickle(write_pickle(root, protocol))`` has the same shape as ``root``: kinds, values, order, shared and
cyclic references. It writes the opcodes that ``torch.load(weights_only=True)`` understands wherever a value
can be said with them. Nothing recurses.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from mvc.errors import LimitExceeded
from mvc.formats.pytorch.nodes import (
    Edit,
    Global,
    Mapping,
    Node,
    Object,
    OldString,
    PersistentId,
    Sequence,
)
from mvc.limits import PICKLE
from mvc.uncollected import uncollected

_TUPLES: Final = {1: b"\x85", 2: b"\x86", 3: b"\x87"}
_CALLS: Final = {"reduce": b"R", "newobj": b"\x81", "newobj_ex": b"\x92"}
#: A step still to do is a node to write, bytes to emit, or what ends a node, which is memoized then.
_Emit: TypeAlias = "tuple[bytes]"
_End: TypeAlias = "tuple[bytes, Sequence | Object, bytes]"


def write_pickle(root: Node, protocol: int) -> bytes:
    """The pickle of ``root``, declared as ``protocol``.

    Raises:
        LimitExceeded: longer than ``limits.PICKLE``.
    """
    with uncollected():
        return _Writer(max(protocol, 2)).write(root)


class _Writer:
    """``memo`` and ``texts`` hold the opcode that fetches what was written, by identity and by value."""

    __slots__ = ("handlers", "memo", "out", "texts", "todo")

    def __init__(self, protocol: int) -> None:
        self.out = bytearray((0x80, protocol))
        self.memo: dict[int, bytes] = {}
        self.texts: dict[str | tuple[type, bytes] | Global, bytes] = {}
        self.todo: list[Node | _Emit | _End] = []
        self.handlers: dict[type, Callable[[Any], None]] = {
            tuple: self.step,
            Sequence: self.sequence,
            Mapping: self.mapping,
            Object: self.object,
            PersistentId: self.persistent_id,
            Global: self.name,
            str: self.text,
            bytes: self.raw,
            OldString: self.raw,
            bytearray: self.buffer,
        }

    def write(self, root: Node) -> bytes:
        todo, handlers, out = self.todo, self.handlers, self.out
        todo.append(root)
        while todo:
            step = todo.pop()
            handler = handlers.get(type(step))
            if handler is None:
                out += _scalar(step)  # type: ignore[arg-type] # the other types have handlers
            else:
                handler(step)
            if len(out) > PICKLE:
                raise LimitExceeded(f"the new pickle would be longer than {PICKLE} bytes")
        return bytes(out + b".")

    def step(self, step: _Emit | _End) -> None:
        """Emit bytes, or finish an immutable node."""
        if len(step) == 1:
            self.out += step[0]
        else:
            self.end(*step)

    def then(self, *steps: Node | _Emit | _End) -> None:
        """Do ``steps`` next, in this order."""
        self.todo.extend(steps[::-1])

    def known(self, node: Sequence | Mapping | Object | bytearray) -> bool:
        """Fetch ``node`` if it is written already."""
        fetch = self.memo.get(id(node))
        if fetch is None:
            return False
        self.out += fetch
        return True

    def mapping(self, node: Mapping) -> None:
        if not self.known(node):
            self.out += b"}"
            self.memo[id(node)] = self.put()
            self.pairs(node.keys, node.values)

    def object(self, node: Object) -> None:
        if self.known(node):
            return
        end: _End = (_CALLS[node.how], node, b"0")
        if node.how == "newobj_ex":
            self.then(node.callable, node.arguments, node.keywords, end)
        else:
            self.then(node.callable, node.arguments, end)

    def persistent_id(self, node: PersistentId) -> None:
        self.then(node.value, (b"Q",))

    def buffer(self, node: bytearray) -> None:
        if not self.known(node):
            self.out += b"\x96" + struct.pack("<Q", len(node)) + node
            self.memo[id(node)] = self.put()

    def sequence(self, node: Sequence) -> None:
        items = node.items
        if self.known(node):
            return
        if node.kind == "list":
            self.out += b"]"
            self.memo[id(node)] = self.put()
            self.group(items, b"e")
        elif node.kind == "set":
            self.out += b"\x8f"
            self.memo[id(node)] = self.put()
            self.group(items, b"\x90")
        elif node.kind == "frozenset":
            self.then((b"(",), *items, (b"\x91", node, b"1"))
        elif not items:
            self.out += b")"
        elif len(items) <= 3:
            self.then(*items, (_TUPLES[len(items)], node, b"0" * len(items)))
        else:
            self.then((b"(",), *items, (b"t", node, b"1"))

    def end(self, opcode: bytes, node: Sequence | Object, undo: bytes) -> None:
        """Finish an immutable node. If one of its own parts led back to it, it is written already:
        then drop the parts and fetch it, as ``pickle`` does (CPython issue 12687)."""
        fetch = self.memo.get(id(node))
        if fetch is not None:
            parts = 2 + (node.how == "newobj_ex") if isinstance(node, Object) else 1
            self.out += undo * parts + fetch
            return
        self.out += opcode
        self.memo[id(node)] = self.put()
        if isinstance(node, Object):
            for step in reversed(node.edits or ()):
                self.edit(step)

    def edit(self, step: Edit) -> None:
        if step.kind == "set":
            self.pairs(step.keys, step.values)
        elif step.kind == "append":
            self.group(step.values, b"e")
        elif step.kind == "add":
            self.group(step.values, b"\x90")
        else:
            self.then(*step.values, (b"b",))

    def pairs(self, keys: list[Node], values: list[Node]) -> None:
        self.group([node for pair in zip(keys, values, strict=True) for node in pair], b"u")

    def group(self, items: list[Node], opcode: bytes) -> None:
        """A mark, ``items`` and the opcode that takes them; nothing for none."""
        if items:
            self.then((b"(",), *items, (opcode,))

    def text(self, node: str) -> None:
        """A string: written once, then fetched."""
        fetch = self.texts.get(node)
        if fetch is None:
            self.out += _text(node)
            self.texts[node] = self.put()
        else:
            self.out += fetch

    def raw(self, node: bytes) -> None:
        key = (type(node), node)
        fetch = self.texts.get(key)
        if fetch is None:
            self.out += _bytes(node)
            self.texts[key] = self.put()
        else:
            self.out += fetch

    def name(self, node: Global) -> None:
        fetch = self.texts.get(node)
        if fetch is None:
            self.out += _name(node)
            self.texts[node] = self.put()
        else:
            self.out += fetch

    def put(self) -> bytes:
        """Memoize what was written last. Returns the opcode that fetches it."""
        index = len(self.memo) + len(self.texts)
        if index < 256:
            self.out += b"q" + bytes((index,))
            return b"h" + bytes((index,))
        packed = struct.pack("<I", index)
        self.out += b"r" + packed
        return b"j" + packed


def _scalar(value: bool | int | float | None) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if 0 <= value < 2**8:
        return b"K" + bytes((value,))
    if 0 <= value < 2**16:
        return b"M" + struct.pack("<H", value)
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    head = b"\x8a" + bytes((len(raw),)) if len(raw) < 256 else b"\x8b" + struct.pack("<i", len(raw))
    return head + raw


def _text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def _bytes(value: bytes) -> bytes:
    if isinstance(value, OldString):
        head = (
            b"U" + bytes((len(value),))
            if len(value) < 256
            else b"T" + struct.pack("<i", len(value))
        )
        return head + value
    head = b"C" + bytes((len(value),)) if len(value) < 256 else b"B" + struct.pack("<I", len(value))
    return head + value


def _name(value: Global) -> bytes:
    text = value.module + value.name
    if text.isascii() and "\n" not in text:
        return b"c" + value.module.encode() + b"\n" + value.name.encode() + b"\n"
    return _text(value.module) + _text(value.name) + b"\x93"
