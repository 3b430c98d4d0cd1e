"""The unfinished merge, revert, pick, rebase or stash: what waits for the user, kept as a ref so that no tool
loses it.

``refs/mvc/unfinished`` names a commit whose parents are HEAD at the start and the other side, and whose
message is this value as JSON. Tensor conflicts are lines of the stage's manifests; conflicts of whole files
are listed here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from mvc.errors import CorruptPack
from mvc.history.context import Context
from mvc.history.gitobjects import EMPTY_TREE
from mvc.history.refs import UNFINISHED
from mvc.history.snapshot import Snapshot
from mvc.history.transaction import Transaction, read_stage
from mvc.ids import BlobId, CommitId
from mvc.values import dataclass

if TYPE_CHECKING:
    from mvc.history.manifest import Conflict

_VERSION = 1


@dataclass(frozen=True, slots=True)
class FileConflict:
    """A file that could not be merged; ``kind`` is text, bytes, delete-modify or add-add.

    Each side is ``(mode, blob)``, or None where the file does not exist.
    """

    kind: str
    base: tuple[int, BlobId] | None
    ours: tuple[int, BlobId] | None
    theirs: tuple[int, BlobId] | None


@dataclass(frozen=True, slots=True)
class Sequel:
    """What belongs to several commits taken back or over: ``start`` is where HEAD was, ``rest`` what is still
    to do.

    ``between``: nothing waits to be settled, the next of ``rest`` can begin. Of a rebase, ``onto`` is what it
    goes onto, and ``home`` the branch that it ends on (``HEAD``: none).
    """

    start: CommitId
    rest: tuple[CommitId, ...]
    between: bool = False
    onto: CommitId | None = None
    home: str | None = None

    @property
    def done(self) -> bool:
        """Whether nothing is to follow; a rebase has to go home."""
        return not self.rest and self.home is None


@dataclass(frozen=True, slots=True)
class Manner:
    """How a commit is taken back or over: ``tensors`` are globs of those that alone are, all if there is none.

    ``mainline``: of a merge, the parent that its change is told from; ``cite``: the message shall name the
    commit; ``allow_empty``: one that changed nothing is taken, too.
    """

    mainline: int | None = None
    tensors: tuple[str, ...] = ()
    cite: bool = False
    allow_empty: bool = False


#: All of a commit, as it is.
WHOLE = Manner()


@dataclass(frozen=True, slots=True)
class Unfinished:
    """``kind`` is merge, revert, cherry-pick, rebase or stash; ``theirs`` the other side; ``onto`` HEAD at the
    start.

    A stash that is applied ends with its last conflict; the others wait for the commit that concludes them.
    Between the commits of a ``sequel``, ``theirs`` is the last one that was reverted, and ``onto`` where HEAD
    was left: elsewhere, the user has committed since. ``recipe``: what the record of a merge by one shall say.
    ``keep``: undecided tensors are committed as they are, only files wait.
    ``settled``: by which strategies conflicts were settled since, in order, as the record shall have it.
    ``sign``: what the command that began a sequel was told of signing, see ``Context.told_to_sign``.
    """

    kind: str
    onto: CommitId
    theirs: CommitId
    message: str
    operation: str
    strategy: str | None = None
    conflicts: Mapping[str, FileConflict] = field(default_factory=dict)
    stage_before: str | None = None
    sequel: Sequel | None = None
    recipe: Mapping[str, Any] | None = None
    manner: Manner = WHOLE
    keep: bool = False
    settled: tuple[Mapping[str, Any], ...] = ()
    sign: str | bool | None = None

    @property
    def between(self) -> bool:
        """Whether it waits for nothing but to go on with the next commit."""
        return self.sequel is not None and self.sequel.between

    def encode(self) -> str:
        """The message of the commit that holds it."""
        body: dict[str, object] = {
            "mvc-unfinished": _VERSION,
            "kind": self.kind,
            "onto": self.onto,
            "theirs": self.theirs,
            "message": self.message,
            "operation": self.operation,
            "strategy": self.strategy,
            "stage": self.stage_before,
            "conflicts": {
                path: [c.kind, c.base, c.ours, c.theirs] for path, c in self.conflicts.items()
            },
        }
        if self.sequel is not None:
            one = self.sequel
            body["sequel"] = [one.start, one.rest, one.between, one.onto, one.home]
        if self.manner != WHOLE:
            how = self.manner
            body["manner"] = [how.mainline, how.tensors, how.cite, how.allow_empty]
        if self.recipe is not None:
            body["recipe"] = dict(self.recipe)
        if self.keep:
            body["keep"] = True
        if self.settled:
            body["settled"] = [dict(one) for one in self.settled]
        if self.sign is not None:
            body["sign"] = self.sign
        return f"unfinished {self.kind}\n\n{json.dumps(body, sort_keys=True)}\n"

    @staticmethod
    def decode(text: str) -> Unfinished:
        """The inverse of ``encode``.

        Raises:
            CorruptPack: not an unfinished merge.
        """
        try:
            body = json.loads(text.split("\n\n", 1)[1])
            conflicts = {
                path: FileConflict(kind, *(_side(side) for side in sides))
                for path, (kind, *sides) in body["conflicts"].items()
            }
            return Unfinished(
                body["kind"],
                CommitId(body["onto"]),
                CommitId(body["theirs"]),
                body["message"],
                body["operation"],
                body["strategy"],
                conflicts,
                body["stage"],
                _sequel(body.get("sequel")),
                body.get("recipe"),
                _manner(body.get("manner")),
                bool(body.get("keep", False)),
                tuple(dict(one) for one in body.get("settled", ())),
                _sign(body.get("sign")),
            )
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise CorruptPack(
                f"the unfinished merge is damaged: {error}", hint="mvc merge --abort"
            ) from error


def read_unfinished(context: Context) -> Unfinished | None:
    """What waits for the user; None when nothing does."""
    id_ = context.refs.raw(UNFINISHED)
    return None if id_ is None else Unfinished.decode(context.git.commit(id_).message)


def write_unfinished(transaction: Transaction, value: Unfinished) -> None:
    """Keep ``value`` until it is concluded or given up."""
    parents = [value.onto, value.theirs]
    sequel = value.sequel
    if sequel is not None:
        parents += [sequel.start, *sequel.rest]
        parents += [sequel.onto] if sequel.onto else []
        if value.sign is None:
            value = replace(value, sign=transaction.context.told_to_sign)
    parents = list(dict.fromkeys(parents))
    transaction.objects.tree([])
    id_ = transaction.objects.commit(
        EMPTY_TREE, parents, transaction.who, transaction.who, value.encode()
    )
    transaction.move(UNFINISHED, id_)


def follow(transaction: Transaction, waiting: Unfinished, sequel: Sequel | None) -> None:
    """What is left of ``sequel`` waits in place of ``waiting``; nothing does if nothing is left."""
    if sequel is None or sequel.done:
        transaction.move(UNFINISHED, None)
        return
    left = replace(sequel, between=True)
    fresh = replace(waiting, conflicts={}, stage_before=None, sequel=left, settled=())
    write_unfinished(transaction, fresh)


def settle(
    transaction: Transaction, paths: Iterable[str], step: Mapping[str, Any] | None = None
) -> None:
    """Take ``paths`` off the list of conflicts: the user has said what they shall be.

    ``step``: the strategy that said it, for the record of the commit that follows.
    """
    waiting = read_unfinished(transaction.context)
    if waiting is None:
        return
    left = {path: c for path, c in waiting.conflicts.items() if path not in set(paths)}
    tensors = waiting_tensors(transaction.context, transaction.stage, waiting)
    if waiting.kind == "stash" and not left and not tensors:
        transaction.move(UNFINISHED, None)
    elif step is not None or len(left) != len(waiting.conflicts):
        settled = waiting.settled if step is None else (*waiting.settled, step)
        write_unfinished(transaction, replace(waiting, conflicts=left, settled=settled))


def conflicted_paths(context: Context, stage: Snapshot | None = None) -> dict[str, str]:
    """Every path that waits for a decision, with the kind of its conflict (``tensors`` for lines)."""
    waiting = read_unfinished(context)
    if waiting is None:
        return {}
    found = {path: c.kind for path, c in waiting.conflicts.items()}
    files = stage if stage is not None else read_stage(context)
    found |= dict.fromkeys(waiting_tensors(context, files, waiting), "tensors")
    return dict(sorted(found.items()))


def waiting_tensors(
    context: Context, stage: Snapshot, waiting: Unfinished
) -> dict[str, tuple[Conflict, ...]]:
    """The tensors that ``waiting`` left undecided, by path; not those that a side had as kept conflicts."""
    if waiting.keep:
        return {}
    manifests = ((path, stage.manifest(path)) for path in stage)
    found = {path: m.conflicts for path, m in manifests if m is not None and m.conflicts}
    known = _kept(context, waiting) if found else set()
    left = {path: tuple(c for c in all_ if c not in known) for path, all_ in found.items()}
    return {path: conflicts for path, conflicts in left.items() if conflicts}


def _kept(context: Context, waiting: Unfinished) -> set[Conflict]:
    """The conflicts in what is put together: HEAD, the other side and, where that is a step, before it."""
    git = context.git
    ends = [waiting.onto, waiting.theirs]
    ends += git.commit(waiting.theirs).parents if waiting.kind != "merge" else ()
    found: set[Conflict] = set()
    for id_ in ends:
        side = Snapshot.of_tree(git, git.commit(id_).tree)
        for manifest in map(side.manifest, side):
            found.update(manifest.conflicts if manifest is not None else ())
    return found


def _sequel(value: list[object] | None) -> Sequel | None:
    if value is None:
        return None
    start, rest, between, onto, home = value
    if not isinstance(start, str) or not isinstance(rest, list):
        raise ValueError("what is to follow is not [start, rest, between, onto, home]")
    return Sequel(
        CommitId(start),
        tuple(map(CommitId, rest)),
        bool(between),
        CommitId(onto) if isinstance(onto, str) else None,
        home if isinstance(home, str) else None,
    )


def _manner(value: list[object] | None) -> Manner:
    if value is None:
        return WHOLE
    mainline, tensors, cite, allow_empty = value
    if not isinstance(tensors, list):
        raise ValueError("how a commit is taken is not [mainline, tensors, cite, allow_empty]")
    number = mainline if isinstance(mainline, int) else None
    return Manner(number, tuple(map(str, tensors)), bool(cite), bool(allow_empty))


def _sign(value: object) -> str | bool | None:
    if value is None or isinstance(value, str | bool):
        return value
    raise ValueError("what signs is no key")


def _side(value: list[object] | None) -> tuple[int, BlobId] | None:
    if value is None:
        return None
    mode, id_ = value
    if not isinstance(mode, int) or not isinstance(id_, str):
        raise ValueError("a conflict's side is not (mode, blob)")
    return mode, BlobId(id_)
