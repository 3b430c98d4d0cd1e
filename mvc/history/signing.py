"""The seam of signatures: who can sign bytes, who can judge a signature of them, and what is found.

``ssh_keygen.py`` does both as Git does; tests have a twin in memory. A signature is an armoured block of lines,
as Git keeps it in the header ``gpgsig`` of a commit and at the end of a tag. Knows no commit, no configuration.
"""

from __future__ import annotations

from typing import Literal, Protocol

from mvc.values import dataclass

#: Git's letter for a signature (``%G?``): good, good of a key that nobody is known by, bad, one that can't be
#: checked, none.
Status = Literal["G", "U", "B", "E", "N"]

#: How the armour of each kind of signature begins. Source: Git's ``gpg-interface.c``.
ARMOURS = {
    "-----BEGIN SSH SIGNATURE-----": "SSH",
    "-----BEGIN PGP SIGNATURE-----": "PGP",
    "-----BEGIN PGP MESSAGE-----": "PGP",
    "-----BEGIN SIGNED MESSAGE-----": "X.509",
}


@dataclass(frozen=True, slots=True)
class Check:
    """What a signature turned out to be; ``said`` are the lines of the program that judged it.

    ``signer`` is the principal that the key is allowed to sign as, ``key`` the key's fingerprint.
    """

    status: Status
    signer: str | None = None
    key: str | None = None
    said: str = ""


#: Of what bears no signature.
UNSIGNED = Check("N")


class Signer(Protocol):
    """Signs with one key."""

    def sign(self, payload: bytes) -> str:
        """The armoured signature of ``payload``, ending in a line break.

        Raises:
            SigningError: there is no key, or it can't be used.
        """
        ...


class Verifier(Protocol):
    """Knows which keys may sign."""

    def check(self, payload: bytes, signature: str, moment: int) -> Check:
        """What ``signature`` says of ``payload``, by the keys that were valid at ``moment`` (since 1970).

        Raises:
            SigningError: the program that judges can't be run.
        """
        ...


def armour_of(signature: str) -> str | None:
    """``SSH``, ``PGP`` or ``X.509``; None: no armour that Git knows."""
    return ARMOURS.get(signature.split("\n", 1)[0].rstrip())
