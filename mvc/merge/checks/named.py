"""Tensors known by their names: input and output embeddings, which have a row for each token.

The names are those of the Transformers library; a model that calls them otherwise is recognized by its sizes.
"""

from __future__ import annotations

from mvc.merge.checks.beside import Beside

_INPUTS = frozenset(
    "embed_tokens wte word_embeddings tok_embeddings shared embed_in token_embd".split()
)
_OUTPUTS = frozenset("lm_head embed_out output".split())
_DECODER = "cls.predictions.decoder"
_BIASES = ("lm_head.bias", f"{_DECODER}.bias", "cls.predictions.bias")
#: Sizes that a configuration has besides the vocabulary's.
_NO_SIZES = frozenset(
    ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id")
)


def is_input(name: str) -> bool:
    """Whether the tensor is an embedding of tokens."""
    return bool(_INPUTS.intersection(name.split(".")[-2:]))


def is_output(name: str) -> bool:
    """Whether it turns states into the scores of tokens; it may be tied to the input."""
    parts = name.split(".")
    return name.endswith(f"{_DECODER}.weight") or (
        bool(_OUTPUTS.intersection(parts[-2:])) and parts[-1] != "bias"
    )


def has_row_for_each_token(name: str, shape: tuple[int, ...], beside: Beside) -> bool:
    """Whether the first axis of a tensor of the model counts its tokens."""
    if not shape:
        return False
    rows = beside.rows
    if is_input(name) or is_output(name) or name.endswith(_BIASES):
        return rows is None or shape[0] == rows or shape[0] >= len(beside.tokens or ())
    if rows is None or shape[0] != rows:
        return False
    others = [value for key, value in beside.config.items() if key not in _NO_SIZES]
    return rows not in [value for value in others if isinstance(value, int)]
