"""Builds the compiled kernel into the package, where the machine has a C compiler.

Without one the installation goes on, with the kernel in NumPy: the same bytes, more time. ``mvc version
--build-options`` says which one is in use. The kernel is plain C behind ctypes: no Python headers are needed,
and one wheel serves every version of Python on its system.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_FOLDER = Path("mvc", "store", "kernel")
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


class KernelBuildHook(BuildHookInterface[Any]):
    """``hatchling``'s hook for wheels, editable ones too."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tag the wheel for this system; on failure leave a wheel for any."""
        folder = Path(self.root, _FOLDER)
        built = folder / f"_kernel{_SUFFIX}"
        try:
            _compile(folder, built)
        except (OSError, subprocess.SubprocessError) as error:
            built.unlink(missing_ok=True)
            self.app.display_warning(f"no compiled kernel ({error}): commits will take longer")
            return
        build_data["artifacts"].append(str(built.relative_to(self.root)))
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


def _compile(folder: Path, target: Path) -> None:
    """Raises OSError or SubprocessError where there is no compiler, or it fails."""
    if sys.byteorder != "little":
        raise OSError("this machine is not little-endian")
    everything = sorted(folder.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in everything)).hexdigest()
    sources = [file.name for file in everything if file.suffix == ".c"]
    define = f'-DMVC_SOURCE="{digest}"'
    scratch = target.with_suffix(f".{os.getpid()}{_SUFFIX}")
    if sys.platform == "win32":
        command = [
            "cl",
            "/nologo",
            "/std:c11",
            "/O2",
            "/LD",
            define.replace('"', '\\"'),
            *sources,
        ]
        command.append(f"/Fe:{scratch}")
    else:
        compiler = os.environ.get("CC") or "cc"
        flags = ["-std=c11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", define]
        # A product and a sum that are rounded at once are another number.
        flags.append("-ffp-contract=off")
        command = [*compiler.split(), *flags, "-o", str(scratch), *sources]
    try:
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        os.replace(scratch, target)  # never in place: a running mvc may have it mapped
    finally:
        scratch.unlink(missing_ok=True)
