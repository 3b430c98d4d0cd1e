"""The state of the symbolic unpickler, and the steps that several opcodes share.

``opcodes`` moves it, ``pickle_reader`` runs it. It imports nothing that a pickle names and calls nothing.
"""

from __future__ import annotations

from typing import Literal

from mvc.formats.pytorch.nodes import Edit, Global, Mapping, Node, Object, Sequence
from mvc.formats.pytorch.unsafe import check_global


class Refused(Exception):
    """The opcode at hand can't be carried out; the reader adds where."""


class Machine:
    """The unpickler's stack, memo and mark stack; ``stack`` is the part above the last mark."""

    __slots__ = ("data", "globals", "marks", "memo", "protocol", "stack")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.stack: list[Node] = []
        self.marks: list[list[Node]] = []
        self.memo: dict[int, Node] = {}
        self.globals: dict[tuple[str, str], Global] = {}
        self.protocol = 0

    def pop_mark(self) -> list[Node]:
        """What lies above the last mark, which goes."""
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def edit(self, kind: Literal["set", "append", "add", "build"]) -> Edit:
        """The step that the next values belong to, for the object on top of the stack."""
        target = self.stack[-1]
        if not isinstance(target, Object):
            raise Refused(f"it changes a {type(target).__name__} as if it were an object ({kind})")
        if target.edits is None:
            target.edits = []
        if not target.edits or target.edits[-1].kind != kind or kind == "build":
            target.edits.append(Edit(kind, [], []))
        return target.edits[-1]

    def extend(self, items: list[Node]) -> None:
        """Append ``items`` to the list on top of the stack."""
        target = self.stack[-1]
        if type(target) is Sequence and target.kind == "list":
            target.items += items
        else:
            self.edit("append").values.extend(items)

    def update(self, keys: list[Node], values: list[Node]) -> None:
        """Put pairs into the dict on top of the stack."""
        target = self.stack[-1]
        if type(target) is not Mapping:
            step = self.edit("set")
            step.keys += keys
            step.values += values
            return
        target.keys += keys
        target.values += values

    def name(self, module: Node, name: Node, position: int) -> Global:
        """The global of that name, once it has been judged."""
        if type(module) is not str or type(name) is not str:
            raise Refused("it names a global by something else than text")
        known = self.globals.get((module, name))
        if known is None:
            check_global(module, name, position)
            known = self.globals[module, name] = Global(module, name)
        return known

    def take(self, position: int, length: int) -> bytes:
        """``length`` bytes of the pickle."""
        end = position + length
        if length < 0 or end > len(self.data):
            raise Refused(f"it promises {length} bytes more than it has")
        return self.data[position:end]

    def line(self, position: int) -> tuple[bytes, int]:
        """The text up to the next line feed, and the position behind it."""
        end = self.data.find(b"\n", position)
        if end < 0:
            raise Refused("a line of it has no end")
        return self.data[position:end], end + 1
