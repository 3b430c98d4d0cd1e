"""A PyTorch zip file taken apart: its entries, its pickles as nodes, its tensors with names and places.

``layout`` turns this into spans, ``compose`` into a new file. Reads the directory and the pickles, no tensor.

A file is ``PREFIX/data.pkl`` with storages in ``PREFIX/data/``; the prefix is the first entry's first part,
as torch takes it. A TorchScript archive also has ``PREFIX/constants.pkl`` over ``PREFIX/constants/``, whose
tensors go by ``constants.N``.
"""

from __future__ import annotations

from typing import Final

from mvc.errors import LimitExceeded
from mvc.formats.pytorch.nodes import Node
from mvc.formats.pytorch.pickle_reader import read_pickle
from mvc.formats.pytorch.survey import ROOT, Found, Names, Path, Survey, survey
from mvc.formats.pytorch.zip_directory import (
    OPAQUE,
    STORED,
    Entry,
    Readable,
    malformed,
    read_content,
    read_directory,
)
from mvc.limits import MIB, PICKLE
from mvc.uncollected import uncollected
from mvc.values import dataclass

#: Tensors are hashed row by row; views of a small storage may not ask for more work than this.
VIEW_FACTOR: Final = 64
VIEW_FLOOR: Final = 64 * MIB


@dataclass(frozen=True, slots=True)
class Pickle:
    """One pickle entry. ``root`` has one element, so that even the root node can be replaced."""

    entry: Entry
    folder: str
    root: list[Node]
    protocol: int
    survey: Survey


@dataclass(frozen=True, slots=True)
class NamedTensor:
    """A tensor with its name in the file, and the zip entry that holds its storage."""

    name: str
    found: Found
    entry: Entry


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``storages``: every entry that holds tensor bytes, by name; ``loose``: those that are also, or only,
    used by something that has no tensor's name."""

    prefix: str
    entries: tuple[Entry, ...]
    pickles: tuple[Pickle, ...]
    tensors: tuple[NamedTensor, ...]
    storages: dict[str, Entry]
    loose: frozenset[str]


def read_checkpoint(file: Readable, size: int) -> Checkpoint:
    """Take apart a seekable file of ``size`` bytes.

    Raises:
        FormatError: not a PyTorch zip file, damaged, beyond a cap, or with a pickle that is not inert.
    """
    entries = read_directory(file, size)
    by_name = {entry.name: entry for entry in entries}
    prefix = entries[0].name.split("/", 1)[0] + "/" if entries else ""
    if prefix + "data.pkl" not in by_name:
        raise malformed("a zip file, but not one that torch.save wrote: it has no data.pkl")
    order = by_name.get(prefix + "byteorder")
    if order is not None and read_content(file, order, 16) != b"little":
        raise malformed("its numbers are not little-endian", order.offset)
    pickles = [_read_pickle(file, by_name[prefix + "data.pkl"], prefix + "data/", ROOT)]
    if prefix + "constants.pkl" in by_name:
        start: Path = (ROOT, "constants", 1)
        entry = by_name[prefix + "constants.pkl"]
        pickles.append(_read_pickle(file, entry, prefix + "constants/", start))
    folders = tuple(pickle.folder for pickle in pickles)
    storages = {e.name: e for e in entries if e.method == STORED and e.name.startswith(folders)}
    tensors, used = _name_tensors(pickles, by_name)
    loose = {_storage(p, key, by_name).name for p in pickles for key in p.survey.loose}
    loose.update(name for name in storages if name not in used)
    _check_work(tensors, size)
    return Checkpoint(prefix, entries, tuple(pickles), tensors, storages, frozenset(loose))


def _read_pickle(file: Readable, entry: Entry, folder: str, start: Path) -> Pickle:
    content = read_content(file, entry, PICKLE)
    with uncollected():
        node, protocol = read_pickle(content)
        root = [node]
        return Pickle(entry, folder, root, protocol, survey(root, start))


def _name_tensors(
    pickles: list[Pickle], by_name: dict[str, Entry]
) -> tuple[tuple[NamedTensor, ...], set[str]]:
    names = Names()
    tensors = []
    used = set()
    for pickle in pickles:
        for found in pickle.survey.found:
            storage = found.view.storage
            entry = _storage(pickle, storage.key, by_name)
            if storage.count * storage.itemsize > entry.length:
                raise malformed(
                    f"the pickle gives the storage {entry.name!r} {storage.count} elements of "
                    f"{storage.itemsize} bytes, the file {entry.length} bytes",
                    entry.offset,
                )
            tensors.append(NamedTensor(names.give(found.path), found, entry))
            used.add(entry.name)
    return tuple(tensors), used


def _storage(pickle: Pickle, key: str, by_name: dict[str, Entry]) -> Entry:
    entry = by_name.get(pickle.folder + key)
    if entry is None:
        raise malformed(f"the pickle names the storage {key!r}, which the file does not have")
    if entry.method != STORED:
        raise malformed(f"the storage {entry.name!r} is compressed", entry.offset)
    return entry


def _check_work(tensors: tuple[NamedTensor, ...], size: int) -> None:
    work = sum(tensor.found.view.nbytes for tensor in tensors)
    if work > VIEW_FACTOR * size + VIEW_FLOOR:
        raise LimitExceeded(
            f"the tensors have {work} bytes in all, the file only {size}: views repeat its storages",
            hint=OPAQUE,
        )
