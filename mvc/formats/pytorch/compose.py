"""A new checkpoint around given tensors, with all else taken from an existing one.

The template's pickle is read as nodes, tensors are exchanged at their names, and the nodes are written again:
foreign objects, scalars, Parameters, ``requires_grad``, the order of keys and the attributes of an
OrderedDict stay. Nothing of it is ever called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mvc.dtypes import nbytes
from mvc.errors import FormatError, MalformedFile, UnsupportedDtype
from mvc.formats.layout import ComposedTensor, Layout, Storage
from mvc.formats.pytorch import nodes
from mvc.formats.pytorch.checkpoint import Checkpoint, read_checkpoint
from mvc.formats.pytorch.gapped_file import GappedFile
from mvc.formats.pytorch.layout import layout_of
from mvc.formats.pytorch.nodes import Edit, Node, Object
from mvc.formats.pytorch.pickle_writer import write_pickle
from mvc.formats.pytorch.rebuilding import new_tensor, rebuilt
from mvc.formats.pytorch.scalars import write_scalars
from mvc.formats.pytorch.survey import Slot, name_of, survey
from mvc.formats.pytorch.torch_types import TORCH_DTYPES
from mvc.formats.pytorch.zip_directory import SIZES_FOLLOW, STORED, Entry, read_content
from mvc.formats.pytorch.zip_writer import ALIGNMENT, Record, Written, record, write_zip
from mvc.formats.skeleton import Skeleton

_TAKE_ONE: Final = "take one side's file whole: mvc checkout --ours FILE, or --theirs"


def compose(
    template: bytes, tensors: tuple[ComposedTensor, ...], metadata: Mapping[str, str] | None = None
) -> tuple[bytes, Layout]:
    """A skeleton and layout for a new file; see ``ComposingFormat.compose``.

    A template that describes the same tensors with other bytes is kept but for their CRCs, so that undoing a
    change gives the file of before, bit for bit; that goes for TorchScript archives too.

    Else the pickle is written anew. A tensor of a new name goes into the dict whose path is the longest prefix
    of the name. A tensor that is no longer wanted leaves its dict; in a list, or among a call's arguments,
    None takes its place, so that the names beside it stay. Storages of the template that something without a
    tensor's name uses (a dtype that mvc has no name for, an object's own storage) stay too, in the layout
    under the template's keys.

    Raises:
        UnsupportedDtype: a dtype that a PyTorch file can't have.
        MalformedFile: a name twice, or ``nbytes`` at odds with dtype and shape.
        FormatError: other tensors for a TorchScript archive, or a name for which the template has no place.
    """
    skeleton = Skeleton.decode(template)
    file = GappedFile(skeleton)
    checkpoint = read_checkpoint(file, skeleton.size)
    layout = layout_of(checkpoint, skeleton.size)
    wanted = _checked(tensors)
    if _describes(layout, wanted, metadata):
        return file.patched(_crcs(file, checkpoint, wanted)).encode(), layout
    if len(checkpoint.pickles) > 1:
        raise FormatError("mvc can't write TorchScript archives", hint=_TAKE_ONE)
    keys = _exchange(checkpoint, wanted)
    pickle = checkpoint.pickles[0]
    if metadata is not None:
        write_scalars(pickle.root[0], metadata)
    content = write_pickle(pickle.root[0], pickle.protocol)
    written = write_zip(
        _records(file, checkpoint, content, wanted, keys), _alignment(file, checkpoint)
    )
    return _proved(written, wanted)


def _checked(tensors: tuple[ComposedTensor, ...]) -> dict[str, ComposedTensor]:
    wanted: dict[str, ComposedTensor] = {}
    for tensor in tensors:
        if tensor.dtype not in TORCH_DTYPES:
            raise UnsupportedDtype(
                f"a PyTorch file can't hold {tensor.name!r}: it is {tensor.dtype}"
            )
        if tensor.name in wanted:
            raise MalformedFile(f"two tensors of the new file are named {tensor.name!r}")
        if nbytes(tensor.dtype, tensor.shape) != tensor.nbytes:
            raise MalformedFile(
                f"{tensor.name!r} is given {tensor.nbytes} bytes, which is not {tensor.dtype} "
                f"{list(tensor.shape)}"
            )
        wanted[tensor.name] = tensor
    return wanted


def _describes(
    layout: Layout, wanted: dict[str, ComposedTensor], metadata: Mapping[str, str] | None
) -> bool:
    """Whether the new file has the template's tensors, each in a storage of its own there too."""
    if metadata is not None and dict(metadata) != layout.metadata:
        return False
    return {t.name: (t.dtype, t.shape, None) for t in wanted.values()} == {
        t.name: (t.dtype, t.shape, t.strides) for t in layout.tensors
    }


def _crcs(
    file: GappedFile, checkpoint: Checkpoint, wanted: dict[str, ComposedTensor]
) -> dict[int, bytes]:
    """The bytes that change with the CRCs, by offset. A CRC that the template leaves out stays out."""
    changes: dict[int, bytes] = {}
    for tensor in checkpoint.tensors:
        entry, old = tensor.entry, tensor.entry.crc.to_bytes(4, "little")
        new = (wanted[tensor.name].crc32 or 0).to_bytes(4, "little")
        if entry.crc == 0 or new == old:
            continue
        changes[entry.listed + 16] = new
        if not entry.flags & SIZES_FOLLOW:
            changes[entry.header + 14] = new
            continue
        # Behind the data, with or without a signature before it (APPNOTE 4.3.9).
        end = entry.offset + entry.stored
        file.seek(end)
        behind = file.read(8)
        if behind == b"PK\x07\x08" + old:
            changes[end + 4] = new
        elif behind[:4] == old:
            changes[end] = new
    return changes


