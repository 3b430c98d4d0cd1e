"""What a step would do, told from a few of its blocks: for a dry run that costs a part of the work.

The first and the last block of those that the step works on, and some between them, are edited each as if no
other were, and the model is measured with each alone. What a block costs (log perplexity, or the metric itself)
adds up over blocks; those between the ends that were left out count as the mean of those that were not, with
Student's interval. Blocks that are changed together may cost more than their sum. Sizes are exact where blocks
are alike and no budget gives them out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from compress.editing import Edited, edits_of
from compress.evaluation.evaluator import Subject
from compress.evaluation.intervals import Interval, student
from compress.evaluation.measurement import Measurement
from compress.events import Report
from compress.guard.limit import Verdict, refusals
from compress.operation import Operation
from compress.options import Options
from compress.preparing import Start
from compress.streaming.grouping import chosen_by
from compress.streaming.journal import Journal
from compress.trying import asked
from mvc.errors import UsageError
from mvc.repository import Repository
from mvc.values import dataclass

#: Blocks that stand for all.
SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Foretold:
    """``verdict``: as the guard would give it on what is expected. ``sizes``: bytes before and after.

    ``blocks`` of ``of`` were tried; ``exact``: whether the size is.
    """

    verdict: Verdict
    sizes: tuple[int, int]
    blocks: int
    of: int
    exact: bool


def foretold(
    repo: Repository,
    operation: Operation,
    of: Any,
    options: Options,
    begun: Start,
    before: Measurement,
    journal: Journal,
    report: Report,
) -> Foretold:
    """What ``operation`` with the recipe ``of`` would do to the model; ``journal`` is to be forgotten.

    Raises:
        UsageError: the operation changes the model as a whole, or chooses no matrix.
        MvcError: as the step itself.
    """
    if operation.change is not None:
        raise UsageError(
            f"what {operation.name} does can't be told from a part of it",
            hint="--rehearse does all of it, and commits nothing",
        )
    blocks = _blocks(begun, of, options.first)
    picked = spread(blocks, SAMPLE)
    edits_of(repo, operation, of, begun, options, journal, report, alone=frozenset(picked))
    parent = begun.parent
    metric, limit, must_help = asked(operation, options, before)
    costs, grown = [], []
    for layer in journal.layers():
        edited = Edited([layer])
        config = edited.config(operation, of, parent.skeleton)
        made = edited.judged(operation, parent.skeleton, config)
        after = begun.evaluator.measure(Subject(parent.committed, made), report)
        costs.append(_cost(metric, before, after))
        was, now = edited.sizes(parent.committed)
        grown.append(now - was)
    total = summed(costs, len(blocks))
    worse = _worse(metric, before.values[metric], total, relative=limit.relative)
    expected = _after(metric, before, total.mean)
    reasons = refusals(metric, before.values[metric], expected, worse, limit, must_help=must_help)
    verdict = Verdict(metric, before.values[metric], expected, worse, limit, reasons)
    size = sum(parent.committed.sizes().values())
    after_all = size + round(sum(grown) * len(blocks) / len(grown))
    exact = len(set(grown)) == 1 or len(grown) == len(blocks)
    return Foretold(verdict, (size, after_all), len(picked), len(blocks), exact)


def spread(blocks: Sequence[int], count: int) -> list[int]:
    """Of ``blocks`` the first, the last, and evenly between them as many as make ``count``, three at least."""
    if len(blocks) <= max(count, 3):
        return list(blocks)
    between, room = blocks[1:-1], max(count, 3) - 2
    return [
        blocks[0],
        *(between[(2 * i + 1) * len(between) // (2 * room)] for i in range(room)),
        blocks[-1],
    ]


def summed(costs: Sequence[float], count: int) -> Interval:
    """The sum over ``count`` blocks, of which ``costs`` are the first's, some between, and the last's."""
    if len(costs) == count:
        total = math.fsum(costs)
        return Interval(total, total, total)
    between, left = costs[1:-1], count - 2
    mean = math.fsum(between) / len(between)
    total = costs[0] + costs[-1] + left * mean
    if len(between) < 2:
        return Interval(total, -math.inf, math.inf)
    spread_ = math.fsum((one - mean) ** 2 for one in between) / (len(between) - 1)
    # Of a finite number of blocks: none would be uncertain if all had been tried.
    error = left * math.sqrt(spread_ / len(between) * (1 - len(between) / left))
    reach = student(len(between) - 1) * error
    return Interval(total, total - reach, total + reach)


def _blocks(begun: Start, of: Any, first: int) -> list[int]:
    skeleton, chosen = begun.parent.skeleton, chosen_by(of)
    found = [
        number
        for number, block in enumerate(skeleton.blocks)
        if number >= first
        and any(
            chosen.has(f"{skeleton.name_of(number, module)}.weight")
            for module in skeleton.matrices(block)
        )
    ]
    if not found:
        raise UsageError(
            "no matrix of the model is chosen", hint="--only and --skip are globs of tensor names"
        )
    return found


def _cost(metric: str, before: Measurement, after: Measurement) -> float:
    was, now = before.values[metric], after.values[metric]
    if metric == "perplexity":
        return math.log(now / was)
    return after.sign(metric) * (now - was)


def _after(metric: str, before: Measurement, cost: float) -> float:
    was = before.values[metric]
    if metric == "perplexity":
        return was * math.exp(min(cost, 700.0))
    return was + before.sign(metric) * cost


def _worse(metric: str, was: float, total: Interval, *, relative: bool) -> Interval:
    """As the guard counts it: a share of what was, or in the metric's own units."""
    ends = [total.mean, total.low, total.high]
    if metric == "perplexity":
        ends = [math.expm1(min(one, 700.0)) * (1.0 if relative else was) for one in ends]
    elif relative:
        ends = [one / abs(was) if was else math.copysign(math.inf, one) for one in ends]
    return Interval(*ends)
