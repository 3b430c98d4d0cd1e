"""What a pickle says, as plain values and inert nodes.

A node describes what an unpickler would build and is never that thing: no class is imported, no callable
called. Scalars are themselves (None, bool, int, float, str, bytes, bytearray). Nodes compare by identity,
as the objects do that they stand for, so shared and cyclic structures keep their shape.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal, TypeAlias

from mvc.values import dataclass


class OldString(bytes):
    """A Python 2 ``str``: bytes that each unpickler decodes in its own way."""


@dataclass(frozen=True, slots=True)
class Global:
    """A class or function by name. Compares by value."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Sequence:
    """A built-in container without keys."""

    kind: Literal["list", "tuple", "set", "frozenset"]
    items: list[Node]


@dataclass(slots=True, eq=False)
class Mapping:
    """A built-in dict: pairs in order of insertion, ``keys[i]`` with ``values[i]``."""

    keys: list[Node] = field(default_factory=list)
    values: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Edit:
    """One step that fills an object: ``set`` pairs, ``append`` or ``add`` items, ``build`` from a state.

    ``values`` of a ``build`` is its single state; ``keys`` is empty except for ``set``.
    """

    kind: Literal["set", "append", "add", "build"]
    keys: list[Node]
    values: list[Node]


@dataclass(slots=True, eq=False)
class Object:
    """The result of a call that is not made: ``callable(*arguments)``, then ``edits`` in order.

    ``how`` is the opcode: a plain call, ``cls.__new__``, or that with ``keywords``.
    """

    how: Literal["reduce", "newobj", "newobj_ex"]
    callable: Node
    arguments: Node
    keywords: Node = None
    edits: list[Edit] | None = None


@dataclass(slots=True, eq=False)
class PersistentId:
    """A reference out of the pickle; torch's name storages: ``('storage', type, key, location, n)``."""

    value: Node


Node: TypeAlias = (
    bool
    | int
    | float
    | str
    | bytes
    | bytearray
    | Global
    | Sequence
    | Mapping
    | Object
    | PersistentId
    | None
)
