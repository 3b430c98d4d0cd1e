"""A history in Git, every model a text."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pygit2
from differential.blocks import as_text, is_model, of_text, origin_of
from differential.questions import Answers, questions
from differential.seen import Files, Names, Seen, Told, moves_nothing

_OPTIONS = (
    "core.fsync=none",
    "core.abbrev=7",
    "gc.auto=0",
    "advice.detachedHead=false",
    # mvc follows files that were moved as they are; `-X find-renames=100%` below says the same to merges.
    "status.renames=false",
    "merge.directoryRenames=false",
    "merge.conflictStyle=merge",
)
_EXACT = ("-X", "find-renames=100%")
_BEYOND = re.compile(r"CONFLICT \((rename|file|directory|distinct)")


#: What ends a merge or revert that stopped, or goes on with it.
ENDS = ("--abort", "--continue", "--skip", "--quit")
#: What merges trees.
MERGING = ("merge", "revert", "cherry-pick", "rebase")
_HEADS = ("MERGE_HEAD", "REVERT_HEAD", "CHERRY_PICK_HEAD")
_REVERTS = re.compile(r'((?:Revert "){2,})([^"\n]*)("+)')


class BeyondCompareError(Exception):
    """What Git did here, mvc does otherwise by design: nothing after it can be compared."""


class GitSide:
    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.root = root
        self._environment = environment
        self.run("init", "-q", "-b", "main")
        self._objects = pygit2.Repository(str(root / ".git"))
        self._names = Names(self._tell)
        self._logs: dict[object, Answers] = {}
        self._index: tuple[object, list[tuple[str, str, str, str]]] = (None, [])

    def run(self, *words: str) -> tuple[int, str]:
        """The exit code, and all that was said."""
        options = [part for option in _OPTIONS for part in ("-c", option)]
        done = subprocess.run(
            ["git", *options, *words],
            cwd=self.root,
            env={"PATH": os.environ["PATH"], **os.environ, **self._environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def command(self, words: tuple[str, ...]) -> tuple[bool, str]:
        """Whether it succeeded, and what was said.

        Raises:
            BeyondCompareError: it was a conflict of names.
        """
        if words[0] in MERGING and words[1] not in ENDS:
            words = (words[0], *_EXACT, *words[1:])
        if words[0] == "stash":
            words = ("-c", "merge.renames=false", *words)
        start = self._objects.head_is_unborn or self._objects.head.target
        code, said = self.run(*words)
        if self.going_on():
            self._forget_what_mvc_forgets(words, start, code)
        if _BEYOND.search(said):
            raise BeyondCompareError(said)
        return code == 0, said

    def write(self, path: str, origin: str, values: Mapping[str, float]) -> None:
        place = self.root / path
        place.parent.mkdir(exist_ok=True)
        place.write_text(as_text(origin, values))

    def settle(self, side: str) -> None:
        """Every conflict as ``side`` has it: of a model what could be merged stays, of a text nothing does."""
        for path, stages in self.unmerged().items():
            other = stages.get("2" if side == "ours" else "3")
            place = self.root / path
            if len(stages.keys() & {"2", "3"}) == 1:
                if other is None:
                    self.run("rm", "-q", "--cached", path)
                    place.unlink(missing_ok=True)
                else:
                    self.run("add", path)
                continue
            text = place.read_text()
            if is_model(origin_of(text)):
                place.write_text(_chosen(text, side))
            else:
                self.run("checkout", f"--{side}", "--", path)
            self.run("add", path)

    def reverting(self) -> bool:
        """Whether a revert or pick is unfinished."""
        git = self.root / ".git"
        return any((git / f"{name}_HEAD").exists() for name in ("REVERT", "CHERRY_PICK"))

    def rebasing(self) -> bool:
        """Whether a rebase is unfinished."""
        return (self.root / ".git" / "rebase-merge").exists()

    def going_on(self) -> bool:
        """Whether more commits are to be reverted."""
        return self.to_do() > 0

    def to_do(self) -> int:
        """How many, with the one that stopped."""
        file = self.root / ".git" / "sequencer" / "todo"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def _forget_what_mvc_forgets(self, words: tuple[str, ...], start: object, code: int) -> None:
        """A row of reverts of which the first was refused, and one that ``reset`` gave up."""
        began = words[0] in ("revert", "cherry-pick") and words[-1] not in ENDS
        refused = began and self._objects.head.target == start and not self.reverting()
        if refused or (words[0] == "reset" and "--" not in words and code == 0):
            # Not `revert --quit`: that would forget an unfinished merge, too.
            shutil.rmtree(self.root / ".git" / "sequencer")

    def unmerged(self) -> dict[str, dict[str, str]]:
        """``path → stage → blob`` of files with conflicts."""
        found: dict[str, dict[str, str]] = {}
        for path, number, _, blob in self._staged():
            if number != "0":
                found.setdefault(path, {})[number] = blob
        return found

    def _staged(self) -> list[tuple[str, str, str, str]]:
        """Path, number, mode and blob of all that is on the stage; read anew when its file is another one."""
        about = self._index_status()
        if about is None or about != self._index[0]:
            lines = self.run("ls-files", "-s", "-z")[1].split("\0")[:-1]
            entries = [(line.split("\t")[1], *line.split("\t")[0].split()) for line in lines]
            self._index = (
                about,
                [(path, number, mode, blob) for path, mode, blob, number in entries],
            )
        return self._index[1]

    def _index_status(self) -> tuple[int, int, int] | None:
        try:
            found = (self.root / ".git" / "index").stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def seen(self) -> Seen:
        refs = {name: self._names.of(id_) for name, id_ in self._refs().items()}
        head = self._head()
        head = head if not head or head.startswith("refs/") else self._names.of(head)
        unmerged = self.unmerged()
        logs, bases = self._told(refs, head)
        reflogs = {
            name: self._reflog(name) for name in ("HEAD", *sorted(refs)) if "tags/" not in name
        }
        git = self.root / ".git"
        return Seen(
            head=head,
            refs=refs,
            stage=self._stage(),
            work=self._work(),
            status=tuple(sorted(self._status())),
            conflicts={path: self._conflict(path, stages) for path, stages in unmerged.items()},
            unfinished=any((git / name).exists() for name in _HEADS)
            or (self.rebasing() and (git / "REBASE_HEAD").exists()),
            logs=logs,
            bases=bases,
            reflogs=reflogs,
            stashes=tuple(
                f"stash@{{{n}}} {message}"
                for n, (_, _, message) in enumerate(reversed(self._reflog("refs/stash")))
            ),
        )

    def _head(self) -> str:
        text = (self.root / ".git" / "HEAD").read_text().strip()
        return text.removeprefix("ref: ")

    def _refs(self) -> dict[str, str]:
        names = [
            name
            for name in self._objects.references
            if name.startswith(("refs/heads/", "refs/tags/"))
        ]
        found = self._objects.references
        return {name: str(found[name].peel(pygit2.Commit).id) for name in sorted(names)}

    def _told(self, refs: Mapping[str, str], head: str) -> Answers:
        """Logs and merge bases; asked for again only when something has moved."""
        key = (tuple(refs.items()), head)
        if key not in self._logs:
            born = head in refs or not head.startswith("refs/")
            logs, bases = questions(refs, head, born=born)
            self._logs[key] = (
                {words: self.log(words, born=born) for words in logs},
                {pair: self._bases(*pair.split()) for pair in bases},
            )
        return self._logs[key]

    def _bases(self, one: str, other: str) -> frozenset[str]:
        found = self.run("merge-base", "--all", one, other)[1].split()
        return frozenset(map(self._names.of, found))

    def log(self, words: str, *, born: bool = True) -> tuple[str, ...]:
        words = words.replace("--topo-order --", "--topo-order --parents --")
        # Stashes are no part of what mvc calls all.
        words = words.replace("--all", "--branches --tags HEAD" if born else "--branches --tags")
        # What a drawing of some paths joins are not the parents that the commits have.
        form = "%H %P" if "--parents" in words else "%H"
        code, said = self.run("log", f"--format={form}", *words.split())
        assert code == 0, said
        return tuple(" ".join(map(self._names.of, line.split())) for line in said.splitlines())

    def _reflog(self, ref: str) -> tuple[tuple[str, str, str], ...]:
        file = self.root / ".git" / "logs" / ref
        lines = file.read_text().splitlines() if file.exists() else []
        return self._names.moves(
            (line[:40], line[41:81], _of_today(line.partition("\t")[2])) for line in lines
        )

    def silent_moves(self) -> bool:
        """Whether HEAD's log has lines for commands that moved nothing, of which mvc keeps no record."""
        lines = (self.root / ".git/logs/HEAD").read_text().splitlines()
        return any(moves_nothing(line[:40], line[41:81], line.partition("\t")[2]) for line in lines)

    def _status(self) -> list[tuple[str, str]]:
        found = []
        for line in self.run("status", "--porcelain", "-uall")[1].splitlines():
            code = "UU" if "U" in line[:2] or line[:2] in ("AA", "DD") else line[:2]
            found.append((code, line[3:]))
        return found

    def _stage(self) -> Files:
        found = {}
        for path, number, mode, blob in self._staged():
            if number == "0":
                found[path] = mode == "100755", self._content(path, blob)
        return found

    def _work(self) -> Files:
        found = {}
        for path, place in work_tree(self.root):
            found[path] = bool(place.stat().st_mode & 0o100), self._seen(place.read_text())
        return found

    def _content(self, path: str, blob: str) -> object:
        return self._seen(self._objects[blob].data.decode())

    def _seen(self, text: str) -> object:
        """The values of what is a model in mvc, else the text."""
        return (
            of_text(text) if is_model(origin_of(text)) else self._names.without_ids(_of_today(text))
        )

    def _conflict(self, path: str, stages: Mapping[str, str]) -> object:
        if len(stages.keys() & {"2", "3"}) == 1:
            return "delete-modify"
        text = (self.root / path).read_text()
        if not is_model(origin_of(text)):
            return "text"
        return tuple(sorted(name for name, value in of_text(text).items() if value < 0))

    def _tell(self, id_: str) -> Told:
        commit = self._objects[id_]
        who = [
            f"{one.name} {one.email} {one.time} {one.offset}"
            for one in (commit.author, commit.committer)
        ]
        files: dict[str, tuple[bool, object]] = {}
        self._gather(commit.tree, "", files)
        return Told(tuple(map(str, commit.parent_ids)), *who, _of_today(commit.message), files)

    def _gather(
        self, tree: pygit2.Tree, folder: str, files: dict[str, tuple[bool, object]]
    ) -> None:
        for entry in tree:
            path = f"{folder}{entry.name}"
            if isinstance(entry, pygit2.Tree):
                self._gather(entry, f"{path}/", files)
            else:
                files[path] = entry.filemode == 0o100755, self._content(path, str(entry.id))


def _of_today(text: str) -> str:
    """What Git says, in mvc's words: a revert of a revert reapplies, as in Git 2.43 and later."""

    def reapplied(found: re.Match[str]) -> str:
        depth, words = found[1].count('"'), found[2]
        for number in range(1, depth + 1):
            words = f'Revert "{words}"' if number % 2 else f"Reapply{words.removeprefix('Revert')}"
        return words + found[3][depth:]

    words = _REVERTS.sub(reapplied, text)
    return words.replace("the 'ort' strategy", "the tensor three-way strategy")


def _chosen(text: str, side: str) -> str:
    """``text`` with one side of each conflict."""
    kept, at = [], "both"
    for line in text.splitlines(keepends=True):
        if line.startswith("<<<<<<< "):
            at = "ours"
        elif line.startswith("=======") and at == "ours":
            at = "theirs"
        elif line.startswith(">>>>>>> "):
            at = "both"
        elif at in ("both", side):
            kept.append(line)
    return "".join(kept)


def work_tree(root: Path) -> Iterator[tuple[str, Path]]:
    """Every file of the user's."""
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if name not in (".git", ".mvc"))
        for name in sorted(names):
            place = Path(folder, name)
            yield place.relative_to(root).as_posix(), place
