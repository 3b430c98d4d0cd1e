"""The guard hears what is there, and seldom what is not: false alarms are counted on noise, seeds given."""

from __future__ import annotations

import math
import random

import pytest

from compress.evaluation.intervals import interval, paired, student
from compress.evaluation.measurement import Measurement
from compress.guard.limit import Limit, judge
from compress.guard.spikes import alarms, cusum, moving_average, noise, trend, z_score
from compress.guard.watch import Watch
from mvc.errors import MvcError, UsageError

DETECTORS = [z_score, moving_average, cusum, trend]


def white(seed: int, count: int = 100) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(0, 1) for _ in range(count)]


@pytest.mark.parametrize("detector", DETECTORS)
def test_false_alarms_over_a_hundred_values_of_noise_are_under_three_percent(detector) -> None:
    series = 120
    wrong = sum(
        any(detector(values[:end]) for end in range(9, 101, 3))
        for values in map(white, range(series))
    )
    assert wrong / series <= 0.03


@pytest.mark.parametrize("seed", range(10))
def test_what_went_wrong_is_heard(seed: int) -> None:
    calm = white(seed, 60)
    spike = [*calm, 9.0]
    assert z_score(spike) and z_score(spike).at == 60  # type: ignore[union-attr]
    assert moving_average([*calm, *(x + 7 for x in white(seed + 100, 5))])
    assert cusum([*calm[:20], *(x + 2.5 for x in calm)])
    assert trend([x + 0.12 * at for at, x in enumerate(calm)])


def test_noise_is_estimated_whatever_the_level_and_a_few_jumps() -> None:
    values = [5.0 + x for x in white(1, 400)]
    values[50] += 100
    assert noise(values) == pytest.approx(1.0, rel=0.2)


def test_what_is_no_number_is_an_alarm_at_once() -> None:
    assert alarms([1.0, math.nan])[0].kind == "no number"
    assert not alarms([1.0] * 50) and not alarms([])


def test_a_run_whose_loss_jumps_or_is_no_number_ends() -> None:
    heard: list[str] = []
    watch = Watch(lambda event, /, **fields: heard.append(event))
    for at, loss in enumerate(white(3, 40)):
        watch("progress", done=at, of=100, loss=loss)
    with pytest.raises(MvcError, match="jumped"):
        for at in range(10):
            watch("progress", done=at, of=100, loss=30.0)
    with pytest.raises(MvcError, match="the loss is nan"):
        watch("progress", done=1, of=2, loss=math.nan)
    assert heard.count("progress") >= 40


def measured(*losses: float) -> Measurement:
    return Measurement.of({"loss": losses, "accuracy": tuple(1 / (1 + x) for x in losses)})


def test_a_limit_is_relative_absolute_or_none() -> None:
    assert Limit.parse("3%") == Limit(0.03) and Limit.parse("0.5") == Limit(0.5, relative=False)
    assert math.isinf(Limit.parse("none").amount)
    assert [str(Limit.parse(text)) for text in ("3%", "0.5", "none")] == ["3%", "0.5", "none"]
    for text in ("-1%", "three", "nan", ""):
        with pytest.raises(UsageError):
            Limit.parse(text)


def test_a_step_is_refused_just_beyond_its_limit() -> None:
    before = measured(2.0, 3.0, 4.0)
    for shift, refused in ((0.02, False), (0.04, True)):
        after = measured(*(x + shift for x in (2.0, 3.0, 4.0)))
        verdict = judge(before, after, "perplexity", Limit(0.03))
        assert verdict.refused is refused
        assert verdict.worse.mean == pytest.approx(math.expm1(shift))
        # Every sequence lost the same: in pairs there is no doubt at all.
        assert verdict.worse.high - verdict.worse.low < 1e-9
    assert judge(before, measured(math.inf, 3, 4), "perplexity", Limit(math.inf)).refused


def test_higher_is_better_where_it_is() -> None:
    before, after = measured(1.0, 1.0), measured(3.0, 3.0)
    verdict = judge(before, after, "accuracy", Limit(0.03))
    assert verdict.refused and verdict.worse.mean == pytest.approx(0.5)
    assert not judge(after, before, "accuracy", Limit(0.03)).refused


def test_a_metric_that_nobody_measured_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="nothing measured bleu") as caught:
        judge(measured(1.0), measured(1.0), "bleu", Limit(0.03))
    assert "perplexity" in str(caught.value.hint)


def test_student_quantiles_are_the_tables() -> None:
    table = {1: 12.706, 5: 2.571, 10: 2.228, 30: 2.042, 40: 2.021, 60: 2.000, 120: 1.980}
    for freedom, expected in table.items():
        assert student(freedom) == pytest.approx(expected, abs=1.5e-3)
    found = interval([1.0, 2.0, 3.0, 4.0])
    assert (found.mean, found.low) == (2.5, pytest.approx(0.446, abs=1e-3))
    assert paired([1.0, 5.0], [2.0, 6.0]).mean == 1.0
    assert interval([1.0]).high == math.inf
