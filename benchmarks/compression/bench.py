"""The model as a commit, its texts, and the evaluation that all are judged by: what each part stands on."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

import mvc
from benchmarks.compression import peer, smollm
from benchmarks.compression.rounds import WORK, Kept, Settings, Values, folder
from compress.allocation import choices_of
from compress.calibration.texts import read, tokenizer_of, windows
from compress.editing import Edited
from compress.evaluation.evaluator import Subject
from compress.evaluation.texts import Texts
from compress.events import unheard
from compress.model.skeleton import Skeleton
from compress.model.weights import Committed, Overlaid
from compress.operations import of as operation_of
from compress.standing import Standing
from compress.streaming import driver
from compress.streaming.journal import Scratch
from compress.streaming.whole import look


class Bench:
    """Measures a step of ours and of the reference's: same model, same calibration tokens, same evaluation."""

    def __init__(self, kept: Kept, settings: Settings) -> None:
        torch.set_num_threads(settings.threads)
        self.kept, self.settings = kept, settings
        self._folder = WORK / "repository"
        if not self._folder.exists():
            with folder() as place:  # whole or not at all, whoever else begins now
                made = Path(place, "made")
                made.mkdir()
                smollm.repository(made)
                with suppress(OSError):
                    made.rename(self._folder)
        self._repo = mvc.open(str(self._folder))
        self._dense = Committed(self._repo)
        self._tokenizer = tokenizer_of(self._dense)
        self._texts: dict[str, Any] = {}
        judged = windows(self._tokens("held"), {}, settings.judged, settings.length, seed=None)
        self._evaluator = Texts(judged, Subject(self._dense))

    def dense(self) -> None:
        """The model as it is."""
        self.kept.take("dense", lambda: self._judged(None))

    def ours(self, name: str, recipe: Any, seed: int = 0, text: str = "known") -> None:
        """The model after a step of ours, calibrated on a draw of ``text``; a seed of 0 draws nothing."""
        self.kept.take(_named(name, seed), lambda: self._ours(recipe, seed or 1, text))

    def theirs(self, name: str, seed: int, **spec: Any) -> None:
        """The model after the reference's step."""
        self.kept.take(_named(name, seed), lambda: self._theirs(seed, spec))

    def _ours(self, recipe: Any, seed: int, text: str) -> Values:
        operation, skeleton = operation_of(recipe), Skeleton(self._dense)
        ids = self._samples(seed, text)
        work = driver.Work(skeleton, operation, recipe, ids, Standing(), seed, {})
        if operation.look is not None:
            work = work.with_choices(look(self._repo, work, self._dense, unheard))
        journal = Scratch(self._repo.folder)
        journal.begin({})
        driver.apply(work.with_choices(choices_of(work)), journal)
        edited = Edited(journal.layers())
        before, after = edited.sizes(self._dense)
        values = self._judged(Overlaid(self._dense, edited.tensors, edited.gone))
        journal.clear()
        return {**values, "share of bytes": after / before}

    def _theirs(self, seed: int, spec: dict[str, Any]) -> Values:
        ids, threads = self._samples(seed, "known"), self.settings.threads
        with TemporaryDirectory(prefix="theirs-", dir=WORK) as made:
            weights = peer.compressed(self._folder, ids, spec, threads=threads, out=Path(made))
            return self._judged(weights)

    def _judged(self, weights: Any) -> Values:
        values = self._evaluator.measure(Subject(self._dense, weights), unheard).values
        return {**values, "zeros": _zeros(weights or self._dense)}

    def _samples(self, seed: int, text: str) -> Any:
        count, length = self.settings.samples, self.settings.length
        return windows(self._tokens(text), {}, count, length, seed=seed).ids

    def _tokens(self, name: str) -> Any:
        if name not in self._texts:
            text = read([str(self._folder / f"{name}.txt")])
            self._texts[name] = text.tokens(self._tokenizer, len(text.text))
        return self._texts[name]


def _zeros(weights: Any) -> float:
    """The share of zeros in the matrices that are stored as such; 0 if there is none."""
    names = [name for name in weights.names if name.endswith("_proj.weight")]
    found = [(int((values == 0).sum()), values.numel()) for values in map(weights.read, names)]
    return sum(zeros for zeros, _ in found) / max(sum(size for _, size in found), 1)


def _named(name: str, seed: int) -> str:
    return f"{name}|{seed}" if seed else name
