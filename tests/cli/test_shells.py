"""What a shell is told: completions, the pager, help; all in a process of its own, as a shell starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli.terminal import Terminal
from click.shell_completion import BashComplete

from mvc.cli.app import VERBS, program

CODE = "import sys; sys.argv[0] = 'mvc'; from mvc.cli.main import run; run()"


def typed(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
    )


def completed(line: str) -> set[str]:
    """What ``line`` can be completed to at its end."""
    *words, incomplete = line.split(" ")[1:]
    found = BashComplete(program, {}, "mvc", "_MVC_COMPLETE").get_completions(words, incomplete)
    return {item.value for item in found}


@pytest.fixture
def named(terminal: Terminal) -> Terminal:
    terminal.commit("one", model={"layers.0.q": [1.0], "layers.0.k": [1.0]})
    terminal("branch", "feature")
    terminal("tag", "fine")
    return terminal


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mvc st", {"status", "stash"}),
        ("mvc log --gr", {"--graph", "--grep"}),
        ("mvc log f", {"feature", "fine"}),
        ("mvc switch f", {"feature"}),
        ("mvc diff main..f", {"main..feature", "main..fine"}),
        ("mvc ls mo", {"model.safetensors"}),
        ("mvc log -- f", set()),
        ("mvc rm ", {"model.safetensors"}),
        ("mvc cat model.safetensors layers.0.q", {"layers.0.q"}),
        ("mvc help comm", {"commit"}),
        ("mvc merge --strategy dare", {"dare_linear", "dare_ties"}),
        ("mvc nonsense x", set()),
    ],
)
def test_a_word_is_completed(named: Terminal, line: str, expected: set[str]) -> None:
    assert completed(line) == expected


def test_the_shell_gets_words_and_nothing_else(named: Terminal) -> None:
    asked = {"COMP_CWORD": "2", "_MVC_COMPLETE": "bash_complete"}
    done = typed(COMP_WORDS="mvc log f", **asked)
    assert (done.stdout, done.stderr) == ("plain,feature\nplain,fine\n", "")
    done = typed(COMP_WORDS="mvc nonsense x", **asked)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_outside_of_a_repository_verbs_are_completed_all_the_same(bare_terminal: Terminal) -> None:
    assert completed("mvc switch x") == set()
    assert completed("mvc ini") == {"init"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_asks_mvc(bare_terminal: Terminal, shell: str) -> None:
    script = bare_terminal("completion", shell)
    assert f"_MVC_COMPLETE={shell}_complete" in script and script.count("\n") > 10


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_is_what_it_says_of_itself(bare_terminal: Terminal, verb: str) -> None:
    said = bare_terminal("help", verb)
    assert said == bare_terminal(verb, "--help")
    assert said.startswith(f"Usage: mvc {verb}")


def test_help_goes_into_groups_of_verbs_and_knows_its_limits(bare_terminal: Terminal) -> None:
    assert bare_terminal("help", "stash", "pop").startswith("Usage: mvc stash pop")
    assert bare_terminal("help") == bare_terminal("--help")
    assert "did you mean merge" in bare_terminal.run("help", "mrege").err
    assert bare_terminal.run("help", "log", "x").code == 2


posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


def on_a_terminal(*words: str, **environment: str) -> tuple[str, int]:
    """What a terminal of its own shows, and the exit code."""
    import pty

    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", CODE, *words],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
    ) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # Linux's way to say that nobody writes any more
                break
            if not piece:
                break
            shown += piece
        os.close(master)
    return shown.decode().replace("\r\n", "\n"), process.returncode


@posix
def test_a_long_answer_goes_through_the_pager_with_its_colours(named: Terminal) -> None:
    shown, code = on_a_terminal("log", PAGER="sed 's/^/> /'")
    assert code == 0 and shown.startswith("> \x1b[33mcommit ")
    assert "\x1b" not in on_a_terminal("log", PAGER="sed 's/^/> /'", NO_COLOR="1")[0]


@posix
@pytest.mark.parametrize(
    ("configured", "environment", "words", "first"),
    [
        ("sed s/^/c/", {"MVC_PAGER": "sed s/^/m/", "PAGER": "sed s/^/p/"}, [], "m"),
        ("sed s/^/c/", {"PAGER": "sed s/^/p/"}, [], "c"),
        (None, {"PAGER": "sed s/^/p/"}, [], "p"),
        (None, {"PAGER": "sed s/^/p/"}, ["--no-pager"], ""),
    ],
)
def test_gits_order_decides_which_pager(
    named: Terminal,
    configured: str | None,
    environment: dict[str, str],
    words: list[str],
    first: str,
) -> None:
    if configured is not None:
        home = Path(os.environ["HOME"])
        home.mkdir(exist_ok=True)
        (home / ".gitconfig").write_text(f"[core]\n\tpager = {configured}\n")
    named("config", "core.pager", "touch hostile; cat")  # a repository's word starts no program
    shown, _ = on_a_terminal(*words, "grep", "layers.0.q", NO_COLOR="1", **environment)
    assert shown == f"{first}model.safetensors:layers.0.q\n"
    assert not (named.root / "hostile").exists()


@posix
def test_who_leaves_the_pager_early_gets_no_error(named: Terminal) -> None:
    for number in range(3):
        named("commit", "--allow-empty", "-m", f"{number}\n\n" + "word " * 20_000)
    shown, code = on_a_terminal("log", PAGER="head -n1", NO_COLOR="1")
    assert code == 0 and shown.count("\n") == 1


def test_no_pager_where_nobody_looks(named: Terminal) -> None:
    assert typed("log", "--oneline", PAGER="sed s/^/P/").stdout.count("P") == 0


def test_quiet_is_quiet_before_and_behind_the_verb(terminal: Terminal) -> None:
    terminal.write("a.txt", "1\n")
    terminal("add", "a.txt")
    assert terminal("commit", "-q", "-m", "one") == ""
    assert terminal("-q", "commit", "--allow-empty", "-m", "two") == ""
    assert terminal("switch", "-q", "-c", "other") == ""
    assert terminal("reset", "-q", "--hard", "HEAD~1") == ""
    assert terminal("-q", "log", "--oneline") != ""
