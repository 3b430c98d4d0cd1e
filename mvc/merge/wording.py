"""Git's default words for a merge.

Source: Git's ``builtin/merge.c``, ``merge_name``, and ``fmt-merge-msg.c``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mvc.history import revisions
from mvc.history.branches import tag_message
from mvc.history.context import Context
from mvc.history.refs import BRANCHES, TAGS

_KINDS = {BRANCHES: "branch", TAGS: "tag", "refs/remotes/": "remote-tracking branch"}
#: ``one^^`` and ``one~3``, but neither ``one^2`` nor ``one~1~1``: that much Git looks for.
_BACK = re.compile(r"(?P<name>.*?)(?:(?P<up>\^+)|~(?P<number>[0-9]*))")


def merge_message(context: Context, other: str) -> str:
    """The message of a merge of the revision ``other``, as it was written."""
    current = (context.refs.branch() or "HEAD").removeprefix(BRANCHES)
    into = "" if current in ("main", "master") else f" into {current}"
    name = revisions.spelled_out(context, other)
    return f"Merge {_what(context, name)}{into}{_body(context, name)}"


def octopus_message(context: Context, others: Sequence[str]) -> str:
    """The message of a merge of several revisions: ``Merge branches 'a', 'b' and 'c'``."""
    kinds: dict[str, list[str]] = {}
    for other in others:
        kind, _, name = _what(context, revisions.spelled_out(context, other)).partition(" '")
        kinds.setdefault(kind, []).append(f"'{name}")
    named = []
    for kind, names in kinds.items():
        many = f"{kind}es" if kind.endswith("branch") else f"{kind}s"
        plural = kind if len(names) == 1 else many
        *first, last = names
        named.append(f"{plural} {', '.join(first)}{' and ' if first else ''}{last}")
    current = (context.refs.branch() or "HEAD").removeprefix(BRANCHES)
    into = "" if current in ("main", "master") else f" into {current}"
    return f"Merge {', '.join(named)}{into}"


def _what(context: Context, name: str) -> str:
    ref = revisions.resolve_ref(context, name) or ""
    for prefix, kind in _KINDS.items():
        if ref.startswith(prefix):
            return f"{kind} '{name}'"
    back = _BACK.fullmatch(name)
    if back and context.refs.raw(BRANCHES + back["name"]) is not None:
        early = back["up"] or int(back["number"] or 1)
        return f"branch '{back['name']}'{' (early part)' if early else ''}"
    return f"commit '{name}'"


def _body(context: Context, name: str) -> str:
    """What an annotated tag says."""
    ref = revisions.resolve_ref(context, name) or ""
    said = tag_message(context, ref.removeprefix(TAGS)) if ref.startswith(TAGS) else None
    return f"\n\n{said[1].strip()}\n" if said else ""
