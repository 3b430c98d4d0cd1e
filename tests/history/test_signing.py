"""Signatures of commits and tags: what they cover, and what they are worth."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cli.terminal import safetensors
from signing_keys import MemorySigner, allow, public, require_ssh_keygen, write_key

import mvc
from mvc.errors import SigningError
from mvc.history.gitforms import parse_commit, parse_tag
from mvc.history.gitobjects import with_signature
from mvc.history.signed import parted_commit, parted_tag
from mvc.history.signing import Signer, Verifier
from mvc.history.ssh_keygen import SshSigner, SshVerifier
from mvc.repository import Repository

NOW = 1_700_000_000
ADA = MemorySigner("ada@example.org", b"ada")

Pair = tuple[Signer, Verifier, Verifier]


@pytest.fixture(params=["memory", "ssh-keygen"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    """Who signs, who trusts that key, and who does not."""
    if request.param == "memory":
        return ADA, ADA, MemorySigner("ada@example.org", b"ada", trusted=False)
    require_ssh_keygen()
    key = write_key(tmp_path, "ada")
    known = allow(tmp_path, f"ada@example.org {public('ada')}")
    nobody = tmp_path / "nobody"
    nobody.write_text(f"eve@example.org {public('eve')}\n")
    return SshSigner(str(key)), SshVerifier(str(known)), SshVerifier(str(nobody))


def test_what_was_signed_is_good_for_who_knows_the_key(pair: Pair) -> None:
    signer, friend, stranger = pair
    signature = signer.sign(b"payload\n")
    assert signature.startswith("-----BEGIN SSH SIGNATURE-----\n")
    assert signature.endswith("\n")
    found = friend.check(b"payload\n", signature, NOW)
    assert (found.status, found.signer) == ("G", "ada@example.org")
    assert found.key
    assert stranger.check(b"payload\n", signature, NOW).status == "U"


def test_what_was_not_signed_is_bad(pair: Pair) -> None:
    signer, friend, _ = pair
    assert friend.check(b"other\n", signer.sign(b"payload\n"), NOW).status == "B"


def test_what_is_no_ssh_signature_can_not_be_checked(tmp_path: Path) -> None:
    verifier = SshVerifier(str(allow(tmp_path)))
    for armour, kind in (("-----BEGIN PGP SIGNATURE-----\n", "PGP"), ("what?\n", "none of them")):
        found = verifier.check(b"x", armour, NOW)
        assert found.status == "E"
        assert kind in found.said


def test_without_a_file_of_allowed_signers_nothing_is_good(tmp_path: Path) -> None:
    for allowed in (None, str(tmp_path / "absent")):
        found = SshVerifier(allowed).check(b"x", ADA.sign(b"x"), NOW)
        assert found.status == "E"
        assert "allowedSignersFile" in found.said


def test_a_literal_key_is_looked_for_in_the_agent(tmp_path: Path) -> None:
    words = tmp_path / "words"
    program = tmp_path / "keygen"
    program.write_text(f'#!/bin/sh\necho "$@" > {words}\ncat "$6" >> {words}\nexit 1\n')
    program.chmod(0o755)
    with pytest.raises(SigningError):
        SshSigner(f"key::{public('ada')}", str(program)).sign(b"x")
    told = words.read_text().split()
    assert told[:5] == ["-Y", "sign", "-n", "git", "-f"]
    assert told[6] == "-U"
    assert words.read_text().endswith(f"{public('ada')}\n")


def test_why_a_signer_fails_is_said(tmp_path: Path) -> None:
    require_ssh_keygen()
    key = write_key(tmp_path, "ada")
    for signer, why in (
        (SshSigner(str(tmp_path / "absent")), "no such signing key"),
        (SshSigner(str(key), str(tmp_path / "absent")), "cannot run"),
        (SshSigner(str(allow(tmp_path, "no key"))), "failed to sign"),
    ):
        with pytest.raises(SigningError, match=why):
            signer.sign(b"x")


_HEADERS = b"tree 1\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000"
_LINES = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=6)


@given(message=st.binary(max_size=80), lines=st.lists(st.text("ab+/= -", max_size=9), min_size=1))
def test_a_commit_and_its_signature_come_apart_as_they_were_joined(
    message: bytes, lines: list[str]
) -> None:
    body = _HEADERS + b"\n\n" + message
    signature = "".join(f"{line}\n" for line in lines)
    assert parted_commit(with_signature(body, signature)) == (body, signature)
    assert parted_commit(body) == (body, None)


@given(_LINES)
def test_a_tag_and_its_signature_come_apart_as_they_were_joined(lines: list[bytes]) -> None:
    body = b"object 1\n\n" + b"".join(line + b"\n" for line in lines)
    signature = ADA.sign(body)
    assert parted_tag(body + signature.encode()) == (body, signature)
    assert parted_tag(body) == (body, None)


def test_a_signature_of_a_repository_by_sha256_is_no_part_of_what_was_signed() -> None:
    body = _HEADERS + b"\n\nmessage\n"
    signed = with_signature(body, "a\nb\n")
    head, _, message = signed.partition(b"\n\n")
    both = head + b"\ngpgsig-sha256 c\n d\n\n" + message
    assert parted_commit(both) == (body, "a\nb\n")


# ---- in a repository


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr("mvc.store.fs._full_sync", lambda descriptor: None)
    repo = mvc.init(str(tmp_path / "work"), who=mvc.Signature("Ada", "ada@example.org", NOW))
    repo.signer = repo.verifier = ADA
    return repo


def _save(repo: Repository, value: float) -> None:
    Path(repo.root, "m.safetensors").write_bytes(safetensors({"a": [value, 1.0], "b": [2.0]}))


def _commit(repo: Repository, value: float = 1.0) -> str:
    _save(repo, value)
    repo.add(["."])
    return repo.commit(f"to {value}").id


def test_a_signed_commit_reaches_the_weights(repo: Repository) -> None:
    found = repo.verify_commit(_commit(repo))
    assert (found.kind, found.check.status, found.root) == ("commit", "G", "match")
    assert found.reaches
    text = found.payload.decode()
    assert "Tensor-Merkle-Root: " in text
    assert "gpgsig" not in text


def test_the_signature_is_no_part_of_message_or_people(repo: Repository) -> None:
    commit = repo.read_commit(_commit(repo))
    _, body = repo._context.git.raw(commit.id)
    assert parse_commit(commit.id, parted_commit(body)[0]) == commit


def test_a_signed_tag_keeps_its_message(repo: Repository) -> None:
    _commit(repo)
    repo.tags.create("v1", message="first\n\nof many", signer=ADA)
    assert repo.tags.message("v1") == (repo._now, "first\n\nof many\n")
    found = repo.tags.verify("v1")
    assert (found.kind, found.commit, found.reaches) == ("tag", repo.head, True)
    kind, body = repo._context.git.raw(repo.tags["v1"])
    assert (kind, parse_tag("", body).signature) == ("tag", ADA.sign(found.payload))


def test_a_message_that_names_other_weights_is_found_out_though_the_signature_is_good(
    repo: Repository,
) -> None:
    first = repo.read_commit(_commit(repo, 1.0))
    second = repo.read_commit(_commit(repo, 2.0))
    writer = repo._context.writer()
    lie = writer.commit(first.tree, [], first.author, first.committer, second.message, ADA)
    writer.flush()
    found = repo.verify_commit(lie)
    assert (found.check.status, found.root, found.reaches) == ("G", "differs", False)


def test_a_commit_of_another_tool_has_no_root(repo: Repository) -> None:
    first = repo.read_commit(_commit(repo))
    writer = repo._context.writer()
    other = writer.commit(first.tree, [], first.author, first.committer, "no trailer\n", ADA)
    writer.flush()
    found = repo.verify_commit(other)
    assert (found.check.status, found.root, found.reaches) == ("G", "absent", False)


class _Broken:
    def sign(self, payload: bytes) -> str:
        raise SigningError("no")


@pytest.mark.parametrize(
    "verb", ["commit", "commit -a", "merge", "revert", "cherry-pick", "rebase"]
)
def test_a_signer_that_fails_leaves_nothing_changed(verb: str, repo: Repository) -> None:
    _commit(repo, 1.0)
    repo.switch("side", create="new")
    Path(repo.root, "notes.md").write_text("aside\n")
    repo.add(["."])
    repo.commit("aside")
    repo.switch("main")
    _commit(repo, 2.0)
    if verb.startswith("commit"):
        _save(repo, 3.0)
    if verb == "commit":
        repo.add(["."])
    acts = {
        "commit": lambda: repo.commit("three"),
        "commit -a": lambda: repo.commit("three", all=True),
        "merge": lambda: repo.merge("side"),
        "revert": lambda: repo.revert("HEAD"),
        "cherry-pick": lambda: repo.cherry_pick(["side"]),
        "rebase": lambda: repo.rebase("side"),
    }

    def seen() -> object:
        refs = repo._context.refs.list("refs/")
        refs.pop("refs/mvc/ops", None)
        files = {p.name: p.read_bytes() for p in Path(repo.root).iterdir() if p.is_file()}
        return refs, repo._context.refs.raw("HEAD"), repo.status(), files

    before = seen()
    repo.signer = _Broken()
    with pytest.raises(SigningError):
        acts[verb]()
    assert seen() == before


def test_what_is_merged_must_be_signed_where_that_is_asked(repo: Repository) -> None:
    _commit(repo, 1.0)
    repo.signer = None
    repo.switch("side", create="new")
    _commit(repo, 2.0)
    repo.switch("main")
    heard: list[object] = []
    with pytest.raises(SigningError, match="does not have a GPG signature"):
        repo.merge("side", verify_signatures=heard.append)
    repo.signer = ADA
    repo.switch("side")
    signed = repo.commit(amend=True).id
    repo.switch("main")
    repo.verifier = MemorySigner("ada@example.org", b"ada", trusted=False)
    with pytest.raises(SigningError, match="untrusted"):
        repo.merge("side", verify_signatures=heard.append)
    repo.verifier = MemorySigner("ada@example.org", b"other")
    with pytest.raises(SigningError, match="bad GPG signature"):
        repo.merge("side", verify_signatures=heard.append)
    assert not heard
    repo.verifier = ADA
    assert repo.merge("side", verify_signatures=heard.append).commit == signed
    assert len(heard) == 1


def test_a_file_is_vouched_for_by_the_commit_or_by_the_tag(repo: Repository) -> None:
    repo.signer = None
    _commit(repo)
    file = str(Path(repo.root, "m.safetensors"))
    assert (repo.verify(file).same, repo.verify(file).signatures) == ("equal", ())
    assert not repo.verify(file).vouched
    repo.tags.create("v1", message="first", signer=ADA)
    found = repo.verify(file, "v1")
    assert ([one.kind for one in found.signatures], found.vouched) == (["tag"], True)
    repo.verifier = MemorySigner("ada@example.org", b"other")
    found = repo.verify(file, "v1")
    assert (found.vouched, found.forged) == (False, True)
