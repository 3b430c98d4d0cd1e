"""llm-compressor in an environment of its own, on tokens that we give; what it writes is read by our own forms.

``python -m benchmarks.compression.peer`` makes the environment.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

PLACE = Path(__file__).resolve().parents[2] / ".cache" / "peers" / "llm-compressor"
PACKAGES = ("llmcompressor==0.14.0.1", "torch==2.13.0")
_DRIVER = Path(__file__).with_name("drivers") / "llm_compressor.py"


def python() -> Path:
    """Its Python; the environment is made when it is not there."""
    found, ready = PLACE / "bin" / "python", PLACE / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", PLACE], check=True)
        subprocess.run([found, "-m", "pip", "install", "-q", *PACKAGES], check=True)
        ready.touch()
    return found


def compressed(
    model: Path, ids: Any, spec: Mapping[str, Any], *, threads: int, out: Path
) -> Folder:
    """What the driver makes of the folder ``model`` as ``spec`` says, calibrated on ``ids`` ``[n, length]``.

    Raises:
        SystemExit: it failed.
    """
    import numpy as np

    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "tokens.npy", ids.numpy())
    words = [python(), _DRIVER, model, out / "tokens.npy", json.dumps(dict(spec)), threads, out]
    done = subprocess.run(
        [str(word) for word in words], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"llm-compressor failed: {done.stderr[-2000:]}")
    return Folder(out)


class Folder:
    """The tensors of a folder with one safetensors file, as ``compress.model.weights.Weights``."""

    def __init__(self, folder: Path) -> None:
        from safetensors import safe_open

        self._file: Any = safe_open(folder / "model.safetensors", framework="pt")
        self.names: Collection[str] = set(self._file.keys())
        self.config: Mapping[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))

    def read(self, name: str) -> Any:
        """One tensor; KeyError if there is none."""
        if name not in self.names:
            raise KeyError(name)
        return self._file.get_tensor(name)

    def dtype(self, name: str) -> str | None:
        """As safetensors calls it."""
        return str(self._file.get_slice(name).get_dtype()) if name in self.names else None


if __name__ == "__main__":
    print(python())
