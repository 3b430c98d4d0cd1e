"""Who signs and whose signatures count, from options and from Git's configuration; and the options themselves.

``gpg.format`` may be ``ssh`` or unset: SSH keys are all that mvc signs with. Programs are those that the user
configured, never a repository's. Source: ``git-config(1)``, ``gpg.*``.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mvc.cli.revisions import Separated
from mvc.cli.settings import here, is_true, own
from mvc.errors import SigningError

if TYPE_CHECKING:
    from mvc.history.ssh_keygen import SshSigner, SshVerifier
    from mvc.opened import Opened
    from mvc.repository import Repository

Verb = TypeVar("Verb", bound=Callable[..., Any])
_OUT = "--no-gpg-sign, or mvc config commit.gpgsign false, leaves it unsigned"


class Signing(click.Command):
    """A command with ``-S[KEYID]``: the key is glued to the option, as a word behind it is none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Spell ``-S`` and ``-SKEY`` as click understands them."""
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, [*map(_spelled, args[:end]), *args[end:]])


class SigningSeparated(Signing, Separated):
    """The same, for a command whose words hear of ``--``."""


def _spelled(word: str) -> str:
    if word == "--gpg-sign":
        return "--gpg-sign="
    return f"--gpg-sign={word[2:]}" if word.startswith("-S") else word


def signs(verb: Verb) -> Verb:
    """``-S`` and ``--no-gpg-sign``, of a verb that makes commits; its class is ``Signing``."""
    verb = click.option(
        "--no-gpg-sign",
        is_flag=True,
        expose_value=False,
        callback=_unsigned,
        help="Do not sign, whatever commit.gpgSign says.",
    )(verb)
    return click.option(
        "-S",
        "--gpg-sign",
        is_flag=False,
        flag_value="",
        metavar="[KEYID]",
        expose_value=False,
        callback=_signed,
        help="Sign the commit; with user.signingKey if no key is glued to it.",
    )(verb)


def _signed(context: click.Context, parameter: click.Parameter, key: str | None) -> None:
    if key is not None and context.obj is not None:
        _tell(context.obj.repository, key)


def _unsigned(context: click.Context, parameter: click.Parameter, given: bool) -> None:
    if given and context.obj is not None:
        _tell(context.obj.repository, False)


def as_begun(repository: Repository) -> None:
    """Sign what goes on now as the command was told that began it, unless this one is told otherwise."""
    waiting = repository.unfinished()
    if waiting is not None and waiting.sign is not None and repository.told_to_sign is None:
        _tell(repository, waiting.sign)


def _tell(repository: Opened, key: str | bool) -> None:
    repository.told_to_sign = key
    repository.signer = (lambda: signer_of(repository, key)) if isinstance(key, str) else None


def commit_signer(repository: Opened) -> SshSigner | None:
    """The key that ``commit.gpgSign`` has commits signed with; None: they are not signed."""
    return signer_of(repository, "") if is_true(here(repository), "commit.gpgsign") else None


def signer_of(repository: Opened, key: str) -> SshSigner:
    """The key ``key``, or where it is empty the configured one.

    Raises:
        SigningError: there is none, or another kind of signature is configured.
    """
    from mvc.history.ssh_keygen import SshSigner, literal_key

    settings = here(repository)
    _require_ssh(settings)
    chosen = key or settings.get("user.signingkey") or _default_key()
    if literal_key(chosen) is None:
        chosen = _path(repository, chosen)
    return SshSigner(chosen, **_program())


def verifier_of(repository: Opened) -> SshVerifier:
    """What judges by the configured ``gpg.ssh.allowedSignersFile`` and ``revocationFile``."""
    from mvc.history.ssh_keygen import SshVerifier

    settings = here(repository)
    allowed = settings.get("gpg.ssh.allowedsignersfile")
    revoked = settings.get("gpg.ssh.revocationfile")
    return SshVerifier(
        _path(repository, allowed) if allowed else None,
        _path(repository, revoked) if revoked else None,
        **_program(),
    )


def _require_ssh(settings: dict[str, str]) -> None:
    form = settings.get("gpg.format", "ssh")
    if form != "ssh":
        raise SigningError(
            f"mvc signs with SSH keys, and gpg.format is {form}",
            hint=f"mvc config gpg.format ssh, and mvc config user.signingkey FILE; {_OUT}",
        )


def _default_key() -> str:
    """What ``gpg.ssh.defaultKeyCommand`` prints first."""
    command = own().get("gpg.ssh.defaultkeycommand")
    if command is None:
        raise SigningError(
            "either user.signingkey or gpg.ssh.defaultKeyCommand needs to be configured",
            hint=f"mvc config user.signingkey ~/.ssh/id_ed25519.pub; {_OUT}",
        )
    try:
        words = shlex.split(command)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except (OSError, ValueError) as error:
        raise SigningError(f"gpg.ssh.defaultKeyCommand failed: {error}") from error
    if done.returncode:
        raise SigningError(f"gpg.ssh.defaultKeyCommand failed: {done.stderr.strip()}")
    key = done.stdout.split("\n", 1)[0].strip()
    if not key.startswith(("key::", "ssh-")):
        raise SigningError("gpg.ssh.defaultKeyCommand succeeded but returned no keys")
    return key


def _path(repository: Opened, value: str) -> str:
    """Git's reading of a path: ``~`` is the home, what is relative begins at the work tree's root."""
    return os.path.join(repository.root, os.path.expanduser(value))


def _program() -> dict[str, str]:
    program = own().get("gpg.ssh.program")
    return {"program": os.path.expanduser(program)} if program else {}
