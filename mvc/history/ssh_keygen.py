"""Signing and judging with ``ssh-keygen``, exactly as Git does with ``gpg.format=ssh``.

Keys with a passphrase, in an agent or on a hardware token work as they do there, and nothing has to be
installed that Git does not use itself. Source: Git's ``gpg-interface.c`` (``sign_buffer_ssh``,
``verify_ssh_signed_buffer``, ``parse_ssh_output``), ``ssh-keygen(1)``, and OpenSSH's ``PROTOCOL.sshsig``.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Sequence

from mvc.errors import SigningError
from mvc.history.signing import Check, Status, armour_of
from mvc.store.fs import scratch_files
from mvc.values import dataclass

PROGRAM = "ssh-keygen"
NAMESPACE = "git"

_GOOD = re.compile(
    rf'Good "{NAMESPACE}" signature (?:for (?P<signer>.*) )?with \S+ key (?P<key>\S+)'
)
_INSTALL = "install OpenSSH 8.2p1 or newer (Debian: openssh-client), or set gpg.ssh.program"
_ALLOWED = (
    "gpg.ssh.allowedSignersFile needs to be configured and exist for ssh signature verification"
)


@dataclass(frozen=True, slots=True)
class SshSigner:
    """``key`` is the file of a key, private or public, or ``key::`` and a public key that an agent holds."""

    key: str
    program: str = PROGRAM

    def sign(self, payload: bytes) -> str:
        """As ``Signer.sign``.

        Raises:
            SigningError: no such key, a wrong passphrase, no ``ssh-keygen``.
        """
        literal = literal_key(self.key)
        files = {"payload": payload}
        if literal is not None:
            files["key"] = f"{literal}\n".encode()
        elif not os.path.isfile(self.key):
            raise SigningError(
                f"no such signing key: {self.key}",
                hint="mvc config user.signingkey ~/.ssh/id_ed25519.pub, or key::ssh-ed25519 …",
            )
        with scratch_files(files) as folder:
            target = os.path.join(folder, "payload")
            key = self.key if literal is None else os.path.join(folder, "key")
            words = ["-Y", "sign", "-n", NAMESPACE, "-f", key]
            # The input stays the user's own: ssh-keygen asks for a passphrase on a terminal alone.
            done = _run([self.program, *words, *(["-U"] if literal else []), target])
            if done.returncode:
                raise SigningError(
                    f"failed to sign the data: {_told(done.stderr) or 'ssh-keygen gave no reason'}",
                    hint=_INSTALL if b"usage:" in done.stderr else None,
                )
            try:
                with open(f"{target}.sig", "rb") as file:
                    signature = file.read().replace(b"\r", b"").decode("ascii")
            except (OSError, UnicodeDecodeError) as error:
                raise SigningError(f"{self.program} wrote no signature: {error}") from error
        if armour_of(signature) != "SSH":
            raise SigningError(f"{self.program} wrote no SSH signature", hint=_INSTALL)
        return signature if signature.endswith("\n") else signature + "\n"


@dataclass(frozen=True, slots=True)
class SshVerifier:
    """``allowed``: a file of allowed signers (``ssh-keygen(1)``); ``revoked``: of keys that count no more."""

    allowed: str | None = None
    revoked: str | None = None
    program: str = PROGRAM

    def check(self, payload: bytes, signature: str, moment: int) -> Check:
        """As ``Verifier.check``: good for a principal, of a key that no principal has, or bad.

        Raises:
            SigningError: no ``ssh-keygen``, or one that is too old.
        """
        kind = armour_of(signature)
        if kind != "SSH":
            return Check(
                "E", said=f"mvc checks SSH signatures, and this is {kind or 'none of them'}"
            )
        if self.allowed is None or not os.path.isfile(self.allowed):
            return Check("E", said=_ALLOWED)
        with scratch_files({"signature": signature.encode()}) as folder:
            return self._judged(self.allowed, os.path.join(folder, "signature"), payload, moment)

    def _judged(self, allowed: str, file: str, payload: bytes, moment: int) -> Check:
        about = ["-s", file, *_at(moment)]
        found = _run([self.program, "-Y", "find-principals", "-f", allowed, *about])
        if b"usage:" in found.stderr:
            raise SigningError(
                "ssh-keygen -Y find-principals/verify is needed for ssh signature verification",
                hint=_INSTALL,
            )
        principals = [line.rstrip("\r") for line in _text(found.stdout).split("\n") if line.strip()]
        if found.returncode or not principals:
            words = ["-Y", "check-novalidate", "-n", NAMESPACE, *about]
            done, good = _run([self.program, *words], payload), False
        else:
            for principal in principals:
                words = ["-Y", "verify", "-n", NAMESPACE, "-f", allowed, "-I", principal, *about]
                words += ["-r", self.revoked] if self.revoked is not None else []
                done = _run([self.program, *words], payload)
                good = done.returncode == 0 and done.stdout.startswith(b"Good")
                if good:
                    break
        told = [_told(part) for part in (done.stdout, found.stderr, done.stderr)]
        match = _GOOD.match(_text(done.stdout))
        status: Status = "B"
        if match is not None and done.returncode == 0:
            status = "G" if good and match["signer"] is not None else "U"
        signer, key = (match["signer"], match["key"]) if match else (None, None)
        return Check(status, signer, key, "\n".join(filter(None, told)))


def literal_key(key: str) -> str | None:
    """The public key itself, where ``key`` is no file: ``key::ssh-ed25519 AAAA…`` or, as of old, without."""
    if key.startswith("key::"):
        return key.removeprefix("key::")
    return key if key.startswith("ssh-") else None


def _at(moment: int) -> list[str]:
    """When the key had to be valid; ssh-keygen reads it in the local zone, as Git writes it."""
    try:
        local = time.localtime(moment)
    except (OverflowError, ValueError, OSError):
        return []
    return [f"-Overify-time={time.strftime('%Y%m%d%H%M%S', local)}"]


def _run(words: Sequence[str], given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(words, input=given, capture_output=True, check=False)
    except OSError as error:
        raise SigningError(
            f"cannot run {words[0]}: {error.strerror or error}", hint=_INSTALL
        ) from error


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace")


def _told(said: bytes) -> str:
    return "\n".join(line.rstrip() for line in _text(said).strip().split("\n"))
