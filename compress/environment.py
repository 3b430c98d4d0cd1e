"""What arithmetic depends on besides the recipe: library versions, threads, the kind of machine."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

from mvc.errors import MvcError
from mvc.history.record import Json

_LIBRARIES = ("torch", "transformers", "safetensors")
_NEEDED = (*_LIBRARIES, "yaml")


def require() -> None:
    """Let a step begin only where its libraries are.

    Raises:
        MvcError: the extra is not installed.
    """
    with installed():
        for name in _NEEDED:
            importlib.import_module(name)


@contextmanager
def installed() -> Iterator[None]:
    """For as long as the block lasts, a library that is missing is said as what to install.

    Raises:
        MvcError: the extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _NEEDED:
            raise
        raise MvcError(
            f"mvc compress needs {name}, which is not installed",
            hint='pip install "mvc-weights[compress]"',
        ) from error


def versions(*more: str) -> dict[str, str]:
    """Of the libraries that compute; ``more`` are those that an operation uses besides."""
    found = {}
    for name in (*_LIBRARIES, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def told() -> dict[str, Json]:
    """As a record says it: one against two threads differ in the last bits of many weights."""
    import torch

    return {"threads": torch.get_num_threads(), "machine": platform.machine()}


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with ``count`` threads for the block; 0 leaves them as they are."""
    import torch

    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count:
            torch.set_num_threads(before)
