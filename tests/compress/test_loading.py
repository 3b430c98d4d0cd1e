"""What quantize and factor store is loaded by transformers itself, and computes what was judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from families import Opening, streamed, whole
from test_architectures import take

import compress
from compress.operations.dequantize import Dequantize
from compress.operations.factor import Factor
from compress.operations.quantize import Quantize
from mvc.errors import UsageError
from mvc.repository import Repository

pytestmark = [
    pytest.mark.torch,
    # Of the packages that load: not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

#: Every format, granularity and symmetry that compressed-tensors holds.
CODES: list[dict[str, Any]] = [
    {"format": form, "granularity": granularity, "symmetric": symmetric}
    for form in ("int8", "int4", "int3")
    for granularity in ("tensor", "channel", "group")
    for symmetric in (True, False)
] + [{"format": "fp8-e4m3", "granularity": granularity} for granularity in ("tensor", "channel")]


def loaded(kind: str = "AutoModelForCausalLM") -> Any:
    """By transformers alone, from the folder that the test stands in."""
    import torch
    import transformers

    return getattr(transformers, kind).from_pretrained(".", dtype=torch.float32)


def same(repo: Repository, model: Any, error: float = 1e-4) -> bool:
    """Whether it computes what the driver does, up to rounding."""
    import torch

    expected = streamed(repo)
    return bool(torch.allclose(whole(model), expected, atol=error * float(expected.abs().max())))


def same_nf4(repo: Repository) -> bool:
    """bitsandbytes multiplies in less than single precision, by the very weights that were judged.

    It lays codes out anew to multiply by them, after which it can't dequantize them.
    """
    return same(repo, compress.load("."), 0.05) and same(repo, compress.load(".").dequantize())


@pytest.mark.parametrize("how", CODES, ids=lambda how: "-".join(map(str, how.values())))
def test_codes_load_in_transformers_and_compute_what_was_judged(
    repo: Repository, how: dict[str, Any]
) -> None:
    take(repo, Quantize(method="rtn", group_size=32, save_as="compressed-tensors", **how))
    assert same(repo, loaded())


def test_nf4_loads_in_transformers_with_bitsandbytes_and_computes_what_was_judged(
    repo: Repository,
) -> None:
    take(repo, Quantize(method="rtn", format="nf4", group_size=64, save_as="bitsandbytes"))
    model = loaded()
    assert type(model.model.layers[0].mlp.up_proj).__name__ == "Linear4bit"
    assert same_nf4(repo)
    kept = ("*.layers.1.*",)  # of what is no more NF4 bitsandbytes has to be told
    take(repo, Dequantize(only=kept))
    model = loaded()
    kinds = [type(model.model.layers[at].mlp.up_proj).__name__ for at in range(2)]
    assert kinds == ["Linear4bit", "Linear"] and same_nf4(repo)


@pytest.mark.parametrize(
    ("form", "layout"), [("nf4", "bitsandbytes"), ("int4", "compressed-tensors")]
)
def test_codes_load_without_the_head_too(repo: Repository, form: Any, layout: Any) -> None:
    import torch

    take(repo, Quantize(method="rtn", format=form, group_size=32, save_as=layout))
    with torch.no_grad():
        ids = torch.arange(24)[None]
        bare = loaded("AutoModel")(input_ids=ids).last_hidden_state
        headed = loaded().model(input_ids=ids).last_hidden_state
    assert torch.allclose(bare, headed, atol=1e-5)


def test_some_codes_and_some_values_load_together(repo: Repository) -> None:
    how = {"method": "rtn", "group_size": 32, "save_as": "compressed-tensors", "symmetric": True}
    take(repo, Quantize(format="int4", only=("*.mlp.*",), **how))
    assert same(repo, loaded())
    take(repo, Quantize(format="int8", only=("*.self_attn.*",), **how))
    assert same(repo, loaded())
    take(repo, Dequantize(only=("*.layers.0.*",)))
    block = json.loads(Path("config.json").read_text("utf-8"))["quantization_config"]
    assert len(block["config_groups"]) == 2 and same(repo, loaded())


def test_codes_of_a_budget_load_each_in_its_format(repo: Repository) -> None:
    how = {"method": "rtn", "group_size": 32, "save_as": "compressed-tensors"}
    with pytest.raises(UsageError, match="only without zeros"):
        Quantize(budget="5.5bit", **how)
    take(repo, Quantize(budget="5.5bit", symmetric=True, **how))
    assert same(repo, loaded())


def test_conv1d_loads_as_nf4_and_is_refused_by_compressed_tensors(opened: Opening) -> None:
    repo = opened("gpt2")
    with pytest.raises(UsageError, match="knows no module but Linear"):
        take(repo, Quantize(method="rtn", save_as="compressed-tensors"))
    take(repo, Quantize(method="rtn", format="nf4", group_size=32, save_as="bitsandbytes"))
    assert same_nf4(repo)
    take(repo, Dequantize())
    assert same(repo, loaded())


@pytest.mark.parametrize("name", ["bert", "minilm", "opt-350m"])
def test_what_is_outside_of_the_blocks_stays_values(opened: Opening, name: str) -> None:
    repo = opened(name)
    take(repo, Quantize(method="rtn", format="nf4", group_size=32, save_as="bitsandbytes"))
    assert same_nf4(repo)


def test_an_awq_scale_is_not_folded_into_factors(repo: Repository) -> None:
    take(repo, Factor(keep=0.5, ranks="uniform", only=("*.up_proj.*",)))
    taken = take(
        repo, Quantize(method="awq", group_size=32, only=("*.down_proj.*",), format="int3")
    )
    assert any("nothing before it can take in a scale" in one for one in taken.warnings)
    assert not any(name.endswith("up_proj.weight") for name in repo.load(framework="pt"))
