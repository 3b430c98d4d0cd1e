"""Two people's SSH keys, always the same, so that what they sign is too; and a signer that needs no program.

The keys are of no use but here. They are put together as OpenSSH's ``PROTOCOL.key`` has it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

from mvc.history.signing import Check

#: Seed and public key (Ed25519).
_KEYS = {
    "ada": (
        "7ddce667249c757179a3d6a769a6e1e8820a3ebde9e0cc9ed252c9b4d574a3cf",
        "8bf11bf5535d3254224b9af9a3f89be6b560f48c19f6dd6315ba6fcee77b2079",
    ),
    "eve": (
        "f3b79d485eda3007faf6a431d152ee15c572c49f11f6cf8cfda8ae80421fdf22",
        "52f4cb59b2a83946fa68d81ac725fa0659868ed9af6c608a1bcc0234020872d0",
    ),
}


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def public(name: str) -> str:
    """The public key in one line, without a comment."""
    key = bytes.fromhex(_KEYS[name][1])
    return f"ssh-ed25519 {base64.b64encode(_string(b'ssh-ed25519') + _string(key)).decode()}"


def write_key(folder: Path, name: str) -> Path:
    """The private key as a file, and the public one beside it."""
    seed, key = map(bytes.fromhex, _KEYS[name])
    kind = _string(b"ssh-ed25519") + _string(key)
    private = bytes(8) + kind + _string(seed + key) + _string(name.encode())
    private += bytes(range(1, 1 + -len(private) % 8))
    body = b"openssh-key-v1\0" + _string(b"none") * 2 + _string(b"")
    body += struct.pack(">I", 1) + _string(kind) + _string(private)
    text = base64.encodebytes(body).decode()
    file = folder / name
    begin, end = (f"-----{word} OPENSSH PRIVATE KEY-----\n" for word in ("BEGIN", "END"))
    file.write_text(begin + text + end)
    file.chmod(0o600)
    file.with_name(f"{name}.pub").write_text(f"{public(name)} {name}\n")
    return file


def allow(folder: Path, *lines: str) -> Path:
    """A file of allowed signers."""
    file = folder / "allowed"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def require_ssh_keygen() -> None:
    """Git signs with it, so mvc does, and so do the tests: none is left out without."""
    assert shutil.which("ssh-keygen"), "install OpenSSH's client (Debian: openssh-client)"


def settle_in(home: Path) -> None:
    """Give Ada a home with her key, her configuration, and herself as the one who may sign."""
    require_ssh_keygen()
    home.mkdir(exist_ok=True)
    write_key(home, "ada")
    write_key(home, "eve")
    allow(home, f"ada@example.org {public('ada')}")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n\tsigningkey = ~/ada\n"
        '[gpg]\n\tformat = ssh\n[gpg "ssh"]\n\tallowedSignersFile = ~/allowed\n'
    )


@dataclass(frozen=True)
class MemorySigner:
    """Signs with a shared secret, and judges by it: the seam's twin in memory."""

    name: str
    secret: bytes
    trusted: bool = True

    def sign(self, payload: bytes) -> str:
        proof = hmac.digest(self.secret, payload, "sha256").hex()
        lines = ["-----BEGIN SSH SIGNATURE-----", self.name, proof, "-----END SSH SIGNATURE-----"]
        return "".join(f"{line}\n" for line in lines)

    def check(self, payload: bytes, signature: str, moment: int) -> Check:
        if signature != self.sign(payload):
            return Check("B", said="bad")
        key = hashlib.sha256(self.secret).hexdigest()
        return Check("G", self.name, key, "good") if self.trusted else Check("U", None, key, "who?")
