"""Signing and judging on the command line, with Git beside it: each takes what the other has signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.terminal import Terminal, safetensors
from signing_keys import allow, public, settle_in

MODEL = {"a": [1.0, 2.0], "b": [3.0]}


@pytest.fixture
def signing(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A repository, and a home with a key in it."""
    settle_in(_home(terminal))
    monkeypatch.setenv("HOME", str(_home(terminal)))
    return terminal


def _home(terminal: Terminal) -> Path:
    return terminal.root.parent / "home"


def _git(terminal: Terminal, *words: str, code: int = 0, given: str | None = None) -> str:
    done = terminal.run_git(*words, given=given)
    assert done.code == code, (words, done)
    return done.out + done.err


def _letters(terminal: Terminal, *revisions: str) -> list[str]:
    """``%G?`` of each commit, on which mvc and Git must agree."""
    words = ["log", "--format=%h %G? %GS %GK %GT", *revisions]
    mine, its = terminal(*words), _git(terminal, *words)
    assert mine == its
    return [line.split()[1] for line in mine.splitlines()]


def _configure(terminal: Terminal, **options: str) -> None:
    for name, value in options.items():
        terminal("config", name.replace("_", "."), value)


def test_every_verb_that_commits_signs_and_git_says_good(signing: Terminal) -> None:
    signing.commit("one", m=MODEL)
    signing("switch", "-c", "side")
    signing.write("notes.md", "aside\n")
    signing("add", ".")
    signing("commit", "-S", "-m", "aside")
    signing("switch", "main")
    signing.write("m.safetensors", safetensors({**MODEL, "a": [5.0, 2.0]}))
    signing("commit", "-a", f"-S{_home(signing)}/ada", "-m", "two")
    signing("merge", "-S", "side")
    signing("revert", "--gpg-sign", "HEAD^1")
    signing("cherry-pick", "-S", "HEAD~1^1")
    signing("commit", "--amend", "-S", "-m", "amended")
    assert _letters(signing, "-n5") == ["G", "G", "G", "G", "G"]
    signing("switch", "-c", "top", "HEAD~1")
    signing("rebase", "-S", "side")
    assert _letters(signing, "-n3", "top") == ["G", "G", "G"]
    assert _letters(signing, "-n1", "HEAD~3") == ["N"]
    _git(signing, "verify-commit", "HEAD", "HEAD~1")
    _git(signing, "fsck", "--strict")


def test_configuration_signs_and_one_option_does_not(signing: Terminal) -> None:
    _configure(signing, commit_gpgsign="true", tag_gpgsign="true")
    signing.commit("one", m=MODEL)
    assert _letters(signing) == ["G"]
    signing("commit", "--amend", "--no-gpg-sign", "--no-edit")
    assert _letters(signing) == ["N"]
    signing("commit", "--amend", "--no-edit")
    assert _letters(signing) == ["G"]
    signing("tag", "v1", "-m", "first")
    _git(signing, "verify-tag", "v1")
    signing("tag", "--no-sign", "v2", "-m", "second")
    assert signing.run("verify-tag", "v2").code == 1
    _configure(signing, commit_gpgsign="perhaps")
    assert "bad boolean config value" in signing.run("commit", "--amend", "--no-edit").err


def test_an_amended_commit_loses_its_signature(signing: Terminal) -> None:
    signing.commit("one", m=MODEL)
    signing("commit", "--amend", "-S", "--no-edit")
    signing("commit", "--amend", "-m", "else")
    assert _letters(signing) == ["N"]


def test_tags_that_are_signed_are_good_for_git(signing: Terminal) -> None:
    signing.commit("one", m=MODEL)
    signing("tag", "-s", "v1", "-m", "first", "-m", "of many")
    signing("tag", "-u", "~/eve", "-m", "hers", "v2")
    for name, code in (("v1", 0), ("v2", 1)):
        mine = signing.run("verify-tag", "-v", name)
        its = _git(signing, "verify-tag", "-v", name, code=code)
        assert (mine.code, mine.out + mine.err) == (code, its)
    assert (
        signing.run("tag", "-v", "v1").out
        == _git(signing, "cat-file", "tag", "v1").split("-----")[0]
    )
    assert signing("show", "-s", "v1").split("commit")[0].endswith("\nfirst\n\nof many\n\n")
    assert "no tag message" in signing.run("tag", "-s", "v3").err


