"""Reading Git objects and walking history, which is libgit2's part.

Owns the use of pygit2 for reading. It is opened with an empty configuration search path, so that no file of the
user's home changes what mvc reads, and it never writes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from mvc import limits
from mvc.errors import CorruptPack, LimitExceeded, MissingObject, MvcError, UsageError
from mvc.history import horizon
from mvc.history.gitforms import Commit, parse_commit, parse_tag, parse_tree
from mvc.history.gitobjects import TREE_MODE, TreeEntry
from mvc.history.loose import LooseObjects
from mvc.history.ordering import graph_order
from mvc.history.packed import PackedObjects
from mvc.history.refs import REPAIR
from mvc.history.signature import Signature
from mvc.history.unpacking import damaged_packs
from mvc.ids import BlobId, CommitId

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pygit2

__all__ = ["Commit", "Files", "Git"]

Files = dict[str, tuple[int, BlobId]]


class Git:
    """The objects of a bare Git repository, opened on first use."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._loose = LooseObjects(os.path.join(path, "objects"))
        self._packs = PackedObjects(os.path.join(path, "objects"))

    @cached_property
    def _repository(self) -> pygit2.Repository:
        # It costs six times a bare Python's start, and an object can be read without.
        import pygit2
        from pygit2.enums import ConfigLevel, Option

        # An index that lies ends the process, or never lets go of it: libgit2 believes its offsets.
        for pack, why in damaged_packs(os.path.join(self._path, "objects"), indexes_only=True):
            raise CorruptPack(f"the Git pack {pack}: its {why}", hint=REPAIR)
        for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
            pygit2.option(Option.SET_SEARCH_PATH, level, "")
        # Who may own the folder is mvc's own rule (repository.py), not libgit2's safe.directory.
        pygit2.option(Option.SET_OWNER_VALIDATION, False)
        try:
            return pygit2.Repository(self._path)
        except (pygit2.GitError, KeyError) as error:
            raise CorruptPack(
                f"{self._path} is not a valid Git repository any more: {error}",
                hint=REPAIR,
            ) from error

    def open(self) -> None:
        """Open what reads packs and walks history; else that waits until it is needed.

        Raises:
            CorruptPack: HEAD, the configuration or a folder is not what Git takes for a repository's.
        """
        self._repository  # noqa: B018 - looking at it opens it

    @cached_property
    def _ends(self) -> frozenset[str]:
        return horizon.ends(self._path)

    def __contains__(self, id_: str) -> bool:
        return self._loose.has(id_) or id_ in self._repository

    def blob(self, id_: str) -> bytes:
        """The content of a blob."""
        return self._read(id_, "blob")

    def commit(self, id_: str) -> Commit:
        """The commit ``id_``; one on the horizon has no parents."""
        found = parse_commit(id_, self._read(id_, "commit"))
        return replace(found, parents=()) if id_ in self._ends else found

    def files(self, tree: str | None, prefix: str = "") -> Files:
        """``path -> (mode, blob)`` of everything below ``tree``; None is the empty tree.

        Raises:
            LimitExceeded: paths beyond ``limits.PATH``, or more of them than ``limits.TREE_FILES``.
        """
        found: Files = {}
        known: dict[str, list[TreeEntry]] = {}
        waiting = [] if tree is None else [(tree, prefix)]
        while waiting:
            id_, folder = waiting.pop()
            if id_ not in known:
                known[id_] = [*parse_tree(id_, self._read(id_, "tree"))]
            for entry in known[id_]:
                path = folder + entry.name
                if entry.mode == TREE_MODE:
                    waiting.append((entry.id, path + "/"))
                else:
                    found[path] = (entry.mode, BlobId(entry.id))
            # A few small trees, each named ten times by the next, hold more files than there are atoms.
            if len(folder) > limits.PATH or max(len(found), len(waiting)) > limits.TREE_FILES:
                what = "deeper" if len(folder) > limits.PATH else "wider"
                raise LimitExceeded(f"the tree {tree} is {what} than any that mvc makes")
        return found

    def folder(self, tree: str) -> Files:
        """``name -> (mode, id)`` of one tree, its subtrees (by their mode) included."""
        entries = parse_tree(tree, self._read(tree, "tree"))
        return {entry.name: (entry.mode, BlobId(entry.id)) for entry in entries}

    def ids(self) -> Iterator[str]:
        """Every object that is there, loose or packed, in no order that means anything.

        Raises:
            CorruptPack: a pack of Git's can't be listed.
        """
        import pygit2

        try:
            yield from (str(id_) for id_ in self._repository)
        except pygit2.GitError as error:
            raise CorruptPack(f"a Git pack is damaged: {error}") from error

    def entry(self, tree: str, path: str) -> tuple[int, str] | None:
        """Mode and id of what ``path`` names in ``tree``, a folder included."""
        mode, id_ = TREE_MODE, tree
        for part in path.split("/"):
            if mode != TREE_MODE:
                return None
            found = self.folder(id_).get(part)
            if found is None:
                return None
            mode, id_ = found
        return mode, id_

    def kind(self, id_: str) -> str:
        """``commit``, ``tree``, ``blob`` or ``tag``."""
        return self._object(id_)[0]

    def tag_target(self, id_: str) -> str:
        """What an annotated tag points at."""
        return parse_tag(id_, self._read(id_, "tag")).target

    def raw(self, id_: str) -> tuple[str, bytes]:
        """Kind and content of an object, as its bytes are."""
        return self._object(id_)

    def tag_message(self, id_: str) -> tuple[Signature | None, str]:
        """Tagger and message of an annotated tag."""
        tag = parse_tag(id_, self._read(id_, "tag"))
        return tag.tagger, tag.message

    def expand(self, prefix: str) -> str | None:
        """The full id that a short one stands for; None when there is none.

        Raises:
            UsageError: several objects begin with it.
        """
        self._loose.judge_all(prefix)
        if len(prefix) == 40 and self._loose.has(prefix):
            return prefix
        try:
            return str(self._repository[prefix].id)
        except KeyError:
            return None
        except ValueError as error:
            raise UsageError(
                f"the short id {prefix} is ambiguous", hint="give more of its digits"
            ) from error

    def walk(
        self,
        starts: Sequence[CommitId],
        hidden: Sequence[CommitId] = (),
        *,
        topological: bool = False,
        first_parent: bool = False,
    ) -> Iterator[CommitId]:
        """Ancestors of ``starts`` (themselves included) that no ``hidden`` reaches, newest first.

        ``topological`` is the order of ``log --graph``: it keeps every child before its parents, whatever
        the clocks said, at the price of reading the whole history first.
        """
        if len(starts) == 1 and not (hidden or topological):
            yield starts[
                0
            ]  # so that `log -1`, and what looks at HEAD alone, get by without libgit2
            walk = self._walk(starts, hidden, topological, first_parent)
            next(walk, None)
            yield from walk
        else:
            yield from self._walk(starts, hidden, topological, first_parent)

    def _walk(
        self,
        starts: Sequence[CommitId],
        hidden: Sequence[CommitId],
        topological: bool,
        first_parent: bool,
    ) -> Iterator[CommitId]:
        import pygit2
        from pygit2.enums import SortMode

        walker = self._repository.walk(None, SortMode.NONE)
        if first_parent:
            walker.simplify_first_parent()
        try:
            if hidden or topological:  # libgit2 then reads all of it before the first step
                self._loose.judge_history(*starts, *hidden)
            for start in starts:
                self._loose.judge_near(start)
            for id_, enter in self._by_age(starts, hidden, walker):
                enter(id_)
            if topological:
                yield from map(CommitId, graph_order(_parents(walker, first_parent)))
                return
            for found in walker:
                yield CommitId(str(found.id))
                for parent in found.parent_ids:
                    self._loose.judge_near(str(parent))
        except (pygit2.GitError, KeyError, ValueError) as error:
            raise MissingObject(
                f"the history has a hole: {error}", hint="mvc fsck names what is missing"
            ) from error

    def _by_age(
        self, starts: Sequence[CommitId], hidden: Sequence[CommitId], walker: pygit2.Walker
    ) -> Sequence[tuple[CommitId, Callable[[CommitId], object]]]:
        """All ends, oldest first: libgit2 begins with the one it heard of last, and Git with the newest."""
        ends = [(id_, walker.push) for id_ in starts] + [(id_, walker.hide) for id_ in hidden]
        if len(ends) > 1:
            ends.sort(key=lambda end: -self.commit(end[0]).committer.time)
        return ends[::-1]

    def merge_bases(self, one: CommitId, other: CommitId) -> list[CommitId]:
        """The best common ancestors, several in a criss-cross history, none in unrelated ones."""
        self._loose.judge_history(one, other)
        found = self._repository.merge_base(one, other)
        if found is None:
            return []
        first = CommitId(str(found))
        # libgit2's binding gives one base; any other is common to both and not reached by the first.
        common = set(self.walk([one], [first])) & set(self.walk([other], [first]))
        rest = [id_ for id_ in common if not any(self.is_ancestor(id_, c) for c in common - {id_})]
        return [first, *sorted(rest)]

    def merge_text(
        self, base: str | None, ours: str, theirs: str, labels: tuple[str, str]
    ) -> tuple[bytes, bool]:
        """Git's three-way merge of UTF-8 blobs without NUL; whether it is clean.

        Where both sides changed the same lines stand both versions between Git's markers, which carry
        ``labels``. Without a ``base`` both files count as new.
        """
        import pygit2
        from pygit2.enums import FileMode

        def side(label: str, id_: str | None) -> pygit2.IndexEntry | None:
            # libgit2 labels the markers with the entries' paths.
            if id_ is None:
                return None
            self._loose.judge(id_)
            return pygit2.IndexEntry(label, pygit2.Oid(hex=id_), FileMode.BLOB)

        sides = (side("base", base), side(labels[0], ours), side(labels[1], theirs))
        merged = self._repository.merge_file_from_index(*sides)
        assert not isinstance(merged, str)
        text = merged.contents
        if not merged.automergeable:
            # libgit2 1.9 forgets the label of a side that is empty; the conflict is the whole file then.
            if re.match(r"<<<<<<<\r?\n", text) and not self.blob(ours):
                text = f"<<<<<<< {labels[0]}{text[7:]}"
            if (end := re.search(r">>>>>>>(\r?\n)\Z", text)) and not self.blob(theirs):
                text = f"{text[: end.start()]}>>>>>>> {labels[1]}{end[1]}"
        return text.encode(), merged.automergeable

    def is_ancestor(self, old: CommitId, new: CommitId) -> bool:
        """Whether ``new`` is ``old`` or comes after it."""
        if old == new:
            return True
        self._loose.judge_history(old, new)
        return self._repository.descendant_of(new, old)

    def _read(self, id_: str, kind: str) -> bytes:
        found, body = self._object(id_)
        if found != kind:
            raise MvcError(f"{id_} is a {found}, not a {kind}")
        return body

    def _object(self, id_: str) -> tuple[str, bytes]:
        """Kind and content; all three readers check the hash."""
        return self._loose.read(id_) or self._packs.read(id_) or self._by_libgit2(id_)

    def _by_libgit2(self, id_: str) -> tuple[str, bytes]:
        import pygit2

        try:
            kind, body = self._repository.read(id_)
        except (KeyError, ValueError) as error:
            raise MissingObject(
                f"the Git object {id_} is missing", hint="mvc fsck names all that is missing"
            ) from error
        except pygit2.GitError as error:
            raise CorruptPack(
                f"the Git object {id_} is damaged: {error}", hint="mvc fsck names what is whole"
            ) from error
        return _KINDS[kind], body


#: libgit2's numbers.
_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}


def _parents(walker: pygit2.Walker, first_only: bool) -> dict[str, list[str]]:
    """Each commit, in the order of the walk, with its parents."""
    end = 1 if first_only else None
    return {str(found.id): [str(id_) for id_ in found.parent_ids[:end]] for found in walker}
