"""Nodes in, pickle out: the inverse of the symbolic unpickler, up to the numbering of the memo.

``read_pickle(write_pickle(root, protocol))`` has the same shape as ``root``: kinds, values, order, shared and
cyclic references. It writes the opcodes that ``torch.load(weights_only=True)`` understands wherever a value
can be said with them. Nothing recurses.
"""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

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
    return _Writer(max(protocol, 2)).write(root)


class _Writer:
    __slots__ = ("memo", "out", "texts", "todo")

    def __init__(self, protocol: int) -> None:
        self.out = bytearray((0x80, protocol))
        self.memo: dict[int, int] = {}
        self.texts: dict[tuple[type, str | bytes] | Global, int] = {}
        self.todo: list[Node | _Emit | _End] = []

    def write(self, root: Node) -> bytes:
        self.todo.append(root)
        while self.todo:
            step = self.todo.pop()
            if not isinstance(step, tuple):
                self.node(step)
            elif len(step) == 1:
                self.out += step[0]
            else:
                self.end(*step)
            if len(self.out) > PICKLE:
                raise LimitExceeded(f"the new pickle would be longer than {PICKLE} bytes")
        return bytes(self.out + b".")

    def then(self, *steps: Node | _Emit | _End) -> None:
        """Do ``steps`` next, in this order."""
        self.todo.extend(reversed(steps))

    def node(self, node: Node) -> None:
        """Begin one node."""
        if isinstance(node, (Sequence, Mapping, Object, bytearray)):
            known = self.memo.get(id(node))
            if known is not None:
                self.get(known)
                return
        if isinstance(node, Sequence):
            self.sequence(node)
        elif isinstance(node, Mapping):
            self.out += b"}"
            self.put(node)
            self.pairs(node.keys, node.values)
        elif isinstance(node, Object):
            keywords = [node.keywords] if node.how == "newobj_ex" else []
            self.then(node.callable, node.arguments, *keywords, (_CALLS[node.how], node, b"0"))
        elif isinstance(node, PersistentId):
            self.then(node.value, (b"Q",))
        elif isinstance(node, bytearray):
            self.out += b"\x96" + struct.pack("<Q", len(node)) + node
            self.put(node)
        elif isinstance(node, (str, bytes, Global)):
            self.text(node)
        else:
            self.out += _scalar(node)

    def sequence(self, node: Sequence) -> None:
        items = node.items
        if node.kind == "list":
            self.out += b"]"
            self.put(node)
            self.group(items, b"e")
        elif node.kind == "set":
            self.out += b"\x8f"
            self.put(node)
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
        known = self.memo.get(id(node))
        if known is not None:
            parts = 2 + (node.how == "newobj_ex") if isinstance(node, Object) else 1
            self.out += undo * parts
            self.get(known)
            return
        self.out += opcode
        self.put(node)
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

    def text(self, node: str | bytes | Global) -> None:
        """A string, bytes or a name: written once, then fetched."""
        key = node if isinstance(node, Global) else (type(node), node)
        known = self.texts.get(key)
        if known is not None:
            self.get(known)
            return
        self.out += _name(node) if isinstance(node, Global) else _text(node)
        self.texts[key] = len(self.memo) + len(self.texts)
        self.out += _index(b"q", b"r", self.texts[key])

    def put(self, node: Sequence | Mapping | Object | bytearray) -> None:
        index = len(self.memo) + len(self.texts)
        self.memo[id(node)] = index
        self.out += _index(b"q", b"r", index)

    def get(self, index: int) -> None:
        self.out += _index(b"h", b"j", index)


def _index(short: bytes, long: bytes, index: int) -> bytes:
    return short + bytes((index,)) if index < 256 else long + struct.pack("<I", index)


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


def _text(value: str | bytes) -> bytes:
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(raw)) + raw
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
