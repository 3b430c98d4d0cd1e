"""The bad one of 16 steps and of 30 layers of SmolLM2-135M: ``python -m benchmarks.compression.bisecting``.

Steps prune two blocks each by magnitude; one of them ruins a matrix besides. The layer is one of a step that
prunes all blocks. Each bad step is tried within 3 % first. Fifteen minutes on two cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.compression import page, rounds, smollm
from compress.edit import Edit, Mask
from compress.operations import prune
from compress.operations.prune import Prune
from compress.options import Options
from compress.running import Refused, take
from mvc.repository import Repository

STEPS, LAYERS = 16, 30


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--judged", type=int, default=4, help="sequences of 256 tokens")
    parser.add_argument("--step", type=int, default=11, help="the bad one, from 1")
    parser.add_argument("--layer", type=int, default=17, help="the bad one, from 0")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)
    with rounds.folder() as place:
        repo = smollm.repository(Path(place))
        os.chdir(place)
        held = Path("held.txt").read_text("utf-8")
        Path("held.txt").write_text(held[: 1400 * asked.judged], "utf-8")
        options = Options(
            held=("held.txt",), judged=asked.judged, threads=asked.threads, limit="none"
        )
        lines = rounds.Lines()
        lines.say(
            "| | candidates | tests | of the good one | found | processor seconds | the guard |"
        )
        lines.say("| --- | ---: | ---: | ---: | --- | ---: | --- |")
        lines.say(_layers(repo, asked, options))
        lines.say(_steps(repo, asked, options))
    page.tell(
        "bisecting",
        lines,
        f"SmolLM2-135M, judged by perplexity on {asked.judged} × 256 tokens within 3 %.",
    )


def _layers(repo: Repository, asked: Any, options: Options) -> str:
    recipe = Prune(method="magnitude", sparsity=0.05)
    with _ruined(f".{asked.layer}.mlp.down_proj."):
        guard = _refused(repo, recipe, options)
        take(repo, recipe, options)
    begun = _spent()
    told = json.loads(_typed("run", "--layers", "HEAD", "--json"))
    found = told["layer"] == f"model.layers.{asked.layer}"
    repo.reset("HEAD~1", mode="hard")
    return _row("layers", told["layers"], told["measured"], found, begun, guard)


def _steps(repo: Repository, asked: Any, options: Options) -> str:
    dense, bad, guard = str(repo.head), "", ""
    for number in range(1, STEPS + 1):
        blocks = tuple(f"model.layers.{n}.*" for n in (number - 1, number + 13))
        recipe = Prune(method="magnitude", sparsity=0.1, only=blocks)
        if number != asked.step:
            take(repo, recipe, options)
            continue
        with _ruined(f".{number - 1}.mlp.down_proj."):
            guard = _refused(repo, recipe, options)
            bad = take(repo, recipe, options).commit.id  # type: ignore[union-attr]
    _typed("start", "HEAD", dense)
    begun = _spent()
    said = _typed("run")
    measured = int(said.rpartition(" measured,")[0].rpartition("\n")[2])
    found = f"{bad} is the first bad commit" in said
    return _row("steps", STEPS, measured, found, begun, guard)


def _typed(*words: str) -> str:
    limit = ["--metric", "perplexity", "--data", "held.txt", "--max-increase", "3%"]
    more = limit if words[0] == "run" else []
    command = [sys.executable, "-m", "mvc", "bisect", words[0], *more, *words[1:]]
    environment = {"GIT_AUTHOR_NAME": "B", "GIT_AUTHOR_EMAIL": "b@example.org", **os.environ}
    environment |= {"GIT_COMMITTER_NAME": "B", "GIT_COMMITTER_EMAIL": "b@example.org"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return done.stdout


def _row(what: str, of: int, measured: int, found: bool, begun: float, guard: str) -> str:
    word, seconds = "yes" if found else "NO", _spent() - begun
    return f"| {what} | {of} | {measured - 1} | 1 | {word} | {seconds:.0f} | {guard} |"


def _spent() -> float:
    """Processor seconds of commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _refused(repo: Repository, recipe: Prune, options: Options) -> str:
    """What the guard says of it: it alone would have kept the step out."""
    try:
        take(repo, recipe, replace(options, limit="3%"))
    except Refused as refusal:
        return refusal.message.partition(";")[0]
    raise SystemExit("the guard let the bad one land")


@contextlib.contextmanager
def _ruined(word: str) -> Iterator[None]:
    """While it lasts, prune adds noise to matrices of which the name contains ``word``."""
    honest = prune.OPERATION

    def edit(matrix: Any, recipe: Any) -> Edit:
        import torch

        found = honest.edit(matrix, recipe)  # type: ignore[misc]
        if word not in matrix.name:
            return found
        draw = torch.Generator().manual_seed(1)
        noise = torch.randn(matrix.weight.shape, generator=draw) * matrix.weight.std()
        weight = (found.payload.dense + noise) * (found.payload.dense != 0)
        return replace(found, payload=Mask(weight))

    prune.OPERATION = replace(honest, edit=edit)
    try:
        yield
    finally:
        prune.OPERATION = honest


if __name__ == "__main__":
    main()
