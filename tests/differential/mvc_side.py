"""The same history in mvc."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest import mock

from click import unstyle
from differential.blocks import CONFLICT, as_model, as_text, is_model, of_model
from differential.git_side import work_tree
from differential.questions import Answers, questions
from differential.seen import Files, Names, Seen, Told

import mvc
from mvc.cli.app import main
from mvc.cli.rendering import short_status_lines
from mvc.history.git import Commit
from mvc.history.record import without_trailer
from mvc.history.reflog import read
from mvc.history.signature import Signature
from mvc.history.snapshot import Snapshot
from mvc.history.unfinished import conflicted_paths
from mvc.repository import Repository


class MvcSide:
    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.root = root
        self._environment = environment
        self.command(("init",))
        self._names = Names(self._tell)
        self._blobs: dict[str, object] = {}
        self._logs: dict[object, Answers] = {}
        self._repository = mvc.open(str(root))

    def command(self, words: tuple[str, ...]) -> tuple[bool, str]:
        """Whether it succeeded, and what was said."""
        code, said = self._run(words)
        return code == 0, said

    def exit_code(self, words: tuple[str, ...]) -> int:
        return self._run(words)[0]

    def _run(self, words: tuple[str, ...]) -> tuple[int, str]:
        said = io.StringIO()
        with (
            mock.patch.dict(os.environ, self._environment),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            contextlib.chdir(self.root),
        ):
            code = main(words)
        return code, said.getvalue()

    def write(self, path: str, origin: str, values: Mapping[str, float]) -> None:
        place = self.root / path
        place.parent.mkdir(exist_ok=True)
        if is_model(origin):
            place.write_bytes(as_model(origin, values))
        else:
            place.write_text(as_text(origin, values))

    def to_do(self) -> int:
        """How many commits are still to be reverted."""
        waiting = mvc.open(str(self.root)).unfinished()
        return len(waiting.sequel.rest) if waiting is not None and waiting.sequel is not None else 0

    def going_on(self) -> bool:
        """Whether something waits to be gone on with."""
        return mvc.open(str(self.root)).unfinished() is not None

    def settle(self, side: str) -> None:
        if conflicted_paths(self._repository._context):
            done, said = self.command(("checkout", f"--{side}", "--", "."))
            assert done, said

    def seen(self) -> Seen:
        repository = self._repository = mvc.open(str(self.root))
        context = repository._context
        refs = {**context.refs.list("refs/heads/"), **context.refs.list("refs/tags/")}
        refs = {
            name: context.git.tag_target(i) if context.git.kind(i) == "tag" else i
            for name, i in refs.items()
        }
        conflicts = conflicted_paths(context)
        staged = repository.staged()
        undecided = {
            path: tuple(c.name for c in manifest.conflicts)
            for path in conflicts
            if path in staged and (manifest := staged.manifest(path))
        }
        refs = {name: self._names.of(id_) for name, id_ in sorted(refs.items())}
        head = context.refs.branch() or self._names.of(context.refs.head() or "")
        logs, bases = self._told(repository, refs, head)
        names = ("HEAD", *sorted(name for name in refs if "heads/" in name))
        waiting = repository.unfinished()
        return Seen(
            head=head,
            refs=refs,
            stage={p: f for p, f in self._files(staged).items() if p not in conflicts},
            work=self._work(undecided),
            status=tuple(sorted(self._status(repository))),
            conflicts={path: undecided.get(path) or kind for path, kind in conflicts.items()},
            unfinished=waiting is not None and waiting.kind != "stash" and not waiting.between,
            logs=logs,
            bases=bases,
            reflogs={
                name: self._names.moves(
                    (move.old, move.new, move.message)
                    for move in reversed(read(repository.folder, name))
                )
                for name in names
            },
            stashes=tuple(
                f"stash@{{{n}}} {self._names.without_ids(one.message)}"
                for n, one in enumerate(repository.stash)
            ),
        )

    def silent_moves(self) -> bool:
        """Whether a commit was amended into one that differs in nothing but how it was made."""
        moves = read(self._repository.folder, "HEAD")
        named = self._names.moves((move.old, move.new, move.message) for move in moves)
        return len(named) < len(moves)

    def _told(self, repository: Repository, refs: Mapping[str, str], head: str) -> Answers:
        key = (tuple(refs.items()), head)
        if key not in self._logs:
            git = repository._context.git
            logs, bases = questions(refs, head, born=repository.head is not None)
            self._logs[key] = (
                {words: self.log(words) for words in logs},
                {
                    pair: frozenset(
                        map(self._names.of, git.merge_bases(*map(repository.resolve, pair.split())))
                    )
                    for pair in bases
                },
            )
        return self._logs[key]

    def log(self, words: str) -> tuple[str, ...]:
        before, _, after = words.partition(" -- ")
        options = before.split()
        ends = [word for word in options if not word.startswith("-") and not word.isdigit()]
        commits = self._repository.log(
            ends,
            paths=after.split(),
            limit=2 if "-n" in options else None,
            topological="--topo-order" in options,
            first_parent="--first-parent" in options,
            all="--all" in options,
        )
        drawn = after and "--topo-order" in options
        return tuple(
            " ".join(map(self._names.of, (commit.id, *(commit.parents if drawn else ()))))
            for commit in commits
        )

    def _status(self, repository: Repository) -> Iterator[tuple[str, str]]:
        status = repository.status()
        for line in map(unstyle, short_status_lines(status)):
            code, path = line[:2], line[3:]
            if path.endswith("/"):
                for inner in sorted((self.root / path).rglob("*")):
                    yield code, inner.relative_to(self.root).as_posix()
            elif " -> " in path:
                old, new = path.split(" -> ")
                yield "D ", old
                yield f"A{code[1]}", new
            else:
                yield code, path

    def _files(self, snapshot: Snapshot) -> Files:
        found = {}
        for path, (mode, blob) in snapshot.items():
            if blob not in self._blobs:
                data = b"".join(map(bytes, _chunks(self._repository, snapshot, path)))
                self._blobs[blob] = self._seen(data)
            found[path] = mode == 0o100755, self._blobs[blob]
        return found

    def _work(self, undecided: Mapping[str, tuple[str, ...]]) -> Files:
        found = {}
        for path, place in work_tree(self.root):
            seen = self._seen(place.read_bytes())
            if isinstance(seen, dict):
                seen = {**seen, **dict.fromkeys(undecided.get(path, ()), CONFLICT)}
            found[path] = bool(place.stat().st_mode & 0o100), seen
        return found

    def _seen(self, data: bytes) -> object:
        if b"\0" in data:
            return of_model(data)
        return self._names.without_ids(data.decode())

    def _tell(self, id_: str) -> Told:
        context = self._repository._context
        commit: Commit = context.git.commit(id_)

        def who(one: Signature) -> str:
            return f"{one.name} {one.email} {one.time} {one.offset}"

        files = self._files(Snapshot.of_tree(context.git, commit.tree))
        message = without_trailer(commit.message)
        return Told(commit.parents, who(commit.author), who(commit.committer), message, files)


def _chunks(repository: Repository, snapshot: Snapshot, path: str) -> Iterator[memoryview]:
    from mvc.history.files import chunks

    return chunks(repository._context, snapshot, path)
