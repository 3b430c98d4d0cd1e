"""Schedules lead where they say, back off when refused, stop when that does not help; waves in a repository."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from compress.waves.forecast import Seen, forecast
from compress.waves.schedule import PATIENCE, Schedule, Wave
from mvc.errors import Refused, UsageError

SHAPES = ("cubic", "linear", "adaptive")


@given(
    waves=some.integers(1, 20),
    start=some.floats(0, 0.4),
    to=some.floats(0.45, 0.95),
    shape=some.sampled_from(SHAPES),
    refusals=some.lists(some.integers(0, PATIENCE - 1), max_size=60),
)
def test_every_schedule_grows_and_ends_where_it_leads(
    waves: int, start: float, to: float, shape: Any, refusals: list[int]
) -> None:
    wave = Wave(Schedule(waves, to, start, shape), 0, start)
    for refused in [*refusals, *[0] * 200]:
        if wave.done:
            break
        after = wave.next(refused, ease=0.2)
        assert wave.sparsity < after.sparsity <= to + 1e-12
        assert Wave.read(after.written()) == after
        wave = after
    assert wave.sparsity == pytest.approx(to, abs=1e-6)


@pytest.mark.parametrize("shape", ["cubic", "linear"])
def test_a_schedule_that_is_never_refused_has_the_waves_asked_for(shape: Any) -> None:
    wave, seen = Wave(Schedule(8, 0.5, 0.0, shape)), []
    while not wave.done:
        wave = wave.next(0)
        seen.append(wave.sparsity)
    expected = [0.5 * (1 - (1 - n / 8) ** 3) if shape == "cubic" else n / 16 for n in range(1, 9)]
    assert seen == pytest.approx(expected)


def test_a_refused_wave_is_tried_with_half_until_the_schedule_stops() -> None:
    wave = Wave(Schedule(4, 0.8, shape="linear"))
    assert [wave.next(n).step for n in range(3)] == pytest.approx([0.2, 0.1, 0.05])
    with pytest.raises(UsageError, match="has stopped: 3 tries"):
        wave.next(3)


def test_an_adaptive_schedule_takes_more_while_it_costs_little() -> None:
    first = Wave(Schedule(8, 0.8, shape="adaptive")).next(0)
    assert first.next(0, ease=0.1).step == pytest.approx(0.15)
    assert first.next(0, ease=0.8).step == pytest.approx(0.1)


@pytest.mark.parametrize(
    "values", [{"waves": 0}, {"to": 0.0}, {"to": 1.0}, {"start": 0.6}, {"heal": "lra"}]
)
def test_a_schedule_that_leads_nowhere_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Schedule(**{"waves": 4, "to": 0.5, **values})


def test_the_forecast_finds_damage_that_grows_with_sparsity() -> None:
    def damage(sparsity: float, step: float) -> float:
        return step * 0.05 * 2.718 ** (4 * sparsity)

    seen = [Seen(s, 0.1, damage(s, 0.1)) for s in (0.1, 0.2, 0.3, 0.4)]
    found = forecast(seen, 0.5, 0.1)
    assert found is not None and found.low <= damage(0.5, 0.1) <= found.high
    assert found.mean == pytest.approx(damage(0.5, 0.1), rel=0.01)
    assert forecast(seen[:1], 0.5, 0.1) is None


@pytest.mark.torch
def test_waves_follow_one_another_from_records_alone(repo: Any) -> None:
    from test_steps import QUICK

    from compress.operations.prune import Prune
    from compress.waves.history import history
    from compress.waves.running import begin, next_wave

    with pytest.raises(UsageError, match="no schedule of waves is in force") as caught:
        next_wave(repo)
    assert "prune --waves N --to S" in str(caught.value.hint)
    begin(repo, Prune(method="magnitude"), Schedule(2, 0.3), QUICK)
    told = history(repo)
    assert told is not None and told["wave"] == 1 and told["next"]["sparsity"] == pytest.approx(0.3)
    taken = next_wave(repo)
    assert taken.commit is not None and "0.3" in taken.commit.subject
    with pytest.raises(UsageError, match="the schedule is done"):
        next_wave(repo)


@pytest.mark.torch
def test_a_refused_wave_is_next_tried_with_half(repo: Any) -> None:
    from test_steps import QUICK

    from compress.operations.prune import Prune
    from compress.running import Refused
    from compress.waves.history import history
    from compress.waves.running import begin, next_wave

    options = dataclasses.replace(QUICK, limit="none")
    begin(repo, Prune(method="magnitude"), Schedule(8, 0.9, shape="linear"), options)
    with pytest.raises(Refused):
        next_wave(repo, lambda known: dataclasses.replace(known, limit="0%", metric="kl"))
    told = history(repo)
    assert told is not None and told["refused"] == 1
    assert told["next"]["sparsity"] == pytest.approx(0.9 * 1.5 / 8)


@pytest.mark.torch
@pytest.mark.parametrize(("name", "distill"), [("llama", "kl"), ("bert", "cosine")])
def test_a_wave_that_was_cut_off_is_healed_once_it_is_resumed(
    opened: Any, monkeypatch: pytest.MonkeyPatch, name: str, distill: str
) -> None:
    from test_bisecting import LITTLE
    from test_resuming import cut_after

    from compress.operations.heal import Heal
    from compress.operations.prune import Prune
    from compress.waves import running

    repo, healed = opened(name), []

    def take(repo: Any, of: Any, options: Any, **more: Any) -> Any:
        if isinstance(of, Heal):
            healed.append((of, options.limit, options.samples))
            raise Refused("nothing was learned")
        return known(repo, of, options, **more)

    known: Any = running.take
    monkeypatch.setattr(running, "take", take)
    plan, notes = Schedule(2, 0.3, heal="lora"), []
    options = dataclasses.replace(LITTLE, limit="none", length=24)
    with pytest.raises(Exception, match="cut"):
        running.begin(repo, Prune(method="wanda"), plan, options, report=cut_after(0))
    assert not healed
    taken = running.resume(repo, report=lambda e, /, **f: notes.append(f.get("text", "")))
    assert healed == [(Heal(distill=distill), "", 256)]  # type: ignore[arg-type]
    assert taken.commit.id == repo.head
    assert any(text.endswith("; healing") for text in notes)
    running.next_wave(repo)
    assert len(healed) == 2


def test_a_pipeline_is_read_with_each_steps_own_options_first() -> None:
    from compress.pipelines.pipeline import parse

    found = parse(
        "options: {data: [a.txt], limit: 5%}\n"
        "steps:\n"
        "  - {operation: prune, sparsity: 50%, limit: 40%}\n"
        "  - {operation: prune, method: wanda, pattern: '2:4', seed: 3}\n",
        "r.yaml",
    )
    first, second = found.stages
    assert (first.options.limit, second.options.limit) == ("40%", "5%")
    assert first.options.data == ("a.txt",) and second.options.seed == 3
    assert (first.recipe.sparsity, second.recipe.pattern) == (0.5, "2:4")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "steps: [{operation: prune, sparsty: 1}]",
            "step 1 has the unknown key 'sparsty'",
            "sparsity",
        ),
        ("stepps: []", "unknown key 'stepps'", "steps"),
        ("steps: []", "must have steps", "steps:"),
        ("steps: [{sparsity: 0.5}]", "names no operation", "operation: prune"),
        ("steps: [{operation: prune, sparsity: x}]", "must be a number or a percentage", None),
        ("steps: [{operation: prune, method: wand}]", "must be one of sparsegpt, wanda", None),
        ("options: {limitt: 3%}\nsteps: [{operation: prune}]", "unknown key 'limitt'", "limit"),
    ],
)
def test_what_is_wrong_with_a_pipeline_is_said(text: str, message: str, hint: str | None) -> None:
    from compress.pipelines.pipeline import parse

    with pytest.raises(UsageError, match=message) as caught:
        parse(text, "r.yaml")
    assert hint is None or hint in str(caught.value.hint)
