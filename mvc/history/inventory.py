"""Which tensors a model has at any commit, as cheaply as a question to a whole history needs it.

Owns the way from a tree and a name to a set of tensors: of a file, or of a sharded model by its index. A
tensor is its line of the manifest, without how it looks into a storage, so that two are the same if their
names, dtypes, shapes and bytes are. No tensor is read, no line is parsed, and a blob is split once while it
is remembered.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from json.encoder import encode_basestring_ascii as _quote

from mvc.errors import CorruptPack, MvcError, UsageError
from mvc.formats.sharded import INDEX_SUFFIXES, parse_index
from mvc.history.context import Context
from mvc.history.git import Files
from mvc.history.gitobjects import TREE_MODE
from mvc.history.manifest import Entry, Manifest, is_manifest
from mvc.ids import BlobId, ObjectId
from mvc.limits import SAFETENSORS_HEADER
from mvc.values import dataclass

#: ``"name" dtype [shape] id``; of an undecided tensor ``"name" conflict`` and its terms.
Line = str

_ENDING = ".index.json"
_LOOKS = re.compile(r'(?m)^("(?:[^"\\\n]|\\.)*" \S+ \S+ [0-9a-f]{64}) @ .*$')
_TENSOR = re.compile(
    r'("(?:[^"\\]|\\.)*") ([A-Z][A-Z0-9_]*) \[((?:[0-9]+,)*[0-9]+)?\] ([0-9a-f]{64})'
)
_NAME = re.compile(r'"(?:[^"\\]|\\.)*"')
#: Lines that are remembered, over all blobs: some 40 MB.
_REMEMBERED = 200_000


def lines_of(manifest: bytes) -> frozenset[Line]:
    """The tensors that an encoded manifest lists."""
    text = manifest.decode("ascii", "replace")
    # Tensors come last, and nothing else begins with a quotation mark.
    tail = text[text.find('\n"') + 1 or len(text) :]
    if " @ " in tail:
        tail = _LOOKS.sub(r"\1", tail)
    return frozenset(tail.split("\n")[:-1])


def name_of(line: Line) -> str:
    """The tensor's name.

    Raises:
        CorruptPack: it is no line of a manifest.
    """
    found = _NAME.match(line)
    if found is None:
        raise _damaged(line)
    if "\\" not in found[0]:
        return found[0][1:-1]
    try:
        return str(json.loads(found[0]))
    except ValueError as error:
        raise _damaged(line) from error


def entry_of(line: Line) -> Entry | None:
    """The tensor, wherever its bytes lie; None for an undecided one.

    Raises:
        CorruptPack: it is no line of a manifest.
    """
    found = _TENSOR.fullmatch(line)
    if found is None:
        if line[len(_quote(name_of(line))) :].startswith(" conflict "):
            return None
        raise _damaged(line)
    _, dtype, shape, id_ = found.groups()
    extents = tuple(map(int, shape.split(","))) if shape else ()
    return Entry(name_of(line), dtype, extents, ObjectId(id_))


def value_of(entry: Entry) -> str:
    """What a line says behind the name."""
    return f"{entry.dtype} [{','.join(map(str, entry.shape))}] {entry.id}"


def line_named(lines: Iterable[Line], name: str) -> Line | None:
    """The tensor of that name."""
    start = _quote(name) + " "
    return next((line for line in lines if line.startswith(start)), None)


def _damaged(line: str) -> CorruptPack:
    return CorruptPack(
        f"damaged manifest: {line[:80]!r} is no tensor",
        hint="mvc fsck --full names what is whole",
    )


@dataclass(frozen=True, slots=True)
class Model:
    """A file, or a sharded model, as one tree has it: ``files`` are its weight files with their blobs."""

    name: str
    files: tuple[tuple[str, BlobId], ...]

    @property
    def blobs(self) -> tuple[BlobId, ...]:
        """What it holds, whatever its files are called."""
        return tuple(blob for _, blob in self.files)


class Inventory:
    """Looks models up in trees, and remembers what it parsed last."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._git = context.git
        self._folders: OrderedDict[tuple[str, str], Files] = OrderedDict()
        self._shards: dict[str, tuple[str, ...]] = {}
        self._lines: OrderedDict[BlobId, frozenset[Line]] = OrderedDict()
        self._count = 0

    def model(self, tree: str, name: str) -> Model | None:
        """The file or sharded model ``name`` in ``tree``; None where there is no such thing, or no model."""
        folder, _, last = name.rpartition("/")
        names = self._folder(tree, folder)
        found = names.get(last)
        if found is not None and not last.lower().endswith(INDEX_SUFFIXES):
            return None if found[0] == TREE_MODE else Model(name, ((name, found[1]),))
        index = found or names.get(last + _ENDING)
        if index is None or index[0] == TREE_MODE:
            return None
        prefix = folder + "/" if folder else ""
        shards = [(prefix + one, names[one][1]) for one in self._named(index[1]) if one in names]
        return Model(name, tuple(shards)) if shards else None

    def tensors(self, model: Model) -> frozenset[Line]:
        """The tensors of a model; none of a text or plain bytes."""
        if len(model.files) == 1:
            return self.of_blob(model.files[0][1])
        return frozenset().union(*map(self.of_blob, model.blobs))

    def of_blob(self, blob: BlobId) -> frozenset[Line]:
        """The tensors of one file."""
        known = self._lines.get(blob)
        if known is not None:
            self._lines.move_to_end(blob)
            return known
        data = self._git.blob(blob)
        found = lines_of(data) if is_manifest(data) else frozenset()
        self._lines[blob] = found
        self._count += len(found) + 1
        while self._count > _REMEMBERED and len(self._lines) > 2:
            _, forgotten = self._lines.popitem(last=False)
            self._count -= len(forgotten) + 1
        return found

    def _folder(self, tree: str, folder: str) -> Files:
        """``name → (mode, id)`` of one folder; nothing where there is none."""
        key = (tree, folder)
        if key in self._folders:
            self._folders.move_to_end(key)
            return self._folders[key]
        found: Files = {}
        place = self._git.entry(tree, folder) if folder else (TREE_MODE, tree)
        if place is not None and place[0] == TREE_MODE:
            found = self._git.folder(place[1])
        self._folders[key] = found
        if len(self._folders) > 64:
            self._folders.popitem(last=False)
        return found

    def _named(self, index: BlobId) -> tuple[str, ...]:
        """The shards that an index names, sorted; none where it breaks a rule, as everywhere."""
        if index not in self._shards:
            try:
                shards = set(parse_index(self._index(index)).weight_map.values())
            except MvcError:
                shards = set()
            self._shards[index] = tuple(sorted(shards))
        return self._shards[index]

    def _index(self, blob: BlobId) -> bytes:
        data = self._git.blob(blob)
        if not is_manifest(data):
            return data
        manifest = Manifest.decode(data)
        if manifest.content is None or manifest.size > SAFETENSORS_HEADER:
            return b""
        return b"".join(map(bytes, self._context.store.chunks(manifest.content)))


def selector(globs: Sequence[str]) -> Callable[[str], bool]:
    """Whether a name is one of ``globs``, or matches one; without any, all do."""
    if not globs:
        return lambda name: True
    exact = frozenset(globs)
    patterns = [glob for glob in globs if any(c in glob for c in "*?[")]
    return lambda name: name in exact or any(fnmatchcase(name, glob) for glob in patterns)


def chosen(names: Sequence[str], globs: Sequence[str], where: str) -> list[str]:
    """Those of ``names`` that ``globs`` choose, in their order.

    Raises:
        UsageError: a glob matches none of them.
    """
    for glob in globs:
        if not any(map(selector([glob]), names)):
            from difflib import get_close_matches

            close = get_close_matches(glob, names, n=1)
            raise UsageError(
                f"no tensor of {where} matches '{glob}'",
                hint=f"did you mean '{close[0]}'?" if close else "mvc ls --tensors lists them",
            )
    return [*filter(selector(globs), names)]
