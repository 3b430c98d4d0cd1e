"""Each family is known, runs by blocks as it runs as a whole, and is compressed and loaded as any other."""

from __future__ import annotations

from typing import Any

import families
import pytest
from families import Opening, skeleton, streamed, tokens, whole

import compress
from compress.operations.factor import Factor
from compress.operations.heal import Heal
from compress.operations.prune import Prune
from compress.operations.quantize import Quantize
from compress.options import Options
from mvc.errors import UsageError
from mvc.repository import Repository

pytestmark = pytest.mark.torch

FEW = Options(
    data=("known.txt",),
    held=("held.txt",),
    samples=4,
    length=families.LENGTH,
    judged=2,
    limit="none",
    threads=1,
)
EVERY = {"attn_in", "attn_out", "mlp_in", "mlp_out"}
#: Name → how it is described, and which groups' scales can be folded into what is before them.
KNOWN: dict[str, tuple[str, set[str]]] = {
    "llama": ("llama", EVERY),
    "mistral": ("llama", EVERY),
    "qwen2": ("llama", EVERY),
    "qwen3": ("llama", EVERY),
    "gemma": ("gemma", EVERY),
    "gemma2": ("gemma2", EVERY),
    "gemma3": ("gemma2", EVERY),
    "gpt2": ("gpt2", {"attn_in", "mlp_in"}),
    "opt": ("opt", EVERY),
    "opt-350m": ("opt", {"attn_out"}),
    "bert": ("bert", {"attn_out"}),
    "minilm": ("bert", {"attn_out"}),
    "roberta": ("bert", {"attn_out"}),
    "gpt_neox": ("generic", set()),
}


def take(repo: Repository, recipe: Any, options: Options = FEW) -> Any:
    from compress.running import take as run

    return run(repo, recipe, options)


@pytest.mark.parametrize("name", KNOWN)
def test_a_family_is_known_and_each_matrix_of_a_block_in_just_one_group(
    opened: Opening, name: str
) -> None:
    from compress.streaming.grouping import BlockView, Chosen

    bones = skeleton(opened(name))
    assert bones.architecture.name == KNOWN[name][0] and len(bones) == 2
    assert bool(bones.architecture.note) == (KNOWN[name][0] == "generic")
    with bones.loaded(1) as block:
        view = BlockView(bones, 1, block, Chosen())
        members = [path for _, _, paths in view.rules for path in paths]
        assert sorted(members) == sorted(view.modules) and members


@pytest.mark.parametrize("name", KNOWN)
def test_a_family_runs_block_by_block_as_it_does_as_a_whole(opened: Opening, name: str) -> None:
    import torch

    repo = opened(name)
    expected = whole(compress.load(".", dtype=torch.float32))
    assert torch.allclose(streamed(repo), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", KNOWN)
def test_a_scale_folded_into_what_makes_an_input_changes_nothing(
    opened: Opening, name: str
) -> None:
    import torch

    from compress.quantization import folding
    from compress.standing import Standing
    from compress.streaming.grouping import BlockView, Chosen
    from compress.streaming.states import States

    bones = skeleton(opened(name))
    states, folded = States(bones, tokens()), set()
    with bones.loaded(0) as block:
        (before,) = states.run(block, 0)
        view = BlockView(bones, 0, block, Chosen())
        for number, (group_name, _, _) in enumerate(view.rules):
            group = view.group(group_name, None, Standing(), {}, 0)
            width = group.matrices[0].weight.shape[1]
            if not folding.takes(group.source, width):
                continue
            folded.add(group_name.rpartition(".")[2])
            draw = torch.Generator().manual_seed(number)
            scale = 0.5 + 2 * torch.rand(width, generator=draw)
            scale = folding.tied(group.source, scale)
            scale, changed = folding.folded(group.source, scale, torch.float32)
            scaled = {one.name: one.weight * scale for one in group.matrices}
            view.fold({**changed, **scaled})
            (after,) = states.run(block, 0)
            assert torch.allclose(after, before, rtol=1e-4, atol=1e-4), group_name
    assert folded == KNOWN[name][1]


@pytest.mark.parametrize("name", KNOWN)
def test_a_family_is_pruned_healed_quantized_and_loads_as_it_was_judged(
    opened: Opening, name: str
) -> None:
    import torch

    repo = opened(name)
    take(repo, Prune(sparsity=0.5, pattern="2:4", method="wanda"))
    take(repo, Prune(sparsity=0.6, method="sparsegpt"))
    take(repo, Heal(steps=8, rank=4, weight=100.0, distill="cosine"))
    pruned = repo.load(framework="pt")
    method = "awq" if KNOWN[name][1] else "gptq"
    taken = take(repo, Quantize(method=method, format="int8"))
    judged = {"bert": "agreement", "minilm": "similarity", "roberta": "similarity"}
    assert taken.verdict.metric == judged.get(name, "perplexity")
    after = repo.load(framework="pt")
    bones = skeleton(repo)
    inside = [name for name in bones.every_matrix() if name.startswith(f"{bones.path}.")]
    for weight in inside:
        held = bones.stored(weight)
        zeros = pruned[held] == 0
        assert 0.59 < float(zeros.float().mean()) < 0.62 and not bool(after[held][zeros].any())
    expected = whole(compress.load(".", dtype=torch.float32))
    assert torch.allclose(streamed(repo), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", KNOWN)
def test_a_family_is_factored_and_loads_as_it_was_judged(opened: Opening, name: str) -> None:
    import torch

    repo = opened(name)
    taken = take(repo, Factor(keep=0.7))
    assert taken.sizes[1] < taken.sizes[0]
    expected = whole(compress.load(".", dtype=torch.float32))
    assert torch.allclose(streamed(repo), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma", "gpt2", "opt", "bert"])
def test_a_head_that_is_tied_to_the_embedding_stays_tied(opened: Opening, name: str) -> None:
    repo = opened(name)
    before = set(repo.load(framework="pt"))
    take(repo, Quantize(method="rtn", format="int4", group_size=32))
    assert set(repo.load(framework="pt")) == before
    model = compress.load(".")
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("t5", "has an encoder and a decoder"),
        ("mixtral", "from several tensors of the file"),
        ("mamba", "without calling the module"),
    ],
)
def test_what_cannot_be_streamed_is_refused_by_its_name(
    opened: Opening, name: str, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        take(opened(name), Prune(method="wanda"))
