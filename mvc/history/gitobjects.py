"""Git objects as bytes, and their durable writing as loose objects.

libgit2 reads; it does not write here, because its own writes leave ``.lock`` files after a kill and can't
be fault-tested. An object that is on disk is complete and durable before anything names it.
Source: Git's ``Documentation/gitformat-loose.txt`` and ``git-mktree``'s sort order.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from collections.abc import Mapping, Sequence

from mvc.errors import StorageError, UsageError
from mvc.history.signature import Signature
from mvc.ids import BlobId, CommitId, TreeId
from mvc.store.fs import Disk
from mvc.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mvc.history.signing import Signer

TREE_MODE = 0o040000
FILE_MODE = 0o100644
EXECUTABLE_MODE = 0o100755

#: The id of Git's empty tree.
EMPTY_TREE = TreeId("4b825dc642cb6eb9a060e54bf8d69288fbee4904")


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One name in a tree; ``id`` is a blob's or a subtree's."""

    name: str
    mode: int
    id: str


class ObjectWriter:
    """Collects objects, then puts all that are new on disk durably in one ``flush``."""

    def __init__(self, folder: str, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk
        self._pending: dict[str, bytes] = {}

    def __contains__(self, id_: str) -> bool:
        """Whether the object waits for ``flush``."""
        return id_ in self._pending

    def blob(self, data: bytes) -> BlobId:
        """A file's content."""
        return BlobId(self._collect("blob", data))

    def tree(self, entries: Sequence[TreeEntry]) -> TreeId:
        """One folder."""
        body = b"".join(
            b"%o %s\0%s" % (entry.mode, entry.name.encode(), bytes.fromhex(entry.id))
            for entry in sorted(entries, key=_tree_order)
        )
        return TreeId(self._collect("tree", body))

    def files(self, files: Mapping[str, tuple[int, str]]) -> TreeId:
        """The nested trees of ``path -> (mode, blob id)``, or of subtrees by their mode.

        Raises:
            UsageError: a name would be both a file and a folder; Git has no such tree.
        """
        here: list[TreeEntry] = []
        below: dict[str, dict[str, tuple[int, str]]] = {}
        for path, (mode, id_) in files.items():
            first, slash, rest = path.partition("/")
            if slash:
                below.setdefault(first, {})[rest] = (mode, id_)
            else:
                here.append(TreeEntry(first, mode, id_))
        both = below.keys() & {entry.name for entry in here}
        if both:
            raise UsageError(f"{min(both)!r} can't be both a file and a folder")
        here += [TreeEntry(name, TREE_MODE, self.files(inner)) for name, inner in below.items()]
        return self.tree(here)

    def commit(
        self,
        tree: TreeId,
        parents: Sequence[CommitId],
        author: Signature,
        committer: Signature,
        message: str,
        signer: Signer | None = None,
    ) -> CommitId:
        """A commit, signed by ``signer`` if there is one; of ``message`` NULs are dropped.

        Raises:
            UsageError: a name or the message can't be written as UTF-8.
            SigningError: it can't be signed.
        """
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {author.encode()}", f"committer {committer.encode()}", "", message]
        body = _utf8("\n".join(lines))
        if signer is not None:
            body = with_signature(body, signer.sign(body))
        return CommitId(self._collect("commit", body))

    def tag(
        self,
        target: CommitId,
        name: str,
        tagger: Signature,
        message: str,
        signer: Signer | None = None,
    ) -> str:
        """An annotated tag of a commit, signed by ``signer`` if there is one.

        Raises:
            As ``commit``.
        """
        lines = [f"object {target}", "type commit", f"tag {name}", f"tagger {tagger.encode()}"]
        body = _utf8("\n".join([*lines, "", message]))
        if signer is not None:
            body += signer.sign(body).encode("ascii")
        return self._collect("tag", body)

    def put(self, kind: str, body: bytes) -> str:
        """An object of any kind, as its bytes are."""
        return self._collect(kind, body)

    def flush(self) -> None:
        """Write what is pending: every object synced, then every folder that got one.

        Raises:
            StorageError: nothing has been named yet, so what was written is harmless.
        """
        touched: dict[str, None] = {}
        for id_, body in self._pending.items():
            folder = os.path.join(self._folder, id_[:2])
            target = os.path.join(folder, id_[2:])
            if folder not in touched:
                self._disk.make_folder(folder)
            # A file under its final name was synced before its rename; only the name itself may not
            # be durable yet (its writer was killed), so the folder is synced all the same.
            if not os.path.exists(target):
                self._write(target, body)
            touched[folder] = None
        for folder in touched:
            self._disk.sync_folder(folder)
        self._pending.clear()

    def _collect(self, kind: str, body: bytes) -> str:
        whole = b"%s %d\0%s" % (kind.encode(), len(body), body)
        id_ = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        if id_ not in self._pending:
            self._pending[id_] = whole
        return id_

    def _write(self, target: str, whole: bytes) -> None:
        temporary = os.path.join(self._folder, f"tmp_obj_{os.urandom(8).hex()}")
        try:
            # Git keeps loose objects read-only, so that nobody edits history by accident.
            with self._disk.create(temporary, 0o444) as file:
                file.write(zlib.compress(whole, 1))
                file.sync()
            self._disk.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(StorageError):
                self._disk.remove(temporary)
            raise


def with_signature(body: bytes, signature: str) -> bytes:
    """The commit ``body`` with ``signature`` as its last header, in Git's folding.

    ``signed.parted_commit`` is the inverse.
    """
    head, blank, message = body.partition(b"\n\n")
    lines = signature.encode("ascii").removesuffix(b"\n").split(b"\n")
    return head + b"\ngpgsig " + b"\n ".join(lines) + blank + message


def _utf8(text: str) -> bytes:
    try:
        return text.replace("\0", "").encode()
    except UnicodeEncodeError as error:
        around = text[max(error.start - 20, 0) : error.end + 20]
        raise UsageError(
            f"not valid UTF-8: {around!r}", hint="write names and messages in UTF-8"
        ) from error


def _tree_order(entry: TreeEntry) -> bytes:
    # Git sorts a folder as if its name ended in a slash.
    return entry.name.encode() + (b"/" if entry.mode == TREE_MODE else b"")
