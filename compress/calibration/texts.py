"""Texts cut into token sequences: what a step calibrates on, and what it is judged on; known by their digest.

Owns which windows are taken. The same files, tokenizer, seed and sizes give the same sequences in the same
order; nothing is shuffled, and no global generator is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from compress.matrix import Tensor
from compress.model.weights import Committed
from mvc.errors import MvcError, UsageError
from mvc.history.record import Json
from mvc.values import dataclass

#: The share at the end of a text that is kept for evaluation where no other text is given for it.
HELD = 0.1
#: Characters that are looked at for each token asked for: some four make a token, so seeds have a choice.
_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Samples:
    """``ids`` ``[n, length]``, int64. ``files``: name → SHA-256 of what they were cut from."""

    ids: Tensor
    files: Mapping[str, str]
    seed: int | None = None
    warnings: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over the shape and the tokens."""
        found = hashlib.sha256(repr(tuple(self.ids.shape)).encode())
        found.update(self.ids.contiguous().numpy().astype("<i8").tobytes())
        return found.hexdigest()

    def written(self) -> dict[str, Json]:
        """As a record says it."""
        count, length = self.ids.shape
        return {
            "digest": self.digest,
            "samples": int(count),
            "length": int(length),
            "files": dict(self.files),
            "seed": self.seed,
        }


def fitting(committed: Committed, asked: int) -> int:
    """The length ``asked`` for, or what the model can take."""
    most = committed.config.get("max_position_embeddings")
    return min(asked, most) if isinstance(most, int) and most > 0 else asked


def tokenizer_of(committed: Committed) -> Any:
    """The tokenizer beside the model.

    Raises:
        UsageError: there is none that transformers can read.
    """
    import transformers

    with committed.unpacked() as folder:
        try:
            return transformers.AutoTokenizer.from_pretrained(folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = str(error).split("\n")[0]  # what transformers lists below fits no line
            raise UsageError(
                f"there is no tokenizer beside {committed.path} that could cut texts: {why}",
                hint="mvc add tokenizer.json tokenizer_config.json",
            ) from error


@dataclass(frozen=True, slots=True)
class Text:
    """``files``: name → SHA-256 of the whole file, whatever part of them ``text`` is."""

    text: str
    files: Mapping[str, str]

    def split(self) -> tuple[Text, Text]:
        """What to calibrate on, and the end, which is kept to judge by."""
        cut = len(self.text) - int(len(self.text) * HELD)
        return Text(self.text[:cut], self.files), Text(self.text[cut:], self.files)

    def tokens(self, tokenizer: Any, most: int) -> Tensor:
        """Its tokens, int64; of a long text only as much as ``most`` tokens may be drawn from is looked at."""
        import torch

        part = self.text[: most * _CHARACTERS]
        ids = tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"]
        return torch.tensor(ids, dtype=torch.long)


def read(paths: Sequence[str]) -> Text:
    """The texts in files, one after the other.

    Raises:
        MvcError: one can't be read as UTF-8 text.
    """
    parts, files = [], {}
    for path in paths:
        try:
            with open(path, "rb") as file:
                data = file.read()
            parts.append(data.decode("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise MvcError(f"{path} can't be read as text: {error}", hint="--data FILE") from error
        files[path] = hashlib.sha256(data).hexdigest()
    return Text("".join(parts), files)


def windows(
    ids: Tensor, files: Mapping[str, str], count: int, length: int, *, seed: int | None
) -> Samples:
    """``count`` sequences of ``length`` tokens, in the order of the text.

    With a seed they are drawn from all that there are, without one they are spread evenly.

    Raises:
        UsageError: there is not one.
    """
    import torch

    there = len(ids) // length
    if there < 1 or count < 1:
        raise UsageError(
            f"{', '.join(files) or 'the data'}: {len(ids)} tokens are fewer than one sequence of {length}",
            hint="more text (--data FILE FILE), or --length 64",
        )
    taken = min(count, there)
    warnings: tuple[str, ...] = ()
    if taken < count:
        warnings = (f"only {taken} sequences of {length} tokens are there, not {count}",)
    if seed is None:
        chosen = torch.arange(taken) * there // taken
    else:
        draw = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(there, generator=draw)[:taken].sort().values
    cut = torch.stack([ids[int(at) * length : (int(at) + 1) * length] for at in chosen])
    return Samples(cut, dict(files), seed, warnings)
