"""A model that is run block by block is the model: same logits, same statistics, same masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mvc.repository import Repository

pytestmark = pytest.mark.torch


@pytest.fixture
def ids(trained: Path) -> Any:
    import torch

    return torch.randint(0, 384, (5, 32), generator=torch.Generator().manual_seed(1))


def skeleton(repo: Repository) -> Any:
    from compress.model.skeleton import Skeleton
    from compress.model.weights import Committed

    return Skeleton(Committed(repo))


def whole(folder: Path) -> Any:
    import torch
    import transformers

    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def test_streamed_logits_are_the_whole_models(repo: Repository, trained: Path, ids: Any) -> None:
    import torch

    from compress.evaluation.outputs import run

    outputs = run(skeleton(repo), ids)
    with torch.no_grad():
        expected = whole(trained)(input_ids=ids).logits
    for logits, wanted in zip(outputs.each(), expected, strict=True):
        assert torch.allclose(logits, wanted, atol=1e-4)


def test_gathered_statistics_are_those_of_the_whole_model(
    repo: Repository, trained: Path, ids: Any
) -> None:
    import torch

    from compress.streaming.gathering import Grams
    from compress.streaming.grouping import BlockView, Chosen
    from compress.streaming.states import States

    model, seen = whole(trained), []
    module = model.model.layers[1].mlp.down_proj
    module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(input_ids=ids)
    rows = seen[0].reshape(-1, seen[0].shape[-1])
    expected = rows.T @ rows / len(rows)

    bones = skeleton(repo)
    states = States(bones, ids)
    with bones.loaded(0) as block:
        states.advance(block, 0)
    with bones.loaded(1) as block:
        view, grams = BlockView(bones, 1, block, Chosen()), Grams()
        with grams.listening(view.inputs()):
            list(states.run(block, 1))
    assert torch.allclose(grams.of("model.layers.1.mlp_out"), expected, rtol=1e-3, atol=1e-4)


def test_a_block_is_let_go_once_it_is_used(repo: Repository) -> None:
    bones = skeleton(repo)
    with bones.loaded(1) as block:
        assert not any(parameter.is_meta for parameter in block.parameters())
    assert all(parameter.is_meta for parameter in bones.blocks.parameters())


def test_every_matrix_of_a_block_is_in_just_one_group(repo: Repository) -> None:
    from compress.streaming.grouping import BlockView, Chosen

    bones = skeleton(repo)
    with bones.loaded(0) as block:
        view = BlockView(bones, 0, block, Chosen())
        members = [path for _, _, paths in view.rules for path in paths]
        assert sorted(members) == sorted(view.modules) and len(members) == 7


def test_only_and_skip_choose_matrices_by_name(repo: Repository) -> None:
    from compress.streaming.grouping import Chosen

    chosen = Chosen(("*.mlp.*",), ("*.0.*",))
    assert chosen.has("model.layers.1.mlp.up_proj.weight")
    assert not chosen.has("model.layers.0.mlp.up_proj.weight")
    assert not chosen.has("model.layers.1.self_attn.q_proj.weight")
