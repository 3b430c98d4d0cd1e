"""Configuration files that hold nothing out of the ordinary, read without libgit2.

Nearly every verb asks who the user is, and importing libgit2's binding for it took 0.12 s, half of such a
verb's start. So sections, ``name = value`` and comments are read here; whatever else Git's format has
(quotes, escapes, continued lines, includes, names without a value) is left to libgit2. Source:
``git-config(1)``, "Syntax".
"""

from __future__ import annotations

import re

_SECTION = re.compile(r'\[([A-Za-z0-9-]+)(?:[ \t]+"([^"\\]*)")?\]')
_OPTION = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*=[ \t]*(\S(?:.*\S)?)")
_SPECIAL = re.compile(r'["\\#;\x00-\x1f\x7f]|  ')
_WHITE = " \t\r"


def plain_entries(data: bytes) -> list[tuple[str, str]] | None:
    """Names, as ``section.subsection.name``, and values in order; None: ask libgit2."""
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        return None
    prefix, found = "", []
    for line in (line.strip(_WHITE) for line in lines):
        if not line or line[0] in "#;":
            continue
        section, option = _SECTION.fullmatch(line), _OPTION.fullmatch(line)
        if section is not None and not section[1].lower().startswith("include"):
            prefix = section[1].lower() + "." + (f"{section[2]}." if section[2] else "")
        elif option is not None and prefix and not _SPECIAL.search(option[2]):
            found.append((prefix + option[1].lower(), option[2]))
        else:
            return None
    return found
