"""Git for model weights: the public face.

    import mvc

    repo = mvc.open(".")
    repo.add(["model.safetensors"])
    repo.commit("fine-tune on the new data")
    weights = repo.load("HEAD~1")          # a mapping; tensors are decoded on first use

``init`` and ``open`` give a ``Repository``; everything that goes wrong is an ``MvcError``. Names are loaded
when they are first used, so that ``import mvc`` costs nothing.
"""

from __future__ import annotations

from mvc.version import VERSION as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mvc import errors
    from mvc.errors import MvcError
    from mvc.history.signature import Signature
    from mvc.history.ssh_keygen import SshSigner, SshVerifier
    from mvc.history.step import Step
    from mvc.opening import init, open
    from mvc.repository import Repository

__all__ = [
    "MvcError",
    "Repository",
    "Signature",
    "SshSigner",
    "SshVerifier",
    "Step",
    "__version__",
    "errors",
    "init",
    "open",
]

_HOMES = {
    "MvcError": "mvc.errors",
    "Repository": "mvc.repository",
    "Signature": "mvc.history.signature",
    "SshSigner": "mvc.history.ssh_keygen",
    "SshVerifier": "mvc.history.ssh_keygen",
    "Step": "mvc.history.step",
    "init": "mvc.opening",
    "open": "mvc.opening",
}


def __getattr__(name: str) -> object:
    import importlib

    if name == "errors":
        return importlib.import_module("mvc.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'mvc' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
