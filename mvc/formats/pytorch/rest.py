"""What a checkpoint holds besides its storages' bytes, without reading its pickle."""

from __future__ import annotations

from mvc.formats.pytorch.gapped_file import GappedFile
from mvc.formats.pytorch.zip_directory import read_directory
from mvc.formats.skeleton import Skeleton


def rest(template: bytes) -> bytes:
    """The other entries of the skeleton ``template``, names and contents; see ``ComposingFormat.rest``.

    Left out: CRCs, where things lie, the folder around all entries (``torch.save`` calls it as the file was
    called), and ``.data/serialization_id``, a hash of the storages.
    """
    skeleton = Skeleton.decode(template)
    file = GappedFile(skeleton)
    spans = {(span.offset, span.length) for span in skeleton.spans}
    parts: list[bytes] = []
    for entry in sorted(read_directory(file, skeleton.size), key=lambda entry: entry.name):
        name = entry.name.partition("/")[2] or entry.name
        if name == ".data/serialization_id":
            continue
        content = b""
        if (entry.offset, entry.stored) not in spans:
            file.seek(entry.offset)
            content = file.read(entry.stored)
        parts += (f"{name}\0{entry.method} {entry.length} {len(content)}\n".encode(), content)
    return b"".join(parts)
