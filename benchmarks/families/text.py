"""Sentences from the docstrings of Python's own library, and the encoder's WordPiece vocabulary.

Another Python has other docstrings: ``digest`` tells two texts apart, and stands among a family's facts.
"""

from __future__ import annotations

import ast
import hashlib
import random
import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_WORD = re.compile(r"[a-z0-9]+|[^\sa-z0-9]")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def sentences(seed: int) -> list[str]:
    """Sentences of five to forty words, in an order that the seed draws."""
    found = list(_sorted())
    random.Random(seed).shuffle(found)
    return found


def digest() -> str:
    """SHA-256 of all sentences, in order."""
    return hashlib.sha256("\n".join(_sorted()).encode()).hexdigest()


@cache
def _sorted() -> tuple[str, ...]:
    return tuple(sorted({text for text in _all() if 5 <= len(text.split()) <= 40}))


def _all() -> Iterator[str]:
    library = Path(sysconfig.get_path("stdlib"))
    for file in sorted(library.glob("*.py")):
        tree = ast.parse(file.read_text("utf-8", errors="replace"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                for text in _SENTENCE.split(ast.get_docstring(node) or ""):
                    yield " ".join(text.split())


class WordPiece:
    """BERT's uncased tokens, the longest piece first (Wu et al., arXiv:1609.08144)."""

    def __init__(self, words: list[str]) -> None:
        self._ids = {word: number for number, word in enumerate(words)}
        self.mask = self._ids["[MASK]"]

    @classmethod
    def read(cls, vocabulary: Path) -> WordPiece:
        """From a file of one piece a line."""
        return cls(vocabulary.read_text("utf-8").splitlines())

    def ids(self, text: str, most: int) -> list[int]:
        """``[CLS]``, at most ``most`` - 2 tokens, ``[SEP]``."""
        tokens = [token for word in _WORD.findall(text.lower()) for token in self._pieces(word)]
        return [self._ids["[CLS]"], *tokens[: most - 2], self._ids["[SEP]"]]

    def _pieces(self, word: str) -> list[int]:
        pieces: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((e for e in ends if prefix + word[start:e] in self._ids), None)
            if end is None:
                return [self._ids["[UNK]"]]
            pieces.append(self._ids[prefix + word[start:end]])
            start = end
        return pieces
