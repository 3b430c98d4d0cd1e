"""Factors are the nearest of their rank by what each method counts, load as modules, and multiply back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.factoring import ranks
from compress.factoring.entry import added, ranks_of, removed
from compress.operations.factor import Factor, factor, options
from mvc.errors import MvcError, UsageError

pytestmark = pytest.mark.torch


def matrix(rows: int = 24, columns: int = 40, seed: int = 3, **more: Any) -> Any:
    import torch

    from compress.matrix import Matrix

    draw = torch.Generator().manual_seed(seed)
    mixing = torch.randn(columns, columns, generator=draw) * torch.linspace(0.05, 3, columns)
    inputs = torch.randn(300, columns, generator=draw) @ mixing
    weight = torch.randn(rows, columns, generator=draw)
    return Matrix("m.weight", weight, inputs.T @ inputs / 300, **more)


@given(
    st.floats(0.01, 0.999),
    st.integers(1, 5000),
    st.integers(1, 5000),
)
def test_the_rank_of_a_share_is_the_largest_whose_factors_are_within_it(
    keep: float, out: int, inner: int
) -> None:
    rank = ranks.of_share(keep, out, inner)
    budget = keep * out * inner
    assert rank == 1 or ranks.size(rank, out, inner) <= budget * (1 + 1e-6)
    assert ranks.size(rank + 1, out, inner) > budget * (1 - 1e-6)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (32, 32)])
def test_svd_llm_never_loses_more_output_than_the_others(
    keep: float, shape: tuple[int, int]
) -> None:
    for seed in range(3):
        of = matrix(*shape, seed=seed, choice={"inputs": [1.0 + i for i in range(shape[1])]})
        loss = {
            method: factor(of, Factor(method=method, keep=keep)).loss  # type: ignore[arg-type]
            for method in ("svd-llm", "asvd", "fwsvd", "svd")
        }
        assert min(loss.values()) == loss["svd-llm"] > 0


def test_svd_is_the_nearest_matrix_of_its_rank() -> None:
    import torch

    of = matrix()
    made = factor(of, Factor(method="svd", keep=0.5)).payload
    left = torch.linalg.svdvals(of.weight.double())[made.invariant["rank"] :]
    error = (made.dense - of.weight).double().norm()
    assert float(error) == pytest.approx(float(left.norm()), rel=1e-5)


def test_what_singular_values_say_is_lost_is_what_is_lost() -> None:
    """So the allocator need not multiply factors; also with outputs that count differently."""
    import torch

    from compress.factoring.inputs import whitening
    from compress.factoring.spectrum import spectrum
    from compress.numbers import output_error

    of = matrix()
    found = spectrum(of.weight, whitening(of.gram, 0.0, "m"))
    felt = torch.linspace(0.1, 4, 24)
    for rank in (1, 7, 15):
        first, second = found.factors(rank)
        delta = second @ first - of.weight
        assert float(found.lost()[rank]) == pytest.approx(output_error(delta, of.gram), rel=1e-3)
        weighed = output_error(delta * felt.sqrt()[:, None], of.gram)
        assert float(found.lost(felt)[rank]) == pytest.approx(weighed, rel=1e-3)


def test_a_matrix_of_low_rank_is_kept_exactly() -> None:
    import dataclasses

    import torch

    of = matrix()
    low = of.weight[:, :6] @ of.weight[:6, :]
    edit = factor(dataclasses.replace(of, weight=low), Factor(ranks="energy", energy=0.999999))
    assert edit.decisions["rank"] <= 6
    assert torch.allclose(edit.payload.dense, low, atol=1e-2)


def test_energy_takes_the_least_rank_that_keeps_it() -> None:
    lost = [10.0, 4.0, 1.0, 0.5, 0.0]
    assert [ranks.of_energy(share, lost) for share in (0.1, 0.6, 0.61, 0.89, 0.96)] == [
        1,
        1,
        2,
        2,
        4,
    ]


def test_factors_that_are_no_smaller_are_refused_and_said() -> None:
    with pytest.raises(UsageError, match="save nothing"):
        Factor(keep=1.0)
    of = matrix()
    edit = factor(of, Factor(ranks="energy", energy=0.9999))
    assert edit.payload.dense is of.weight and not edit.payload.invariant
    assert "are no smaller than 24 × 40" in edit.warnings[0]


def test_both_factors_are_of_a_size() -> None:
    made = factor(matrix(), Factor()).payload
    import torch

    assert torch.allclose(made.first.norm(dim=1), made.second.norm(dim=0), rtol=1e-4)


def test_a_mask_or_a_grid_in_force_is_named_before_anything_is_done() -> None:
    import torch

    holes = torch.zeros(24, 40, dtype=torch.bool)
    for given_ in ({"zeros": holes}, {"grid": {"format": "int4"}}):
        with pytest.raises(UsageError, match="in force, which its factors would not keep"):
            factor(matrix(**given_), Factor())  # type: ignore[arg-type]


def test_a_singular_gram_is_an_error_unless_it_is_damped() -> None:
    import dataclasses

    import torch

    flat = dataclasses.replace(matrix(), gram=torch.ones(40, 40))
    with pytest.raises(MvcError, match="G is singular"):
        factor(flat, Factor(damping=0.0))
    assert factor(flat, Factor()).payload.dense.isfinite().all()


def test_options_cost_what_is_stored_and_lose_less_the_more_they_cost() -> None:
    for method in ("svd-llm", "svd"):
        found = options(matrix(), Factor(method=method, ranks="budget"))  # type: ignore[arg-type]
        kept, *others = found
        assert kept.loss == 0 and kept.cost == 4 * 24 * 40
        assert [one.cost for one in others] == [4 * 64 * one.choice["rank"] for one in others]  # type: ignore[operator]
        losses = [one.loss for one in others]
        assert losses == sorted(losses, reverse=True)


def test_ranks_go_by_what_the_loss_feels_for_svd_llm_and_are_alike_for_the_others() -> None:
    ways = {method: Factor(method=method).way for method in ("svd-llm", "asvd", "fwsvd", "svd")}  # type: ignore[arg-type]
    assert ways == {"svd-llm": "search", "asvd": "uniform", "fwsvd": "uniform", "svd": "uniform"}
    # Nothing says what the loss feels, as of an encoder: one option, and all alike.
    (alike,) = options(matrix(), Factor(keep=0.5))
    assert alike.choice == {"rank": ranks.of_share(0.5, 24, 40)}
    felt = {"outputs": [1.0] * 24}
    searched = [one.loss for one in options(matrix(choice=felt), Factor())]
    same = [one.loss for one in options(matrix(), Factor(ranks="budget"))]
    assert searched == pytest.approx(same)


def test_of_factors_there_are_only_lower_ranks_to_choose_from() -> None:
    found = options(matrix(rank=5), Factor(ranks="budget"))
    assert [one.choice for one in found] == [{"rank": rank} for rank in (1, 2, 3, 4, 5)]


def test_what_the_configuration_says_of_factors_can_be_taken_back() -> None:
    before = {"model_type": "llama", "hidden_size": 64}
    names = {"a.weight": {"rank": 3}, "b.weight": {"rank": 5}, "c.weight": {}}
    once = added(before, names)
    assert ranks_of(once) == {"a": 3, "b": 5}
    assert ranks_of(added(once, {"a.weight": {"rank": 2}})) == {"a": 2, "b": 5}
    assert ranks_of(removed(once, {"a.weight": {"rank": None}})) == {"b": 5}
    assert removed(once, dict.fromkeys(names)) == before


def test_a_quantized_model_is_not_given_a_second_way_to_load() -> None:
    with pytest.raises(UsageError, match="loaded by bitsandbytes"):
        added({"quantization_config": {"quant_method": "bitsandbytes"}}, {"a.weight": {"rank": 3}})


def test_modules_multiply_back_to_what_they_compute() -> None:
    import torch

    from compress.factoring.modules import Factored, multiply, replace

    torch_model = torch.nn.Sequential(torch.nn.Linear(10, 8), torch.nn.Linear(8, 4, bias=False))
    assert replace(torch_model, {"0": 3, "9.up": 2}) == ["9.up"]
    made = torch_model[0]
    assert isinstance(made, Factored) and (made.in_features, made.out_features) == (10, 8)
    draw = torch.Generator().manual_seed(1)
    for parameter in torch_model.parameters():
        parameter.data.normal_(generator=draw)
    inputs = torch.randn(5, 10, generator=draw)
    before = torch_model(inputs)
    plain = multiply(torch_model)
    assert not any(isinstance(one, Factored) for one in plain.modules())
    assert torch.allclose(plain(inputs), before, atol=1e-5)
