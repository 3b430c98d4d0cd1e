"""A dry run tells what a step would do from a few blocks, says from how many, and leaves nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some
from test_bisecting import LITTLE, typed
from test_steps import take

from mvc.errors import UsageError
from mvc.repository import Repository


@given(some.lists(some.integers(0, 200), min_size=1, max_size=60, unique=True), some.integers(1, 9))
def test_a_sample_of_blocks_has_both_ends_and_lies_between(blocks: list[int], count: int) -> None:
    from compress.foretelling import spread

    blocks.sort()
    picked = spread(blocks, count)
    assert picked == sorted(set(picked)) and set(picked) <= set(blocks)
    assert {picked[0], picked[-1]} == {blocks[0], blocks[-1]}
    assert len(picked) == min(len(blocks), max(count, 3))


@given(some.floats(-1, 1), some.floats(0, 1), some.floats(0, 1), some.integers(5, 80))
def test_blocks_that_cost_alike_but_for_the_ends_are_summed_exactly(
    each: float, first: float, last: float, count: int
) -> None:
    from compress.foretelling import summed

    found = summed([first, each, each, each, last], count)
    assert found.mean == pytest.approx(first + last + (count - 2) * each)
    assert found.high - found.low == pytest.approx(0, abs=1e-6)


def test_the_interval_of_a_sum_covers_it_nineteen_times_of_twenty() -> None:
    import random

    from compress.foretelling import spread, summed

    draw, covered, rounds = random.Random(0), 0, 600
    for _ in range(rounds):
        costs = [draw.gauss(1, 0.5) for _ in range(30)]
        found = summed([costs[n] for n in spread(range(30), 5)], 30)
        covered += found.low <= math.fsum(costs) <= found.high
    assert 0.92 < covered / rounds < 0.98


@pytest.mark.torch
def test_a_dry_run_is_near_what_comes_of_it_and_leaves_no_trace(thirty: Repository) -> None:
    from compress.operations.prune import Prune
    from compress.streaming.journal import Journal

    repo, recipe = thirty, Prune(method="wanda", sparsity=0.3)
    head, operations = repo.head, len(list(repo.operations()))
    told = take(repo, recipe, LITTLE, dry_run=True, sample=True)
    assert told.commit is None and (told.foretold.blocks, told.foretold.of) == (5, 30)
    assert repo.head == head and len(list(repo.operations())) == operations
    assert Journal(repo.folder).run() is None and not repo.steps.refused()
    whole = take(repo, recipe, LITTLE, dry_run=True)
    assert told.sizes == whole.sizes and told.foretold.exact
    assert told.before.values == whole.before.values


@pytest.mark.torch
def test_all_blocks_of_a_small_model_are_tried_and_nearly_add_up(repo: Repository) -> None:
    from compress.operations.factor import Factor
    from compress.operations.prune import Prune
    from compress.operations.quantize import Quantize

    for recipe in (
        Prune(method="wanda", sparsity=0.3),
        Quantize(method="rtn", group_size=64, symmetric=True, save_as="compressed-tensors"),
        Factor(method="asvd", keep=0.7),  # svd-llm makes good what earlier blocks lost: no sum
    ):
        told = take(repo, recipe, LITTLE, dry_run=True, sample=True)
        whole = take(repo, recipe, LITTLE, dry_run=True)
        assert (told.foretold.blocks, told.foretold.of) == (3, 3)
        assert told.verdict.worse.mean == pytest.approx(whole.verdict.worse.mean, rel=0.3)
        assert told.sizes == whole.sizes


@pytest.mark.torch
def test_what_can_t_be_told_from_a_part_is_said(repo: Repository) -> None:
    from compress.operations.heal import Heal
    from compress.operations.prune import Prune

    with pytest.raises(UsageError, match="can't be told from a part") as caught:
        take(repo, Heal(), LITTLE, dry_run=True, sample=True)
    assert "--rehearse" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no matrix of the model is chosen"):
        take(repo, Prune(only=("x.*",)), LITTLE, dry_run=True, sample=True)


@pytest.mark.torch
def test_it_is_typed_as_dry_run_or_rehearsed(repo: Repository) -> None:
    quick = ["--data", "known.txt", "--held", "held.txt", "--length", "64", "--samples", "8"]
    quick += ["--judged", "8", "--threads", "1", "--method", "magnitude", "--sparsity", "90%"]
    lines = typed("compress", "prune", *quick, "--dry-run").output.splitlines()
    assert lines[0] == (
        "dry run: would be refused, told from all 3 blocks, each changed alone; nothing has changed"
    )
    assert lines[1].startswith("  perplexity ") and lines[1].endswith("limit 3%")
    assert lines[2:] == [
        "  tensors 542.5 kB → 542.5 kB",
        "  --rehearse does all of it, and commits nothing",
    ]
    lines = typed("compress", "prune", *quick, "--rehearse").output.splitlines()
    assert lines[0] == "dry run: would be refused; nothing has changed"
    assert repo.status().clean and not repo.steps.refused()
