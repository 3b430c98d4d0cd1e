"""What every registered operation promises of its recipe and, where it works on matrices, of its edits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compress import operations, recipe
from compress.operations import OPERATIONS
from mvc.errors import UsageError
from mvc.merge.recipe_text import recipe_values

pytestmark = pytest.mark.torch

NAMES = sorted(OPERATIONS)


def matrix(
    name: str = "m.weight", *, rows: int = 16, columns: int = 32, holes: bool = False
) -> Any:
    import torch

    from compress.matrix import Matrix

    draw = torch.Generator().manual_seed(5)
    weight = torch.randn(rows, columns, generator=draw)
    inputs = torch.randn(256, columns, generator=draw) * torch.linspace(0.2, 3, columns)
    zeros = None
    if holes:
        zeros = torch.rand(rows, columns, generator=draw) < 0.3
        weight = weight.masked_fill(zeros, 0.0)
    return Matrix(name, weight, inputs.T @ inputs / 256, zeros, seed=11)


def edited(name: str, of: Any, given: Any) -> Any:
    operation = operations.named(name)
    if operation.edit is not None:
        return operation.edit(given, of)
    if operation.edit_group is None:
        return None
    from compress.matrix import Group

    return operation.edit_group(Group("g", (given,)), of)[given.name]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_comes_back_from_json_and_yaml(name: str) -> None:
    of = operations.named(name).recipe()
    said = recipe.encode(name, of)
    assert operations.read(json.loads(json.dumps(said)))[1] == of
    assert operations.read(recipe_values(recipe.to_yaml(said), "r.yaml"))[1] == of


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_frozen_versioned_and_made_of_plain_defaults(name: str) -> None:
    of = operations.named(name).recipe()
    assert of.version >= 1 and isinstance(of.only, tuple) and isinstance(of.skip, tuple)
    with pytest.raises(AttributeError):
        of.version = 2


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_key_is_answered_with_the_nearest(name: str) -> None:
    with pytest.raises(UsageError, match="unknown key 'verzion'") as caught:
        operations.read({"operation": name, "verzion": 1})
    assert caught.value.hint == "did you mean version?"


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_of_the_future_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="version 99"):
        operations.read({"operation": name, "version": 99})


@pytest.mark.parametrize("name", NAMES)
def test_an_edit_is_pure_and_keeps_shape_and_mask(name: str) -> None:
    import torch

    of = operations.named(name).recipe()
    for holes in (False, True):
        given, again = matrix(holes=holes), matrix(holes=holes)
        torch.manual_seed(1)
        try:
            one = edited(name, of, given)
        except UsageError as error:
            assert holes and "a mask is in force" in str(error)  # or it says that it can't keep it
            continue
        if one is None:
            return  # it works on a whole model
        torch.manual_seed(2)
        other = edited(name, of, again)
        assert torch.equal(one.payload.dense, other.payload.dense)
        assert torch.equal(given.weight, matrix(holes=holes).weight)
        assert torch.equal(given.gram, matrix(holes=holes).gram)
        assert one.payload.dense.shape == given.weight.shape
        assert one.payload.dense.isfinite().all()
        assert json.dumps(dict(one.decisions)) and json.dumps(dict(one.payload.invariant))
        if holes:
            assert not one.payload.dense[given.zeros].any()


def test_what_is_no_operation_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no operation 'prun'") as caught:
        operations.named("prun")
    assert caught.value.hint == "did you mean prune?"
