"""mergekit in an environment of its own, and a merge by it: ``python -m benchmarks.mergekit`` installs it.

A merge is the command that a person would type, ``mergekit-yaml``, on folders as Hugging Face models are: the
weights and a ``config.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measure import Run, clean, fresh, run
from benchmarks.model import LAYERS, tensors
from benchmarks.peers import MODEL

FOLDER = Path(__file__).resolve().parents[1] / ".cache" / "peers" / "mergekit"
#: torch is the build without CUDA that the tests use, so that both have the same processor.
PACKAGES = ("mergekit==0.1.5", "torch==2.13.0")


def program() -> Path:
    """The command; there once it was installed."""
    return FOLDER / "bin" / "mergekit-yaml"


def install() -> None:
    """Make the environment."""
    subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
    pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "-q", *PACKAGES], check=True)


def folder_of(model: Path, folder: Path, size: int) -> Path:
    """A folder with ``model`` and the configuration that says what it is."""
    fresh(folder)
    os.link(model, folder / MODEL)
    vocabulary, width = tensors(size)[0].shape
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_attention_heads": width // 64,
        "num_hidden_layers": LAYERS,
        "num_key_value_heads": width // 64,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "vocab_size": vocabulary,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def merge(
    method: str,
    base: Path,
    models: Sequence[Path],
    parameters: Mapping[str, object],
    place: Path,
    compute: str = "float32",
) -> Run:
    """Merge the folders ``models`` into ``place``; numbers are computed in ``compute``, stored as BF16."""
    recipe: dict[str, object] = {
        "merge_method": method,
        "models": [{"model": str(model), "parameters": dict(parameters)} for model in models],
        "dtype": compute,
        "out_dtype": "bfloat16",
    }
    if method != "linear":
        recipe["base_model"] = str(base)
    config = fresh(place).with_suffix(".yaml")
    config.write_text(json.dumps(recipe), encoding="utf-8")  # JSON is YAML
    environment = clean() | {"HF_HUB_OFFLINE": "1", "HOME": str(place.parent)}
    return run([program(), config, place], place.parent, environment)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0]).parse_args()
    if not program().exists():
        install()
    print(f"{program()}: ready")


if __name__ == "__main__":
    main()