def test_what_git_has_signed_is_good(signing: Terminal) -> None:
    signing.commit("one", m=MODEL)
    made = _git(signing, "commit-tree", "-S", "-p", "HEAD", "-m", "by Git", "HEAD^{tree}").strip()
    _git(signing, "tag", "-s", "v1", "-m", "by Git", made)
    assert _letters(signing, made, "-n1") == ["G"]
    found = signing.run("verify-commit", made)
    assert found.code == 0
    assert "the message has no Merkle root" in found.err
    assert signing.run("verify-tag", "v1").code == 0


@pytest.mark.parametrize("of", ["commit", "tag"])
def test_what_was_changed_after_signing_is_bad(of: str, signing: Terminal) -> None:
    signing.commit("one", m=MODEL)
    signing("commit", "--amend", "-S", "--no-edit")
    signing("tag", "-s", "v1", "-m", "one")
    body = _git(signing, "cat-file", of, "v1" if of == "tag" else "HEAD")
    forged = _git(
        signing, "hash-object", "-t", of, "-w", "--stdin", given=body.replace("one\n", "two\n")
    ).strip()
    mine = signing.run(f"verify-{of}", forged)
    assert (mine.code, mine.err) == (1, _git(signing, f"verify-{of}", forged, code=1))
    if of == "commit":
        assert _letters(signing, forged) == ["B"]
        signing("branch", "forged", forged)
        assert signing.run("verify", "m.safetensors", "--at", "forged").code == 1
        assert "bad GPG signature" in signing.run("merge", "--verify-signatures", "forged").err


def test_a_key_counts_while_it_is_allowed(signing: Terminal) -> None:
    signing.commit("one", m=MODEL)
    signing("commit", "--amend", "-S", "--no-edit")
    home, key = _home(signing), public("ada")
    allow(home, f"eve@example.org {public('eve')}")
    assert _letters(signing) == ["U"]
    mine = signing.run("verify-commit", "HEAD")
    assert (mine.code, mine.err) == (1, _git(signing, "verify-commit", "HEAD", code=1))
    assert "No principal matched." in mine.err
    allow(home, f'ada@example.org valid-before="20200101" {key}')
    assert _letters(signing) == ["U"]
    allow(home, f'ada@example.org namespaces="file" {key}')
    assert _letters(signing) == ["B"]
    allow(home, f'*@example.com,ada@example.org valid-after="20200101" {key}')
    assert _letters(signing) == ["G"]
    (home / "revoked").write_text(f"{key}\n")
    _configure(signing, gpg_ssh_revocationFile="~/revoked")
    assert _letters(signing) == ["B"]
    assert signing.run("verify", "m.safetensors", "--signed").code == 1


def test_a_lie_about_the_weights_is_told_though_git_says_good(signing: Terminal) -> None:
    """The tree is another's, as if SHA-1 had been broken; the message, with its root, is the one signed."""
    first = signing.commit("one", m=MODEL)
    signing.commit("two", m={**MODEL, "b": [4.0]})
    message = _git(signing, "log", "-1", "--format=%B")
    lie = _git(signing, "commit-tree", "-S", "-m", message, f"{first}^{{tree}}").strip()
    _git(signing, "verify-commit", lie)
    found = signing.run("verify-commit", lie)
    assert found.code == 1
    assert "another Merkle root than these weights have" in found.err
    assert signing("log", "-n1", "--format=%G?", lie) == "B\n"
    signing("branch", "lie", lie)
    signing.write("copy.safetensors", safetensors(MODEL))
    checked = signing.run("verify", "copy.safetensors", "m.safetensors", "--at", "lie")
    assert checked.code == 1
    assert "equal to" in checked.out
    refused = signing.run("merge", "--verify-signatures", "lie")
    assert (refused.code, "has other weights" in refused.err) == (9, True)


def test_verify_says_who_signed(signing: Terminal) -> None:
    signing.commit("one", m=MODEL)
    file = ("verify", "m.safetensors", "--signed")
    assert signing.run(*file).code == 1
    assert "is not signed" in signing.run(*file).out
    signing("tag", "-s", "v1", "-m", "first")
    said = signing(*file, "--at", "v1")
    assert 'Good "git" signature for ada@example.org' in said
    assert "the Merkle root that it vouches for is that of the weights" in said
    signing.write("m.safetensors", safetensors({**MODEL, "b": [4.0]}))
    assert signing.run(*file, "--at", "v1").code == 1


def test_signatures_show_in_log_and_show(signing: Terminal) -> None:
    signing.commit("one", m=MODEL)
    signing("commit", "--amend", "-S", "--no-edit")
    signing("tag", "-s", "v1", "-m", "first")
    assert signing("log", "--show-signature").split("\n")[1].startswith('Good "git" signature for')
    assert signing("log").split("\n")[1].startswith("Author: ")
    assert signing("show", "v1", "-s", "--show-signature").count('Good "git"') == 2
    found = json.loads(signing("show", "v1", "--show-signature", "--json"))
    assert [one["kind"] for one in found["signatures"]] == ["commit", "tag"]


