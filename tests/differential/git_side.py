"""A history in Git, every model a text."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pygit2
from differential.blocks import as_text, is_model, of_text, origin_of
from differential.programs import BRANCHES
from differential.seen import Files, Names, Seen, Told

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


class BeyondCompareError(Exception):
    """What Git did here, mvc does otherwise by design: nothing after it can be compared."""


class GitSide:
    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.root = root
        self._environment = environment
        self.run("init", "-q", "-b", "main")
        self._objects = pygit2.Repository(str(root / ".git"))
        self._names = Names(self._tell)
        self._logs: dict[object, tuple[Mapping[str, tuple[str, ...]], Mapping[str, frozenset[str]]]]
        self._logs = {}

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
        if words[0] in ("merge", "revert") and words[1] not in ("--abort", "--continue"):
            words = (words[0], *_EXACT, *words[1:])
        if words[0] == "stash":
            words = ("-c", "merge.renames=false", *words)
        code, said = self.run(*words)
        if _BEYOND.search(said):
            raise BeyondCompareError(said)
        return code == 0, said

    def write(self, path: str, origin: str, values: Mapping[str, float]) -> None:
        place = self.root / path
        place.parent.mkdir(exist_ok=True)
        place.write_text(as_text(origin, values))

    def settle(self, side: str) -> None:
        """Every conflict as ``side`` has it, all else as it was merged."""
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
            place.write_text(_chosen(place.read_text(), side))
            self.run("add", path)

    def unmerged(self) -> dict[str, dict[str, str]]:
        """``path → stage → blob`` of files with conflicts."""
        found: dict[str, dict[str, str]] = {}
        for line in self.run("ls-files", "-u", "-z")[1].split("\0")[:-1]:
            about, path = line.split("\t")
            _, blob, number = about.split()
            found.setdefault(path, {})[number] = blob
        return found

    def changed(self) -> bool:
        """Whether something tracked is not as HEAD has it."""
        return bool(self.run("status", "--porcelain", "-uno")[1])

    def seen(self) -> Seen:
        refs = self._refs()
        head = self._head()
        unmerged = self.unmerged()
        logs, bases = self._told(refs, head)
        reflogs = {
            name: self._reflog(name) for name in ("HEAD", *sorted(refs)) if "tags/" not in name
        }
        git = self.root / ".git"
        return Seen(
            head=head if head.startswith("refs/") else self._names.of(head) if head else "",
            refs={name: self._names.of(id_) for name, id_ in refs.items()},
            stage=self._stage(),
            work=self._work(),
            status=tuple(sorted(self._status())),
            conflicts={path: self._conflict(path, stages) for path, stages in unmerged.items()},
            unfinished=any((git / name).exists() for name in ("MERGE_HEAD", "REVERT_HEAD")),
            logs=logs,
            bases=bases,
            reflogs=reflogs,
            stashes=tuple(
                self._names.without_ids(line)
                for line in self.run("stash", "list", "--format=%gd %gs")[1].splitlines()
            ),
        )

    def _head(self) -> str:
        text = (self.root / ".git" / "HEAD").read_text().strip()
        return text.removeprefix("ref: ")

    def _refs(self) -> dict[str, str]:
        lines = self.run(
            "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags"
        )
        return dict(line.split(" ") for line in lines[1].splitlines())

    def _told(
        self, refs: Mapping[str, str], head: str
    ) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, frozenset[str]]]:
        """Logs and merge bases; asked for again only when something has moved."""
        key = (tuple(refs.items()), head)
        if key not in self._logs:
            born = head in refs or not head.startswith("refs/")
            logs = {words: self._log(words, born) for words in queries(refs, born)}
            self._logs[key] = (
                logs,
                {
                    pair: frozenset(
                        map(
                            self._names.of,
                            self.run("merge-base", "--all", *pair.split())[1].split(),
                        )
                    )
                    for pair in pairs(refs)
                },
            )
        return self._logs[key]

    def _log(self, words: str, born: bool) -> tuple[str, ...]:
        # Stashes are no part of what mvc calls all.
        words = words.replace("--all", "--branches --tags HEAD" if born else "--branches --tags")
        code, said = self.run("log", "--format=%H", *words.split())
        assert code == 0, said
        return tuple(map(self._names.of, said.split()))

    def _reflog(self, ref: str) -> tuple[tuple[str, str, str], ...]:
        file = self.root / ".git" / "logs" / ref
        lines = file.read_text().splitlines() if file.exists() else []
        lines = [line for line in lines if not _moves_nothing(line)]
        return tuple(
            self._names.move(
                line[:40],
                line[41:81],
                line.partition("\t")[2].replace(
                    "the 'ort' strategy", "the tensor three-way strategy"
                ),
            )
            for line in lines
        )

    def silent_moves(self) -> bool:
        """Whether HEAD's log has lines for commands that moved nothing, of which mvc keeps no record."""
        return any(map(_moves_nothing, (self.root / ".git/logs/HEAD").read_text().splitlines()))

    def _status(self) -> list[tuple[str, str]]:
        found = []
        for line in self.run("status", "--porcelain", "-uall")[1].splitlines():
            code = "UU" if "U" in line[:2] or line[:2] in ("AA", "DD") else line[:2]
            found.append((code, line[3:]))
        return found

    def _stage(self) -> Files:
        found = {}
        for line in self.run("ls-files", "-s", "-z")[1].split("\0")[:-1]:
            about, path = line.split("\t")
            mode, blob, number = about.split()
            if number == "0":
                found[path] = mode == "100755", self._content(path, blob)
        return found

    def _work(self) -> Files:
        found = {}
        for place in sorted(self.root.rglob("*")):
            path = place.relative_to(self.root).as_posix()
            if place.is_file() and not path.startswith(".git/"):
                found[path] = bool(place.stat().st_mode & 0o100), self._seen(place.read_text())
        return found

    def _content(self, path: str, blob: str) -> object:
        return self._seen(self._objects[blob].data.decode())

    def _seen(self, text: str) -> object:
        """The values of what is a model in mvc, else the text."""
        return of_text(text) if is_model(origin_of(text)) else self._names.without_ids(text)

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
        return Told(tuple(map(str, commit.parent_ids)), *who, commit.message, files)

    def _gather(
        self, tree: pygit2.Tree, folder: str, files: dict[str, tuple[bool, object]]
    ) -> None:
        for entry in tree:
            path = f"{folder}{entry.name}"
            if isinstance(entry, pygit2.Tree):
                self._gather(entry, f"{path}/", files)
            else:
                files[path] = entry.filemode == 0o100755, self._content(path, str(entry.id))


def _moves_nothing(line: str) -> bool:
    stays = re.search(r"\treset: |\tcommit \(amend\): |\tcheckout: moving from (\S+) to \1$", line)
    return line[:40] == line[41:81] and stays is not None


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


def queries(refs: Mapping[str, str], born: bool) -> list[str]:
    """What ``log`` is asked."""
    found = ["--all", "--all --topo-order"]
    if born:
        found += ["HEAD", "HEAD --first-parent", "HEAD --topo-order", "-n 2 HEAD"]
    for pair in pairs(refs):
        one, other = pair.split()
        found += [f"{one}..{other}", f"{one}...{other}"]
    return found if refs else []


def pairs(refs: Mapping[str, str]) -> list[str]:
    there = [name for name in BRANCHES if f"refs/heads/{name}" in refs]
    return [f"{one} {other}" for one in there for other in there if one < other]
