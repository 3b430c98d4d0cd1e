"""The unified diff of a text file, hunks as Git's own, which libgit2 makes.

It promises lines that ``git apply`` takes. difflib is not used: on files of thousands of changed lines it
takes minutes, on which libgit2 takes milliseconds.
"""

from __future__ import annotations

from dataclasses import replace

from mvc.values import dataclass

#: Git's ``quote.c``.
_ESCAPES = dict(zip(b'\a\b\t\n\v\f\r"\\', 'abtnvfr"\\', strict=True))


@dataclass(frozen=True, slots=True)
class TextDiff:
    """``lines`` without their newlines: ``---``, ``+++``, then hunks; none when the content is equal."""

    lines: tuple[str, ...]
    insertions: int
    deletions: int


def text_diff(
    old: bytes | None, new: bytes | None, old_path: str, new_path: str
) -> TextDiff | None:
    """The change from ``old`` to ``new``; None stands for a file that is not there.

    None is given back when either has a NUL in its first 8000 bytes, by which Git tells binary files, or
    is not UTF-8.
    """
    for content in (old, new):
        if content is not None and b"\0" in content[:8000]:
            return None
    import pygit2  # what has no text to compare, a commit of tensors, starts without

    # libgit2 reads the buffers whenever the patch is asked: both must outlive it.
    before, after = old or b"", new or b""
    patch = pygit2.Patch.create_from(before, after, flag=pygit2.enums.DiffOption.FORCE_TEXT)
    _, insertions, deletions = patch.line_stats
    hunks = b"@@" + patch.data.partition(b"\n@@")[2] if insertions or deletions else b""
    del patch
    try:
        # Git ends lines at \n alone.
        body = hunks.decode("utf-8").removesuffix("\n").split("\n") if hunks else []
    except UnicodeDecodeError:
        return None
    if body:
        body[:0] = _titles(None if old is None else old_path, None if new is None else new_path)
    return TextDiff(tuple(body), insertions, deletions)


def relabelled(diff: TextDiff, old_path: str | None, new_path: str | None) -> TextDiff:
    """``diff`` with other names in its first two lines; None stands for a file that is not there."""
    if not diff.lines:
        return diff
    return replace(diff, lines=(*_titles(old_path, new_path), *diff.lines[2:]))


def header(
    old_path: str, new_path: str, old_mode: int | None, new_mode: int | None, renamed: bool = False
) -> tuple[str, ...]:
    """Git's lines above a file's hunks; a mode of None stands for a file that is not there."""
    lines = [f"diff --git {quoted(f'a/{old_path}')} {quoted(f'b/{new_path}')}"]
    if old_mode is None:
        lines.append(f"new file mode {new_mode:o}")
    elif new_mode is None:
        lines.append(f"deleted file mode {old_mode:o}")
    elif old_mode != new_mode:
        lines += [f"old mode {old_mode:o}", f"new mode {new_mode:o}"]
    if renamed:
        lines += ["similarity index 100%"]
        lines += [f"rename from {quoted(old_path)}", f"rename to {quoted(new_path)}"]
    return tuple(lines)


def quoted(path: str) -> str:
    """``path`` as Git writes it: in C's quotes when it holds a quote, or more than printable ASCII."""
    if path.isascii() and path.isprintable() and '"' not in path and "\\" not in path:
        return path
    # Surrogates: as a hostile tree, or a file system, may have it.
    escaped = "".join(map(_escaped, path.encode("utf-8", "surrogateescape")))
    return f'"{escaped}"'


def _escaped(byte: int) -> str:
    if byte in _ESCAPES:
        return "\\" + _ESCAPES[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


def _titles(old_path: str | None, new_path: str | None) -> list[str]:
    return [
        "--- /dev/null" if old_path is None else f"--- {_named('a', old_path)}",
        "+++ /dev/null" if new_path is None else f"+++ {_named('b', new_path)}",
    ]


def _named(side: str, path: str) -> str:
    # A tab tells programs where a name with spaces ends, as in Git.
    return quoted(f"{side}/{path}") + ("\t" if " " in path else "")
