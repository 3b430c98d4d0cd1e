"""Which names of a folder ``mvc add .`` takes, and so what ``status`` calls untracked.

Owns the pure predicate; names only, no file is opened. Outside a code repository every name counts. Inside
one the code is Git's affair, so only model files and, next to them, their sidecars do. Imports nothing but
``os``: the fast path of ``status`` stands on it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

#: Folders that are never walked, whatever their case on disk.
SKIPPED = frozenset({".mvc", ".git"})
#: The ignore file: a candidate everywhere.
IGNORE_FILE = ".mvcignore"
#: Folders that mark themselves as not the user's work: Python environments, and caches by
#: https://bford.info/cachedir/. Inside a code repository nothing below them is a candidate.
_FOREIGN = frozenset({"pyvenv.cfg", "CACHEDIR.TAG"})

WEIGHTS = (
    *(".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".gguf", ".onnx", ".h5"),
    *(".npz", ".npy", ".keras", ".msgpack"),
)
_INDEXES = tuple(f"{suffix}.index.json" for suffix in WEIGHTS)

#: What Hugging Face repositories keep beside the weights.
_SIDECARS = frozenset(
    {
        *("config.json", "generation_config.json", "preprocessor_config.json", "modelcard.md"),
        *("processor_config.json", "adapter_config.json", "special_tokens_map.json", "readme.md"),
        *("added_tokens.json", "chat_template.json", "chat_template.jinja", "merges.txt"),
        *("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"),
        *("quantize_config.json", "quantization_config.json", "model_card.md", "model_index.json"),
    }
)
_SIDECAR_STARTS = ("tokenizer", "vocab")
_SIDECAR_SUFFIXES = (".model", ".json", ".txt", ".tiktoken")


def is_weights(name: str) -> bool:
    """Whether the file's name promises weights, or an index of shards."""
    lower = name.lower()
    return lower.endswith(WEIGHTS) or lower.endswith(_INDEXES)


def is_sidecar(name: str) -> bool:
    """Whether a file of this name, beside weights, belongs to the model."""
    lower = name.lower()
    if lower in _SIDECARS or lower.endswith(".model"):
        return True
    return lower.startswith(_SIDECAR_STARTS) and lower.endswith(_SIDECAR_SUFFIXES)


def among(names: Collection[str], in_code: bool) -> Iterable[str]:
    """Those of a folder's names that are candidates; ``in_code``: inside a code repository."""
    if not in_code:
        return names
    chosen = [name for name in names if is_weights(name) or name == IGNORE_FILE]
    if any(name != IGNORE_FILE for name in chosen):
        chosen += [name for name in names if is_sidecar(name) and not is_weights(name)]
    return chosen


def is_foreign(names: Collection[str]) -> bool:
    """Whether a folder with these names, inside a code repository, is an environment or a cache."""
    return not _FOREIGN.isdisjoint(names)


def enclosing_git(root: str) -> str | None:
    """The folder of the Git work tree around ``root``, itself included; None outside of any."""
    folder = root
    while not os.path.lexists(os.path.join(folder, ".git")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return None
    return folder


def in_code_repository(root: str) -> bool:
    """Whether ``root`` or a folder above it is a Git work tree."""
    return enclosing_git(root) is not None
