"""What each pickle opcode does to the machine.

A handler takes the machine and the position behind the opcode, and returns the position behind its argument.

Source: CPython's ``Lib/pickletools.py``, protocols 0 to 5.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from mvc.formats.pytorch.machine import Machine, Refused
from mvc.formats.pytorch.nodes import Mapping, Node, Object, OldString, PersistentId, Sequence

STOPPED: Final = -1
_U16: Final = struct.Struct("<H")
_I32: Final = struct.Struct("<i")
_U32: Final = struct.Struct("<I")
_F64: Final = struct.Struct(">d")

Handler: TypeAlias = Callable[[Machine, int], int]


def _refuse(machine: Machine, position: int) -> int:
    opcode = machine.data[position - 1]
    raise Refused(f"0x{opcode:02x} is no opcode that a file can use")


def _constant(value: Node) -> Handler:
    def push(machine: Machine, position: int) -> int:
        machine.stack.append(value)
        return position

    return push


def _proto(machine: Machine, position: int) -> int:
    machine.protocol = machine.data[position]
    if machine.protocol > 5:
        raise Refused(f"its protocol is {machine.protocol}, newer than 5")
    return position + 1


def _frame(machine: Machine, position: int) -> int:
    machine.take(position, 8)
    return position + 8


def _stop(machine: Machine, position: int) -> int:
    if len(machine.stack) != 1 or machine.marks:
        raise Refused("it ends with something else than one value on its stack")
    return STOPPED


# ---- numbers and strings


def _fixed(form: struct.Struct) -> Handler:
    def push(machine: Machine, position: int) -> int:
        machine.stack.append(form.unpack_from(machine.data, position)[0])
        return position + form.size

    return push


def _byte(machine: Machine, position: int) -> int:
    machine.stack.append(machine.data[position])
    return position + 1


def _int_line(machine: Machine, position: int) -> int:
    text, position = machine.line(position)
    machine.stack.append({b"00": False, b"01": True}[text] if text in (b"00", b"01") else int(text))
    return position


def _long_line(machine: Machine, position: int) -> int:
    text, position = machine.line(position)
    machine.stack.append(int(text.removesuffix(b"L")))
    return position


def _float_line(machine: Machine, position: int) -> int:
    text, position = machine.line(position)
    machine.stack.append(float(text))
    return position


def _string_line(machine: Machine, position: int) -> int:
    text, position = machine.line(position)
    if len(text) < 2 or text[:1] not in (b'"', b"'") or text[-1:] != text[:1] or b"\\" in text:
        raise Refused("it has a protocol 0 string with escapes or without quotes")
    machine.stack.append(OldString(text[1:-1]))
    return position


def _unicode_line(machine: Machine, position: int) -> int:
    text, position = machine.line(position)
    machine.stack.append(text.decode("raw-unicode-escape"))
    return position


def _to_text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _to_int(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _counted(width: int, convert: Callable[[bytes], Node], *, signed: bool = False) -> Handler:
    """A value of as many bytes as the ``width`` bytes before it say."""

    def push(machine: Machine, position: int) -> int:
        start = position + width
        length = int.from_bytes(machine.take(position, width), "little", signed=signed)
        machine.stack.append(convert(machine.take(start, length)))
        return start + length

    return push


# ---- containers


def _new_list(machine: Machine, position: int) -> int:
    machine.stack.append(Sequence("list", []))
    return position


def _new_dict(machine: Machine, position: int) -> int:
    machine.stack.append(Mapping())
    return position


def _new_tuple(machine: Machine, position: int) -> int:
    machine.stack.append(Sequence("tuple", []))
    return position


def _new_set(machine: Machine, position: int) -> int:
    machine.stack.append(Sequence("set", []))
    return position


def _from_mark(kind: Literal["list", "tuple", "frozenset"]) -> Handler:
    def push(machine: Machine, position: int) -> int:
        items = machine.pop_mark()
        machine.stack.append(Sequence(kind, items))
        return position

    return push


def _dict_from_mark(machine: Machine, position: int) -> int:
    keys, values = _pairs(machine.pop_mark())
    machine.stack.append(Mapping(keys, values))
    return position


def _short_tuple(length: int) -> Handler:
    def push(machine: Machine, position: int) -> int:
        stack = machine.stack
        if len(stack) < length:
            raise Refused("a tuple has fewer items than it says")
        items = stack[-length:]
        del stack[-length:]
        stack.append(Sequence("tuple", items))
        return position

    return push


def _append(machine: Machine, position: int) -> int:
    machine.extend([machine.stack.pop()])
    return position


def _appends(machine: Machine, position: int) -> int:
    machine.extend(machine.pop_mark())
    return position


def _setitem(machine: Machine, position: int) -> int:
    value = machine.stack.pop()
    machine.update([machine.stack.pop()], [value])
    return position


def _setitems(machine: Machine, position: int) -> int:
    machine.update(*_pairs(machine.pop_mark()))
    return position


def _additems(machine: Machine, position: int) -> int:
    items = machine.pop_mark()
    target = machine.stack[-1]
    if isinstance(target, Sequence) and target.kind == "set":
        target.items += items
    else:
        machine.edit("add").values.extend(items)
    return position


def _pairs(items: list[Node]) -> tuple[list[Node], list[Node]]:
    if len(items) % 2:
        raise Refused("a dict has a key without a value")
    return items[::2], items[1::2]


# ---- stack and memo


def _mark(machine: Machine, position: int) -> int:
    machine.marks.append(machine.stack)
    machine.stack = []
    return position


def _pop(machine: Machine, position: int) -> int:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.pop_mark()
    return position


def _pop_to_mark(machine: Machine, position: int) -> int:
    machine.pop_mark()
    return position


def _duplicate(machine: Machine, position: int) -> int:
    machine.stack.append(machine.stack[-1])
    return position


def _memoize(machine: Machine, position: int) -> int:
    machine.memo[len(machine.memo)] = machine.stack[-1]
    return position


def _put_byte(machine: Machine, position: int) -> int:
    machine.memo[machine.data[position]] = machine.stack[-1]
    return position + 1


def _put_long(machine: Machine, position: int) -> int:
    machine.memo[_U32.unpack_from(machine.data, position)[0]] = machine.stack[-1]
    return position + 4


def _put_line(machine: Machine, position: int) -> int:
    text, position = machine.line(position)
    machine.memo[int(text)] = machine.stack[-1]
    return position


def _get_byte(machine: Machine, position: int) -> int:
    machine.stack.append(machine.memo[machine.data[position]])
    return position + 1


def _get_long(machine: Machine, position: int) -> int:
    machine.stack.append(machine.memo[_U32.unpack_from(machine.data, position)[0]])
    return position + 4


def _get_line(machine: Machine, position: int) -> int:
    text, position = machine.line(position)
    machine.stack.append(machine.memo[int(text)])
    return position


# ---- globals and objects


def _global(machine: Machine, position: int) -> int:
    module, after = machine.line(position)
    name, after = machine.line(after)
    machine.stack.append(machine.name(module.decode(), name.decode(), position - 1))
    return after


def _stack_global(machine: Machine, position: int) -> int:
    name = machine.stack.pop()
    module = machine.stack.pop()
    machine.stack.append(machine.name(module, name, position - 1))
    return position


def _reduce(machine: Machine, position: int) -> int:
    stack = machine.stack
    arguments = stack.pop()
    stack.append(Object("reduce", stack.pop(), arguments))
    return position


def _newobj(machine: Machine, position: int) -> int:
    stack = machine.stack
    arguments = stack.pop()
    stack.append(Object("newobj", stack.pop(), arguments))
    return position


def _newobj_ex(machine: Machine, position: int) -> int:
    stack = machine.stack
    keywords = stack.pop()
    arguments = stack.pop()
    stack.append(Object("newobj_ex", stack.pop(), arguments, keywords))
    return position


def _build(machine: Machine, position: int) -> int:
    state = machine.stack.pop()
    machine.edit("build").values.append(state)
    return position


def _instance(cls: Node, arguments: list[Node]) -> Object:
    # What pickle's _instantiate does for a class of Python 3.
    how: Literal["reduce", "newobj"] = "reduce" if arguments else "newobj"
    return Object(how, cls, Sequence("tuple", arguments))


def _inst(machine: Machine, position: int) -> int:
    module, after = machine.line(position)
    name, after = machine.line(after)
    cls = machine.name(module.decode(), name.decode(), position - 1)
    arguments = machine.pop_mark()
    machine.stack.append(_instance(cls, arguments))
    return after


def _obj(machine: Machine, position: int) -> int:
    cls, *arguments = machine.pop_mark()
    machine.stack.append(_instance(cls, arguments))
    return position


def _persistent_line(machine: Machine, position: int) -> int:
    text, position = machine.line(position)
    machine.stack.append(PersistentId(text.decode()))
    return position


def _persistent(machine: Machine, position: int) -> int:
    machine.stack.append(PersistentId(machine.stack.pop()))
    return position


#: By opcode. Absent on purpose: EXT1/2/4 (a registry of the loading process) and NEXT_BUFFER,
#: READONLY_BUFFER (bytes from outside the file).
_OPCODES: Final[dict[bytes, Handler]] = {
    b"\x80": _proto,
    b"\x95": _frame,
    b".": _stop,
    b"N": _constant(None),
    b"\x88": _constant(True),
    b"\x89": _constant(False),
    b"I": _int_line,
    b"L": _long_line,
    b"F": _float_line,
    b"J": _fixed(_I32),
    b"K": _byte,
    b"M": _fixed(_U16),
    b"G": _fixed(_F64),
    b"\x8a": _counted(1, _to_int),
    b"\x8b": _counted(4, _to_int, signed=True),
    b"S": _string_line,
    b"U": _counted(1, OldString),
    b"T": _counted(4, OldString, signed=True),
    b"V": _unicode_line,
    b"\x8c": _counted(1, _to_text),
    b"X": _counted(4, _to_text),
    b"\x8d": _counted(8, _to_text),
    b"C": _counted(1, bytes),
    b"B": _counted(4, bytes),
    b"\x8e": _counted(8, bytes),
    b"\x96": _counted(8, bytearray),
    b"]": _new_list,
    b"}": _new_dict,
    b")": _new_tuple,
    b"\x8f": _new_set,
    b"l": _from_mark("list"),
    b"t": _from_mark("tuple"),
    b"\x91": _from_mark("frozenset"),
    b"d": _dict_from_mark,
    b"\x85": _short_tuple(1),
    b"\x86": _short_tuple(2),
    b"\x87": _short_tuple(3),
    b"a": _append,
    b"e": _appends,
    b"s": _setitem,
    b"u": _setitems,
    b"\x90": _additems,
    b"(": _mark,
    b"0": _pop,
    b"1": _pop_to_mark,
    b"2": _duplicate,
    b"\x94": _memoize,
    b"q": _put_byte,
    b"r": _put_long,
    b"p": _put_line,
    b"h": _get_byte,
    b"j": _get_long,
    b"g": _get_line,
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _reduce,
    b"\x81": _newobj,
    b"\x92": _newobj_ex,
    b"b": _build,
    b"i": _inst,
    b"o": _obj,
    b"P": _persistent_line,
    b"Q": _persistent,
}
HANDLERS: Final = tuple(_OPCODES.get(bytes((code,)), _refuse) for code in range(256))
