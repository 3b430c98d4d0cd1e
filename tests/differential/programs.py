"""Random histories: edits of the work tree, and commands that Git and mvc take word for word.

Words are drawn without looking at the repository: a revision that does not exist, a merge in the middle of a
merge, a branch that is already there are as welcome, since both have to refuse them.
"""

from __future__ import annotations

from dataclasses import dataclass

from differential.blocks import NAMES
from hypothesis import strategies as st

PATHS = ("m.safetensors", "notes", "d/more")
BRANCHES = ("main", "one", "two")


@dataclass(frozen=True)
class Edit:
    """Give ``name`` of a file a value, or none; the file is made where there is none."""

    path: str
    name: str
    value: int | None


@dataclass(frozen=True)
class Delete:
    """Remove a file from the work tree."""

    path: str


@dataclass(frozen=True)
class Flip:
    """Make a file executable, or not."""

    path: str


@dataclass(frozen=True)
class Run:
    """A command of both tools."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Settle:
    """Settle every conflict with what ``ours`` or ``theirs`` has."""

    side: str


@dataclass(frozen=True)
class Wait:
    """Let the clock go on: what comes next is dated ``seconds`` later, or earlier."""

    seconds: int


Step = Edit | Delete | Flip | Run | Settle | Wait
Program = list[Step]


def run(line: str, **choices: st.SearchStrategy[str]) -> st.SearchStrategy[Program]:
    """The command of ``line`` with a choice for each ``{word}`` in it."""
    return st.builds(
        lambda **chosen: [Run(tuple(line.format(**chosen).split()))],
        **{name: of for name, of in choices.items() if f"{{{name}}}" in line},
    )


paths = st.sampled_from(PATHS)
branches = st.sampled_from(BRANCHES)
messages = st.sampled_from(["first", "second", "third"])
simple = st.sampled_from(["HEAD", "HEAD", "HEAD~1", "HEAD~2", "HEAD^2", *BRANCHES, "v1"])
revisions = simple | st.sampled_from(["one~1", "two^", "HEAD@{1}", "main@{1}", "@{-1}", "HEAD^2~1"])
edits = st.builds(Edit, paths, st.sampled_from(NAMES), st.sampled_from([None, 1, 2, 3, 4]))
waits = st.builds(Wait, st.sampled_from([0, 1, 1, 60, -30]))
_WORDS = {
    "path": paths,
    "branch": branches,
    "message": messages,
    "revision": revisions,
    "simple": simple,
}

#: Lines of commands, by how often they are typed.
_COMMANDS = {
    6: ["merge --no-edit {branch}", "switch {branch}", "switch -c {branch} {simple}"],
    3: [
        "merge --no-edit --no-ff {branch}",
        "revert --no-edit {revision}",
        "commit -m {message}",
        "add -A",
        "reset -q --hard {revision}",
        "stash push",
        "stash pop",
    ],
    2: [
        "merge --no-edit -X ours {revision}",
        "merge --no-edit -X theirs {branch}",
        "merge --ff-only {revision}",
        "merge --abort",
        "revert --no-edit -m 1 {revision}",
        "revert --abort",
        "revert --skip",
        "revert --no-edit {revision} {simple}",
        "revert --no-edit {simple} {branch} {revision}",
        "reset -q {revision}",
        "reset -q --soft {revision}",
        "commit --amend --no-edit",
        "commit --allow-empty -m {message}",
        "switch --detach {revision}",
        "switch -c {branch}",
    ],
    1: [
        "merge --no-edit -m {message} --no-ff {revision}",
        "merge --continue",
        "revert --no-edit -m 2 {revision}",
        "revert --continue",
        "reset -q",
        "reset -q {simple} -- {path}",
        "commit -a -m {message}",
        "commit --amend -m {message}",
        "add -u",
        "add {path}",
        "branch {branch} {revision}",
        "branch -f {branch} {simple}",
        "branch -d {branch}",
        "branch -D {branch}",
        "tag v1 {revision}",
        "tag -f v1",
        "tag -d v1",
        "rm -q {path}",
        "rm -q --cached {path}",
        "rm -q -f {path}",
        "mv {path} moved",
        "mv moved {path}",
        "restore {path}",
        "restore --staged {path}",
        "restore --source {simple} {path}",
        "checkout -q {simple} -- {path}",
        "switch -",
        "switch -C {branch} {simple}",
        "switch -f {branch}",
        "stash apply",
        "stash drop",
        "stash push -m {message}",
        "stash push -k",
    ],
}

commands = st.one_of(
    [
        run(line, **_WORDS)
        for often, lines in _COMMANDS.items()
        for line in lines
        for _ in range(often)
    ]
)


def _saved(edits_: Program, message: str) -> Program:
    return [*edits_, Run(("add", "-A")), Run(("commit", "-m", message))]


def _fork(home: str, branch: str, mine: Program, theirs: Program, end: Program) -> Program:
    """Two branches that go apart, as merges and reverts need them."""
    there = [Run(("switch", home)), Run(("switch", "-c", branch)), *_saved(theirs, f"on-{branch}")]
    return [*there, Run(("switch", home)), *_saved(mine, f"on-{home}"), *end]


_few = st.lists(edits, min_size=1, max_size=2)
#: What may become of two branches: a merge of either into the other, or nothing yet.
_ends = st.sampled_from(
    ["", "merge --no-edit one", "switch one", "merge --no-edit two", "merge --no-edit -X ours one"]
).map(lambda line: [Run(tuple(line.split()))] if line else [])
_forks = st.one_of(
    st.builds(_fork, st.just("main"), st.sampled_from(["one", "two"]), _few, _few, _ends),
    st.builds(_fork, st.sampled_from(["one", "two"]), branches, _few, _few, _ends),
)
#: Unsaved work, and a merge or revert that is given up if it stops: the work stays.
_given_up = st.builds(
    lambda few, what, how: [*few, Run(tuple(what.split())), Run((what.split()[0], how))],
    _few,
    st.sampled_from(
        ["merge --no-edit one", "revert --no-edit HEAD~1", "revert --no-edit one HEAD~2"]
    ),
    st.sampled_from(["--abort", "--abort", "--skip", "--continue"]),
)
_parts = st.lists(
    st.one_of(
        _few,
        st.builds(_saved, _few, messages),
        st.builds(_saved, _few, messages),
        _forks,
        commands,
        commands,
        commands,
        commands,
        _given_up,
        st.builds(lambda path: [Delete(path)], paths),
        st.builds(lambda path: [Flip(path)], paths),
        st.builds(lambda side: [Settle(side)], st.sampled_from(["ours", "theirs"])),
        st.builds(
            lambda side, end: [Settle(side), Run((end, "--continue"))],
            st.sampled_from(["ours", "theirs"]),
            st.sampled_from(["merge", "revert"]),
        ),
        st.builds(lambda few: [*few, Run(("revert", "--skip"))], _few),
        waits.map(lambda wait: [wait]),
    ),
    min_size=5,
    max_size=20,
)
programs = st.builds(
    lambda forks, parts: [step for part in (*forks, *parts) for step in part],
    st.lists(_forks, max_size=3),
    _parts,
)

#: What every history begins with.
BEGINNING: Program = _saved([Edit(path, name, 0) for path in PATHS for name in NAMES[:2]], "begin")
