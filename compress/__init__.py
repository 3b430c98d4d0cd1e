"""Model compression that can be taken back: every step is a commit with its recipe and its measured effect.

    import compress, mvc

    repo = mvc.open(".")
    options = compress.Options(data=("corpus.txt",), limit="5%")
    taken = compress.take(repo, compress.Prune(sparsity=0.3), options)
    taken.commit, taken.verdict, taken.after.values

Operations (prune, quantize, factor, heal) are recipes and pure functions; one driver streams a model block by
block, evaluates before and after, asks a guard, and commits through mvc's public API, or leaves nothing. mvc
finds the package through entry points and never imports it. Needs the extra ``[compress]``. Names are loaded
when they are first used, so that importing this imports no framework.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compress.loading import load, register
    from compress.operations.dequantize import Dequantize
    from compress.operations.factor import Factor
    from compress.operations.heal import Heal
    from compress.operations.prune import Prune
    from compress.operations.quantize import Quantize
    from compress.operations.unfactor import Unfactor
    from compress.options import Options
    from compress.pipelines.pipeline import parse as parse_pipeline
    from compress.pipelines.running import run as run_pipeline
    from compress.reading import status
    from compress.rerunning import rerun
    from compress.running import Refused, Taken, take
    from compress.waves.running import begin as begin_waves
    from compress.waves.running import next_wave, resume
    from compress.waves.schedule import Schedule

__all__ = [
    "Dequantize",
    "Factor",
    "Heal",
    "Options",
    "Prune",
    "Quantize",
    "Refused",
    "Schedule",
    "Taken",
    "Unfactor",
    "begin_waves",
    "load",
    "next_wave",
    "parse_pipeline",
    "register",
    "rerun",
    "resume",
    "run_pipeline",
    "status",
    "take",
]

#: Name → the module that it is in, and what it is called there.
_HOMES = {
    "Dequantize": ("operations.dequantize", "Dequantize"),
    "Factor": ("operations.factor", "Factor"),
    "Heal": ("operations.heal", "Heal"),
    "Options": ("options", "Options"),
    "Prune": ("operations.prune", "Prune"),
    "Quantize": ("operations.quantize", "Quantize"),
    "Refused": ("running", "Refused"),
    "Schedule": ("waves.schedule", "Schedule"),
    "Taken": ("running", "Taken"),
    "Unfactor": ("operations.unfactor", "Unfactor"),
    "begin_waves": ("waves.running", "begin"),
    "load": ("loading", "load"),
    "next_wave": ("waves.running", "next_wave"),
    "parse_pipeline": ("pipelines.pipeline", "parse"),
    "register": ("loading", "register"),
    "rerun": ("rerunning", "rerun"),
    "resume": ("waves.running", "resume"),
    "run_pipeline": ("pipelines.running", "run"),
    "status": ("reading", "status"),
    "take": ("running", "take"),
}


def __getattr__(name: str) -> object:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'compress' has no attribute {name!r}")
    home, word = _HOMES[name]
    return getattr(importlib.import_module(f"compress.{home}"), word)
