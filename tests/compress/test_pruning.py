"""Pruning does what its papers say, on matrices small enough to check by other means."""

from __future__ import annotations

import itertools

import pytest

from compress.operations.prune import Prune, prune
from mvc.errors import MvcError, UsageError

pytestmark = pytest.mark.torch


def given(rows: int = 8, columns: int = 16, seed: int = 3, samples: int = 200):
    import torch

    from compress.matrix import Matrix

    draw = torch.Generator().manual_seed(seed)
    mixing = torch.randn(columns, columns, generator=draw)
    inputs = torch.randn(samples, columns, generator=draw) @ mixing
    weight = torch.randn(rows, columns, generator=draw)
    return Matrix("m", weight, inputs.T @ inputs / samples)


@pytest.mark.parametrize("method", ["sparsegpt", "wanda", "ria", "magnitude"])
@pytest.mark.parametrize("sparsity", [0.25, 0.5, 0.75])
def test_just_the_share_asked_for_is_zero(method: str, sparsity: float) -> None:
    edit = prune(given(), Prune(method=method, sparsity=sparsity))  # type: ignore[arg-type]
    assert float((edit.payload.dense == 0).float().mean()) == sparsity


@pytest.mark.parametrize("method", ["sparsegpt", "wanda", "ria", "magnitude"])
@pytest.mark.parametrize("pattern", ["2:4", "4:8", "1:4"])
def test_of_every_m_just_n_stay(method: str, pattern: str) -> None:
    keep, of = map(int, pattern.split(":"))
    recipe = Prune(method=method, sparsity=1 - keep / of, pattern=pattern)  # type: ignore[arg-type]
    kept = (prune(given(), recipe).payload.dense != 0).reshape(-1, of).sum(dim=1)
    assert set(kept.tolist()) == {keep}


def test_wanda_prunes_in_each_row_by_weight_times_input_norm() -> None:
    import torch

    matrix = given()
    edit = prune(matrix, Prune(method="wanda", sparsity=0.5))
    assert matrix.gram is not None
    scores = matrix.weight.abs() * matrix.gram.diagonal().sqrt()
    for row, score in zip(edit.payload.dense, scores, strict=True):
        assert set(torch.nonzero(row == 0).flatten().tolist()) == set(score.argsort()[:8].tolist())


def test_sparsegpt_of_one_weight_a_row_is_the_optimal_brain_surgeon() -> None:
    """Of one row and one weight to go it takes the one, and the repair, with the least output error of all."""
    import torch

    matrix = given(rows=1, columns=6)
    assert matrix.gram is not None
    edit = prune(matrix, Prune(sparsity=1 / 6, damping=0.0, block=6))
    gram, weight = matrix.gram.double(), matrix.weight[0].double()
    inverse = torch.linalg.inv(gram)
    gone = int(torch.nonzero(edit.payload.dense[0] == 0))
    rest = slice(gone + 1, None)
    # Columns to the left are settled when its turn comes: the least error with them fixed.
    delta = torch.zeros(6, dtype=torch.float64)
    delta[gone] = -weight[gone]
    inner = gram[rest, rest]
    delta[rest] = -torch.linalg.solve(inner, gram[rest, gone] * delta[gone]) if inner.numel() else 0
    assert torch.allclose((weight + delta).float(), edit.payload.dense[0], atol=1e-4)
    assert edit.loss == pytest.approx(float(delta @ gram @ delta), rel=1e-3)
    assert inverse.isfinite().all()


def test_sparsegpt_loses_less_than_wanda_and_wanda_less_than_magnitude() -> None:
    losses = [
        sum(prune(given(32, 64, seed), recipe).loss for seed in range(3))
        for recipe in (Prune(), Prune(method="wanda"), Prune(method="magnitude", scope="row"))
    ]
    assert losses == sorted(losses)


@pytest.mark.parametrize("method", ["sparsegpt", "wanda", "ria", "magnitude"])
def test_a_mask_in_force_is_never_opened_and_counts(method: str) -> None:
    from dataclasses import replace

    first = prune(given(), Prune(method="magnitude", sparsity=0.25)).payload.dense
    matrix = replace(given(), weight=first, zeros=first == 0)
    second = prune(matrix, Prune(method=method, sparsity=0.5)).payload.dense  # type: ignore[arg-type]
    assert not second[first == 0].any()
    # Wanda and SparseGPT count in rows and blocks, of which one may have had more than its share.
    assert 0.5 <= float((second == 0).float().mean()) < 0.56


def test_a_singular_gram_is_an_error_that_names_the_matrix_and_the_way_out() -> None:
    from dataclasses import replace

    import torch

    matrix = replace(given(), gram=torch.zeros(16, 16))
    with pytest.raises(MvcError, match="m: G is singular") as caught:
        prune(matrix, Prune())
    assert "--damping" in str(caught.value.hint)


@pytest.mark.parametrize(
    "values",
    [{"sparsity": 0.0}, {"sparsity": 1.0}, {"pattern": "4:2", "sparsity": 0.5}, {"pattern": "x"},
     {"pattern": "2:4", "sparsity": 0.6}, {"damping": -1.0}],
)  # fmt: skip
def test_a_recipe_that_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Prune(**values)  # type: ignore[arg-type]


def test_rows_that_are_no_multiple_of_m_are_named() -> None:
    with pytest.raises(UsageError, match="rows of 6"):
        prune(given(2, 6), Prune(pattern="2:4"))


def test_ties_fall_by_place_so_that_masks_are_the_same_everywhere() -> None:
    import torch

    from compress.pruning.patterns import lowest

    for rows, columns in itertools.product((1, 3), (4, 7)):
        gone = lowest(torch.ones(rows, columns), 0.5, by_row=True)
        count = round(columns * 0.5)
        assert gone.tolist() == [[True] * count + [False] * (columns - count)] * rows
