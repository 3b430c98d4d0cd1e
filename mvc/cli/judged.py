"""What a signature is worth, in the words of the program that judged it, and whether it reaches the weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from mvc.cli.output import quoted

if TYPE_CHECKING:
    from mvc.history.judging import Judged

#: What stands below a signature where it does not reach the weights.
UNREACHED = {
    "differs": "the signed message names another Merkle root than these weights have",
    "absent": "the message has no Merkle root: the weights are vouched for by Git's SHA-1 alone",
}


def judged_lines(found: Judged) -> Iterator[str]:
    """As ``log --show-signature`` shows it above a commit, coloured as in Git; nothing of an unsigned one."""
    if not found.signed:
        return
    hue = "cyan" if found.check.status == "G" and found.root != "differs" else "red"
    lines = found.check.said.split("\n") if found.check.said else ["No signature"]
    lines += [UNREACHED[found.root]] if found.root in UNREACHED else []
    yield from (click.style(quoted(line), fg=hue) for line in lines)


def judged_document(found: Judged) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "kind": found.kind,
        "id": found.id,
        "commit": found.commit,
        "status": found.check.status,
        "signer": found.check.signer,
        "key": found.check.key,
        "said": found.check.said.split("\n") if found.check.said else [],
        "root": found.root,
    }
