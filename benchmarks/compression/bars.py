"""What each part must reach, and whether it does: plain numbers about figures that were taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from benchmarks.compression.rounds import Values, mean, ratio, said, ways
from compress.evaluation.intervals import interval
from mvc.values import dataclass

REFERENCE = "llm-compressor"
Ways = Mapping[str, Mapping[str, Values]]


@dataclass(frozen=True, slots=True)
class Bar:
    """``measured`` with its interval, "" if it was not; ``bar``: what it has to be."""

    what: str
    bar: str
    measured: str = ""
    met: bool = False

    @property
    def verdict(self) -> str:
        """A word for the table."""
        if not self.measured:
            return "not measured"
        return "met" if self.met else "**missed**"


def of(part: str, found: Mapping[str, Values]) -> list[Bar]:
    """All bars of ``part``."""
    return list(_BARS[part](ways(found)))


def _prune(found: Ways) -> Iterator[Bar]:
    for words in ("50 %", "2:4"):
        for method in ("Wanda", "SparseGPT"):
            yield _beside(found, f"{method}, {words}")
        yield _rising(found, [f"{one}, {words}" for one in ("SparseGPT", "Wanda", "magnitude")])


def _quantize(found: Ways) -> Iterator[Bar]:
    for name in ("GPTQ", "AWQ", "GPTQ, symmetric", "AWQ, symmetric"):
        yield _beside(found, name)
    for name in ("GPTQ", "AWQ"):
        yield _rising(found, [name, "NF4", "rounding, symmetric"])


def _factor(found: Ways) -> Iterator[Bar]:
    yield _at_most(found, "SVD-LLM", "perplexity", 50)
    yield _at_most(found, "SVD-LLM", "kl", 1.0)
    what, bar = "perplexity of SVD : SVD-LLM's", "> 1000"
    if {"SVD", "SVD-LLM"} <= found.keys():
        times = mean(found["SVD"], "perplexity") / mean(found["SVD-LLM"], "perplexity")
        yield Bar(what, bar, f"{times:.4g}", times > 1000)
    else:
        yield Bar(what, bar)


def _heal(found: Ways) -> Iterator[Bar]:
    name = "50 % by magnitude, healed"
    what, bar = f"{name}: share of the lost log-perplexity", "≥ 0.5"
    if name in found:
        won = interval([values["recovered"] for values in found[name].values()])
        yield Bar(what, bar, said(won), won.mean >= 0.5)
    else:
        yield Bar(what, bar)
    yield _at_most(found, name, "minutes", 10)
    yield _at_most(found, name, "zeros opened", 0)
    for waves in ("SparseGPT in 2 waves, healed", "SparseGPT in 2 waves, healed twice as much"):
        yield _ratio(found, waves, "SparseGPT at once, healed", "kl", 1.0)


def _beside(found: Ways, name: str) -> Bar:
    return _ratio(found, name, f"{name}, {REFERENCE}", "perplexity", 1.02)


def _ratio(found: Ways, one: str, other: str, column: str, most: float) -> Bar:
    what, bar = f"{column} of {one} : {other}", f"≤ {most:g}"
    if not found.get(one, {}).keys() & found.get(other, {}).keys():
        return Bar(what, bar)
    times = ratio(found[one], found[other], column)
    return Bar(what, bar, said(times), times.mean <= most)


def _rising(found: Ways, names: Sequence[str]) -> Bar:
    what, bar = f"perplexity: {' < '.join(names)}", "in this order"
    if not set(names) <= found.keys():
        return Bar(what, bar)
    values = [mean(found[name], "perplexity") for name in names]
    met = all(one < other for one, other in pairwise(values))
    return Bar(what, bar, (" < " if met else ", ").join(f"{v:.4g}" for v in values), met)


def _at_most(found: Ways, name: str, column: str, most: float) -> Bar:
    what, bar = f"{name}: {column}", f"≤ {most:g}"
    if name not in found:
        return Bar(what, bar)
    value = interval([values[column] for values in found[name].values()])
    return Bar(what, bar, said(value), value.mean <= most)


_BARS: Mapping[str, Callable[[Ways], Iterator[Bar]]] = {
    "prune": _prune,
    "quantize": _quantize,
    "factor": _factor,
    "heal": _heal,
}