def _exchange(checkpoint: Checkpoint, wanted: dict[str, ComposedTensor]) -> dict[str, str]:
    """Put the wanted tensors into the nodes. Returns the new storage's key in the file by tensor name."""
    (pickle,) = checkpoint.pickles
    taken = {name[len(pickle.folder) :] for name in checkpoint.loose}
    present = {tensor.name for tensor in checkpoint.tensors}
    order = [t.name for t in checkpoint.tensors if t.name in wanted]
    order += sorted(name for name in wanted if name not in present)
    keys: dict[str, str] = {}
    number = 0
    for name in order:
        while str(number) in taken:
            number += 1
        keys[name] = str(number)
        number += 1
    dropped: list[Slot] = []
    for tensor in checkpoint.tensors:
        slot = tensor.found.slot
        if tensor.name in wanted:
            node = rebuilt(tensor.found.node, wanted[tensor.name], keys[tensor.name])
            slot.values[slot.index] = node
        elif slot.keys is None:
            slot.values[slot.index] = None
        else:
            dropped.append(slot)
    # Behind first, so that the places before stay where they are.
    for slot in sorted(dropped, key=lambda slot: -slot.index):
        if slot.keys is not None:
            del slot.keys[slot.index], slot.values[slot.index]
    added = [name for name in order if name not in present]
    places = _places(pickle.root) if added else {}
    for name in added:
        _add(places, name, new_tensor(wanted[name], keys[name]))
    return keys


def _places(root: list[Node]) -> dict[str, nodes.Mapping | Object]:
    """The dicts that can take a new key, by path; of two with one path the first."""
    places: dict[str, nodes.Mapping | Object] = {}
    for path, node in survey(root, places=True).places:
        places.setdefault("" if path[0] is None else name_of(path), node)
    return places


def _add(places: dict[str, nodes.Mapping | Object], name: str, tensor: Object) -> None:
    cut = name.rfind(".")
    while cut > 0 and name[:cut] not in places:
        cut = name.rfind(".", 0, cut)
    place = places.get(name[:cut] if cut > 0 else "")
    if place is None:
        raise FormatError(f"the checkpoint has no dict that could take {name!r}", hint=_TAKE_ONE)
    key: Node = name[cut + 1 :] if cut > 0 else name
    if isinstance(place, nodes.Mapping):
        place.keys.append(key)
        place.values.append(tensor)
        return
    place.edits = place.edits if place.edits is not None else []
    step = next((step for step in place.edits if step.kind == "set"), None)
    if step is None:
        step = Edit("set", [], [])
        place.edits.insert(0, step)
    step.keys.append(key)
    step.values.append(tensor)


def _records(
    file: GappedFile,
    checkpoint: Checkpoint,
    content: bytes,
    wanted: dict[str, ComposedTensor],
    keys: dict[str, str],
) -> list[Record]:
    """The new file's entries: the template's, in its order, with the new storages where the first was."""
    (pickle,) = checkpoint.pickles
    fresh = [
        Record(
            pickle.folder + key, None, STORED, wanted[name].crc32 or 0, *[wanted[name].nbytes] * 2
        )
        for name, key in keys.items()
    ]
    records: list[Record] = []
    for entry in checkpoint.entries:
        if entry.name == pickle.entry.name:
            records.append(record(entry.name, content))
        elif entry.name in checkpoint.storages:
            records += fresh
            fresh = []
            if entry.name in checkpoint.loose:
                records.append(_kept(entry, None))
        elif entry.name != checkpoint.prefix + ".data/serialization_id":
            # That entry is a hash of the other file's content; it is optional.
            file.seek(entry.offset)
            records.append(_kept(entry, file.read(entry.stored)))
    after_pickle = 1 + next(i for i, r in enumerate(records) if r.name == pickle.entry.name)
    records[after_pickle:after_pickle] = fresh
    return records


def _kept(entry: Entry, content: bytes | None) -> Record:
    return Record(entry.name, content, entry.method, entry.crc, entry.stored, entry.length)


def _alignment(file: GappedFile, checkpoint: Checkpoint) -> int:
    """What the template says of its own alignment, 64 where it says nothing that can be."""
    for entry in checkpoint.entries:
        if entry.name == checkpoint.prefix + ".storage_alignment":
            text = read_content(file, entry, 1024)
            if text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 16_384:
                return int(text)
    return ALIGNMENT


def _proved(written: Written, wanted: dict[str, ComposedTensor]) -> tuple[bytes, Layout]:
    """The new file read again, as proof that every tensor is where its name says."""
    gaps = sorted((offset, length, name) for name, (offset, length) in written.gaps.items())
    spans = tuple(Storage(name, offset, length) for offset, length, name in gaps)
    skeleton = Skeleton(written.size, spans, written.literal)
    layout = layout_of(read_checkpoint(GappedFile(skeleton), written.size), written.size)
    made = {t.name: (t.dtype, t.shape, t.strides) for t in layout.tensors}
    for tensor in wanted.values():
        if made.pop(tensor.name, None) != (tensor.dtype, tensor.shape, None):
            raise FormatError(f"the checkpoint has no place for {tensor.name!r}", hint=_TAKE_ONE)
    if made:
        raise FormatError(f"the checkpoint can't do without {min(made)!r}", hint=_TAKE_ONE)
    return Skeleton(written.size, layout.storages, written.literal).encode(), layout