def test_merge_takes_what_is_signed(signing: Terminal) -> None:
    signing.commit("one", m=MODEL)
    signing("switch", "-c", "side")
    signing.write("notes.md", "aside\n")
    signing("add", ".")
    signing("commit", "-S", "-m", "aside")
    signing("switch", "main")
    _configure(signing, merge_verifySignatures="true")
    said = signing("merge", "side")
    assert "has a good GPG signature by ada@example.org" in said
    signing("reset", "--hard", "HEAD~1")
    allow(_home(signing))
    head = signing.head()
    assert signing.run("merge", "side").code == 9
    assert signing.head() == head
    signing("merge", "--no-verify-signatures", "side")


def test_what_is_missing_is_said_and_nothing_changes(signing: Terminal) -> None:
    head = signing.commit("one", m=MODEL)
    signing.write("m.safetensors", safetensors({**MODEL, "b": [4.0]}))
    for key, value, why in (
        ("user.signingkey", "absent", "no such signing key"),
        ("gpg.format", "openpgp", "gpg.format is openpgp"),
    ):
        signing("config", key, value)
        refused = signing.run("commit", "-a", "-S", "-m", "two")
        assert refused.code == 9
        assert why in refused.err
        assert "hint: " in refused.err
    assert signing.head() == head
    assert signing("status", "--short") == " M m.safetensors\n"


def test_without_ssh_keygen_it_says_what_to_install(
    signing: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing.commit("one", m=MODEL)
    signing("commit", "--amend", "-S", "--no-edit")
    monkeypatch.setenv("PATH", str(signing.root))
    for words in (("commit", "--amend", "-S", "--no-edit"), ("verify-commit", "HEAD")):
        refused = signing.run(*words)
        assert refused.code == 9
        assert "cannot run ssh-keygen" in refused.err
        assert "openssh-client" in refused.err


def test_a_repository_names_no_program(signing: Terminal) -> None:
    trap = signing.write("trap", "#!/bin/sh\ntouch sprung\n")
    trap.chmod(0o755)
    _configure(
        signing, gpg_ssh_program=str(trap), gpg_ssh_defaultKeyCommand=str(trap), user_signingkey=""
    )
    signing.commit("one", m=MODEL)
    assert "user.signingkey" in signing.run("commit", "--amend", "-S", "--no-edit").err
    signing("commit", "--amend", "-S~/ada", "--no-edit")
    assert signing.run("verify-commit", "HEAD").code == 0
    assert not (signing.root / "sprung").exists()


def test_a_command_may_give_the_key(signing: Terminal) -> None:
    home = _home(signing)
    with (home / ".gitconfig").open("a") as file:
        file.write(f"\tdefaultKeyCommand = echo ssh-ed25519 {public('ada')[12:]}\n")
        file.write("[user]\n\tsigningkey =\n")
    signing.commit("one", m=MODEL)
    refused = signing.run("commit", "--amend", "-S", "--no-edit")
    # The agent that holds the key does not run: that far it comes.
    assert refused.code == 9
    assert "failed to sign" in refused.err


@pytest.mark.parametrize("told", ["-S", "--no-gpg-sign"])
@pytest.mark.parametrize("verb", ["cherry-pick", "rebase"])
def test_what_goes_on_after_a_conflict_is_signed_as_it_was_begun(
    signing: Terminal, told: str, verb: str
) -> None:
    signing.commit("one", m=MODEL)
    signing("switch", "-q", "-c", "side")
    signing.commit("two", m=MODEL | {"a": [7.0, 2.0]})
    signing.commit("three", m=MODEL | {"a": [20.0, 2.0]})
    signing.commit("four", m=MODEL | {"a": [20.0, 2.0], "b": [4.0]})
    signing("switch", "-q", "main")
    signing.commit("other", m=MODEL | {"a": [9.0, 2.0]})
    _configure(signing, commit_gpgsign="false" if told == "-S" else "true")
    if verb == "rebase":
        signing("switch", "-q", "side")
    begun = (verb, told, "main..side" if verb == "cherry-pick" else "main")
    assert signing.run(*begun).code == 6
    for _ in range(2):  # both change what main has changed; the last one does not
        signing("resolve", "m.safetensors", "--strategy", "average")
        signing.run(verb, "--continue")
    assert _letters(signing, "-n3") == ["G" if told == "-S" else "N"] * 3
    assert signing.run(verb, "--continue").code != 0
